"""Tables on their way to other groups: the selector gives each row its new key and value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.serde.shape import Shape
from kappaflow.streams import topology as run
from kappaflow.streams.columns.regroup import RegroupColumns
from kappaflow.streams.dsl.entries import Connected
from kappaflow.streams.dsl.expressions import key_mapper, value_mapper
from kappaflow.streams.dsl.functions import with_key
from kappaflow.streams.dsl.graph import LatestOnly, operator
from kappaflow.streams.expressions.values import is_expression
from kappaflow.streams.functions import Mapper
from kappaflow.streams.processors.table_regroup import RegroupTableProcessor
from kappaflow.streams.record import Record

if TYPE_CHECKING:
    from kappaflow.streams.dsl.grouped_table import KGroupedTable
    from kappaflow.streams.dsl.table import KTable


class _Selector:
    """A selector of expressions.

    Attributes:
        key, value: its mappers; a value of None stays as it is.
        key_serde, value_serde: how what they make is written.
    """

    def __init__(self, given: Any, of: KTable) -> None:
        parts: tuple[Any, ...] = given if isinstance(given, tuple) else (given, None)
        if len(parts) != 2 or not is_expression(parts[0]) or not (parts[1] is None or is_expression(parts[1])):
            raise UsageError("group_by takes a function, an expression of the key, or a pair of them: (key, value).")
        self.key, self.key_serde = key_mapper(parts[0], of)
        self.value: Mapper | None = None
        self.value_serde = of.value_serde or of.builder.value_serde
        if parts[1] is not None:
            self.value, self.value_serde = value_mapper(parts[1], of)

    def __call__(self, key: Any, value: Any) -> tuple[Any, Any]:
        """Return the new key and value of a row."""
        record = Record(key, value, -1)
        return self.key.row(record), value if self.value is None else self.value.row(record)


def regroup(
    this: KTable, selector: Any, name: str | None, key_serde: Serde | None, value_serde: Serde | None
) -> KGroupedTable:
    """Regroup a table."""
    from kappaflow.streams.dsl.grouped_table import KGroupedTable

    graph, latest = this.builder.graph, LatestOnly()
    made = graph.name_or_new(name, "KTABLE-SELECT-")
    chosen = _Selector(selector, this) if is_expression(selector) or isinstance(selector, tuple) else None
    if chosen is not None:
        key_serde, value_serde = key_serde or chosen.key_serde, value_serde or chosen.value_serde
    given: Any = selector
    function: Callable[[Any, Any], Any] = with_key(given, "selector") if chosen is None else chosen

    def make_node(at: Connected) -> run.Node:
        def make(context: Any, _: Any) -> RegroupTableProcessor:
            return RegroupTableProcessor(at.name, context, function, latest_only=latest.applies)

        if chosen is None:
            return run.Operator(name=at.name, make=make)
        key, value = chosen.key, chosen.value
        key_shape: Shape = key.shape  # type: ignore[attr-defined]

        def columns(_context: Any, _stores: Any) -> RegroupColumns:
            return RegroupColumns(key, value, latest_only=latest.applies)

        return run.Operator(
            name=at.name,
            make=make,
            columns=columns,
            key_shape=key_shape,
            shape=getattr(value, "shape", None),
            reads_old=True,
        )

    node = operator(made, make_node)
    node.heed_versions = latest.heed
    graph.add(node, this.node)
    this.enable_old_values(force=True)
    return KGroupedTable(this.builder, made, key_serde, value_serde, node, repartition_name=name)
