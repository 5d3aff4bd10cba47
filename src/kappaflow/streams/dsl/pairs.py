"""New keys and values by a pair of expressions."""

from __future__ import annotations

from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.streams import topology as run
from kappaflow.streams.columns.stateless import PairColumns
from kappaflow.streams.dsl.entries import Connected, MakeNode
from kappaflow.streams.dsl.expressions import Typed, key_mapper, value_mapper
from kappaflow.streams.expressions.values import is_expression
from kappaflow.streams.processors.records import MapProcessor
from kappaflow.streams.record import Record

Made = tuple[MakeNode, Serde | None, Serde | None]


def pair_node(of: Typed, pair: tuple[Any, ...]) -> Made:
    """Return what makes the operator, and how its keys and values are written.

    Raises:
        UsageError: it is no pair of expressions.
    """
    if len(pair) != 2 or not all(is_expression(each) for each in pair):
        raise UsageError("map takes a function that returns (key, value), or a pair of expressions: (key, value).")
    (keys, key_serde), (values, value_serde) = key_mapper(pair[0], of), value_mapper(pair[1], of)
    shapes: tuple[Any, Any] = (getattr(keys, "shape", None), getattr(values, "shape", None))

    def function(key: Any, value: Any, at: int) -> tuple[Any, Any]:
        record = Record(key, value, at)
        return keys.row(record), values.row(record)

    def make_node(at: Connected) -> run.Node:
        return run.Operator(
            name=at.name,
            make=lambda context, _: MapProcessor(at.name, context, function, timed=True),
            columns=lambda _context, _stores: PairColumns(keys, values),
            key_shape=shapes[0],
            shape=shapes[1],
        )

    return make_node, key_serde, value_serde
