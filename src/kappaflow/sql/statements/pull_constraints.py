"""What a WHERE clause of a pull query says about keys and window bounds.

Only conjunctions are used to narrow the look-up; the whole clause is still applied to every row found, so a
constraint that is not recognised costs time, never an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from kappaflow.errors import StatementError
from kappaflow.serde.types import BIGINT, TIMESTAMP, DataType
from kappaflow.sql.analyzer.scope import WINDOW_BOUNDS
from kappaflow.sql.ast.expressions import (
    Between,
    ColumnReference,
    Comparison,
    ComparisonOperator,
    Expression,
    In,
    Logical,
    LogicalOperator,
)
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.expressions.constants import fold_constant
from kappaflow.sql.expressions.scope import EmptyScope
from kappaflow.sql.expressions.typing import type_of
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.queries import Bounds
from kappaflow.sql.statements.pull_scan import parts_of
from kappaflow.sql.types import can_widen, is_time

QUOTE = "'"
_FLIPPED = {
    ComparisonOperator.LESS_THAN: ComparisonOperator.GREATER_THAN,
    ComparisonOperator.LESS_THAN_OR_EQUAL: ComparisonOperator.GREATER_THAN_OR_EQUAL,
    ComparisonOperator.GREATER_THAN: ComparisonOperator.LESS_THAN,
    ComparisonOperator.GREATER_THAN_OR_EQUAL: ComparisonOperator.LESS_THAN_OR_EQUAL,
}


@dataclass(frozen=True, slots=True)
class KeyConstraint:
    """The keys to look up, and the windows.

    Attributes:
        keys: every key that can match, or None when the whole store must be read.
    """

    keys: tuple[tuple[Any, ...], ...] | None
    start: Bounds
    end: Bounds


def key_constraint(where: Expression, source: DataSource, functions: FunctionRegistry) -> KeyConstraint:
    """Return what `where` says about the keys and windows of `source`."""
    return _Reader(source, functions).read(where)


def check_key_types(where: Expression, source: DataSource, functions: FunctionRegistry) -> None:
    """Check that what key columns are said to equal is of their types, or of narrower ones.

    Raises:
        StatementError: a constant is of another type.
    """
    columns = {column.name: column for column in source.schema.key}
    for disjunct in parts_of(where, LogicalOperator.OR):
        for condition in parts_of(disjunct, LogicalOperator.AND):
            for name, value in _equal(condition):
                column = columns.get(name)
                if column is not None and not _fits(value, column.type, functions):
                    raise StatementError(
                        f"'{format_expression(value).strip(QUOTE)}' can not be converted to the type of the key "
                        f"column: {column.name} {column.type} KEY"
                    )


def _equal(condition: Expression) -> list[tuple[str, Expression]]:
    """Return what a condition says that columns equal."""
    match condition:
        case Comparison(ComparisonOperator.EQUAL, ColumnReference(name=name), value):
            return [(name, value)]
        case Comparison(ComparisonOperator.EQUAL, value, ColumnReference(name=name)):
            return [(name, value)]
        case In(ColumnReference(name=name), values):
            return [(name, value) for value in values]
        case _:
            return []


def _fits(value: Expression, wanted: DataType, functions: FunctionRegistry) -> bool:
    try:
        found = type_of(value, EmptyScope(), functions)
    except StatementError:
        return True  # it has columns, so it is no constant
    return found is None or found == wanted or is_time(wanted) or can_widen(found, wanted)


class _Reader:
    def __init__(self, source: DataSource, functions: FunctionRegistry) -> None:
        self._keys = source.schema.key
        self._functions = functions

    def read(self, where: Expression) -> KeyConstraint:
        if isinstance(where, Logical) and where.operator is LogicalOperator.OR:
            left, right = self.read(where.left), self.read(where.right)
            if left.keys is None or right.keys is None:
                return KeyConstraint(None, Bounds(), Bounds())
            merged = left.keys + tuple(key for key in right.keys if key not in left.keys)
            return KeyConstraint(merged, Bounds(), Bounds())
        return self._conjunction(parts_of(where, LogicalOperator.AND))

    def _conjunction(self, parts: list[Expression]) -> KeyConstraint:
        values: dict[str, list[Any]] = {}
        start, end = Bounds(), Bounds()
        for part in parts:
            for name, operator, constant in self._comparisons(part):
                if name == "WINDOWSTART":
                    start = _narrow(start, operator, constant)
                elif name == "WINDOWEND":
                    end = _narrow(end, operator, constant)
                elif operator is ComparisonOperator.EQUAL:
                    values[name] = [constant]
            if isinstance(part, In) and isinstance(part.operand, ColumnReference):
                column = next((k for k in self._keys if k.name == part.operand.name), None)
                folded = [self._fold(v, column.type) for v in part.values] if column else [None]
                if column is not None and None not in folded:
                    values[column.name] = list(dict.fromkeys(folded))
        if not all(column.name in values for column in self._keys):
            return KeyConstraint(None, start, end)
        try:
            keys = tuple(dict.fromkeys(product(*(values[column.name] for column in self._keys))))
        except TypeError:
            return KeyConstraint(None, start, end)
        return KeyConstraint(keys, start, end)

    def _comparisons(self, part: Expression) -> list[tuple[str, ComparisonOperator, Any]]:
        if isinstance(part, Between) and isinstance(part.operand, ColumnReference):
            low = Comparison(ComparisonOperator.GREATER_THAN_OR_EQUAL, part.operand, part.low)
            high = Comparison(ComparisonOperator.LESS_THAN_OR_EQUAL, part.operand, part.high)
            return self._comparisons(low) + self._comparisons(high)
        if not isinstance(part, Comparison):
            return []
        left, right, operator = part.left, part.right, part.operator
        if isinstance(right, ColumnReference) and not isinstance(left, ColumnReference):
            left, right, operator = right, left, _FLIPPED.get(operator, operator)
        if not isinstance(left, ColumnReference):
            return []
        data_type = self._type(left.name)
        if data_type is None:
            return []
        constant = self._fold(right, data_type, is_bound=left.name in WINDOW_BOUNDS)
        return [] if constant is None else [(left.name, operator, constant)]

    def _type(self, name: str) -> DataType | None:
        if name in WINDOW_BOUNDS:
            return BIGINT
        return next((column.type for column in self._keys if column.name == name), None)

    def _fold(self, expression: Expression, data_type: DataType, *, is_bound: bool = False) -> Any:
        """Return the constant, or None where the expression is none of that type."""
        try:
            if is_bound:
                return self._bound(expression)
            value = fold_constant(expression, data_type, self._functions)
            hash(value)
        except (StatementError, TypeError):
            return None
        return value

    def _bound(self, expression: Expression) -> int | None:
        value = fold_constant(expression, None, self._functions)
        if isinstance(value, str):
            return fold_constant(expression, TIMESTAMP, self._functions)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def _narrow(bounds: Bounds, operator: ComparisonOperator, value: int) -> Bounds:
    low, high = bounds.low, bounds.high
    match operator:
        case ComparisonOperator.EQUAL:
            low, high = _max(low, value), _min(high, value)
        case ComparisonOperator.GREATER_THAN:
            low = _max(low, value + 1)
        case ComparisonOperator.GREATER_THAN_OR_EQUAL:
            low = _max(low, value)
        case ComparisonOperator.LESS_THAN:
            high = _min(high, value - 1)
        case ComparisonOperator.LESS_THAN_OR_EQUAL:
            high = _min(high, value)
        case _:
            pass
    return Bounds(low, high)


def _max(old: int | None, new: int) -> int:
    return new if old is None else max(old, new)


def _min(old: int | None, new: int) -> int:
    return new if old is None else min(old, new)
