"""A projection with table functions: one record becomes as many rows as the longest of them gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kappaflow.serde.types import DataType
from kappaflow.sql.ast.expressions import ColumnReference, Expression, FunctionCall
from kappaflow.sql.ast.rewrite import rewrite
from kappaflow.sql.expressions.row import OnError, compile_row, ignore_error
from kappaflow.sql.expressions.scope import Place, Scope, ScopeColumn
from kappaflow.sql.expressions.typing import Typer
from kappaflow.sql.functions.registry import FunctionRegistry, default_registry
from kappaflow.streams.record import Record


class _ProducedScope:
    """A scope that adds the results of table functions behind the value columns."""

    def __init__(self, inner: Scope, types: Sequence[DataType], first_index: int) -> None:
        self._inner = inner
        self._types = types
        self._first = first_index

    @property
    def windowed(self) -> bool:
        return self._inner.windowed

    def resolve(self, name: str, source: str | None) -> ScopeColumn | None:
        if name.startswith("\0"):
            index = int(name[1:])
            return ScopeColumn(self._types[index], Place.VALUE, self._first + index)
        return self._inner.resolve(name, source)

    def names(self) -> Any:
        return self._inner.names()


class SqlFlatMapper:
    """Makes rows from a record: the results of its table functions side by side, the shorter padded with NULL.

    Attributes:
        types: types of a row.
        reason: why there is no column form.
    """

    reason = "table functions have no column form"

    def __init__(
        self,
        expressions: Sequence[tuple[str, Expression]],
        scope: Scope,
        value_columns: int,
        on_error: OnError,
        registry: FunctionRegistry | None,
    ) -> None:
        registry = registry or default_registry()
        calls: list[FunctionCall] = []

        def produced(node: Expression) -> Expression | None:
            if not isinstance(node, FunctionCall) or not registry.is_table(node.name):
                return None
            if node not in calls:
                calls.append(node)
            return ColumnReference(f"\0{calls.index(node)}")

        rewritten = [(name, rewrite(expression, produced)) for name, expression in expressions]
        typer = Typer(scope, registry)
        types = [_known(typer.type_of(call)) for call in calls]
        self._width = value_columns
        self._made = compile_row([(call.name, call) for call in calls], scope, on_error, registry, typer)
        inner = _ProducedScope(scope, types, value_columns)
        self._projection = compile_row(rewritten, inner, on_error, registry)
        self.types: tuple[DataType | None, ...] = self._projection.types

    def rows(self, record: Record) -> list[tuple[Any, ...]]:
        """Return the rows of a record, none when no table function gives any."""
        produced = [rows or [] for rows in self._made.function(record)]
        project = self._projection.function
        count = max(map(len, produced))
        value = record.value if record.value is not None else (None,) * self._width
        result: list[tuple[Any, ...]] = []
        for index in range(count):
            made = tuple(rows[index] if index < len(rows) else None for rows in produced)
            result.append(project(record.with_value(value + made)))
        return result


def _known(data_type: DataType | None) -> DataType:
    assert data_type is not None
    return data_type


def make_flat_mapper(
    expressions: Sequence[tuple[str, Expression]],
    scope: Scope,
    value_columns: int,
    *,
    on_error: OnError = ignore_error,
    registry: FunctionRegistry | None = None,
) -> SqlFlatMapper:
    """Make the mapper of a projection with table functions.

    Args:
        expressions: the projection; table functions may stand anywhere in it.
        scope: where the columns of the records live.
        value_columns: how many columns a value has.
        on_error: told about every error of a record.
        registry: functions in reach.

    Raises:
        StatementError: an expression is wrong.
    """
    return SqlFlatMapper(expressions, scope, value_columns, on_error, registry)
