"""Aggregates that expressions make of what there is and the next value.

    aggregate(lambda: "", col.left() + col.right("item"))           what there is on the left, the value on the right
    aggregate(lambda: {"n": 0, "last": ""}, {"n": col.left("n") + 1, "last": col.right("item")})

What the aggregate consists of follows from its first value, or from the serde that it is kept with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.serde.shape import Shape, shape_of
from kappaflow.streams.dsl.aggregators import ObjectAggregator
from kappaflow.streams.dsl.expressions import Typed, key_serde_of, serde_of_shape, value_serde_of
from kappaflow.streams.expressions.nodes import Aggregate, Expression
from kappaflow.streams.expressions.scopes import joined_scope
from kappaflow.streams.expressions.values import ExpressionJoiner

Initializer = Callable[[], Any]


def is_folding(given: Any) -> bool:
    """Tell whether something is an expression of an aggregate and a value, rather than a function or folds."""
    if isinstance(given, Aggregate):
        return False
    if isinstance(given, Mapping):
        return not any(isinstance(each, Aggregate) for each in given.values())
    return isinstance(given, Expression)


def aggregate_serde(initializer: Initializer, given: Serde | None, where: str) -> Serde:
    """Return how an aggregate is written: as somebody says, or as its first value is.

    Raises:
        UsageError: the first value does not lie in columns.
    """
    if getattr(given, "shape", None) is not None:
        assert given is not None
        return given
    first = initializer()
    hints: Any = {name: type(value) for name, value in first.items()} if isinstance(first, Mapping) else type(first)
    shape = shape_of(hints)
    if shape is None:
        raise UsageError(
            f"The aggregate of {where} begins with {first!r}, which does not lie in columns: name its value_serde."
        )
    return serde_of_shape(shape)


def folding(
    initializer: Initializer,
    adder: Any,
    serde: Serde,
    of: Typed,
    *,
    subtractor: Any = None,
    merger: Any = None,
) -> ObjectAggregator:
    """Return what folds by expressions.

    Args:
        adder: of the aggregate on the left and the value on the right.
        serde: of the aggregate.
        of: the grouped stream or table.
        subtractor: takes a row of a table back.
        merger: of the aggregates of two sessions.

    Raises:
        UsageError: an expression makes something else than the aggregate.
    """
    shape: Shape = serde.shape  # type: ignore[attr-defined]
    values, keys, where = value_serde_of(of), key_serde_of(of), f"the aggregate of {of.name}"

    def function(given: Any, right: Serde | None) -> Callable[[Any, Any, Any], Any]:
        joiner = ExpressionJoiner(given, joined_scope(serde, right, keys, where), "aggregate")
        return _of_shape(joiner, shape, where)

    adds = function(adder, values)
    takes = None if subtractor is None else function(subtractor, values)
    merges = None if merger is None else function(merger, serde)
    made = ObjectAggregator(
        initializer,
        lambda key, value, aggregate: adds(key, aggregate, value),
        None if takes is None else lambda key, value, aggregate: takes(key, aggregate, value),
        merges,
    )
    made.shape = shape
    return made


def _of_shape(joiner: ExpressionJoiner, shape: Shape, where: str) -> Callable[[Any, Any, Any], Any]:
    made, names = joiner.shape, shape.names
    if made.is_whole != shape.is_whole or dict(zip(made.names, made.types, strict=True)) != dict(
        zip(names, shape.types, strict=True)
    ):
        raise UsageError(f"{where[0].upper()}{where[1:]} is {named(shape)}, but an expression makes {named(made)}.")
    if shape.access == "whole":
        return joiner.row
    value_of = shape.value_of

    def row(key: Any, left: Any, right: Any) -> Any:
        result: Any = joiner.row(key, left, right)
        return value_of(tuple(result[name] for name in names))

    return row


def named(shape: Shape) -> str:
    """Return the columns of a shape for people."""
    return ", ".join(f"{column.name} {column.type}" for column in shape.columns)
