"""What a pull query may ask for where table scans are turned off: rows by their keys, or one range of a single key.

    WHERE ──▶ disjuncts (OR) ──▶ conditions (AND) ──▶ each disjunct names every key column once, by constants

The rules, and the words that tell which one is broken, are ksqlDB's.  Where table scans are on, any WHERE clause will
do: rows that are not found by key are found by reading the table.
"""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.sql.analyzer.scope import WINDOW_BOUNDS
from kappaflow.sql.ast.expressions import (
    ColumnReference,
    Comparison,
    ComparisonOperator,
    Expression,
    In,
    Like,
    Logical,
    LogicalOperator,
)
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.rewrite import walk
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.settings import Settings

HELP = "See https://cnfl.io/queries for more info.\nAdd EMIT CHANGES if you intended to issue a push query."
_RANGES = frozenset(
    {
        ComparisonOperator.LESS_THAN,
        ComparisonOperator.LESS_THAN_OR_EQUAL,
        ComparisonOperator.GREATER_THAN,
        ComparisonOperator.GREATER_THAN_OR_EQUAL,
    }
)
_NOT_RESOLVABLE = "A comparison must be between a key column and a resolvable expression"
_COMBINED = "A comparison condition on the key column cannot be combined with other comparisons such as an IN predicate"


def check_without_scan(where: Expression | None, source: DataSource, settings: Settings) -> None:
    """Refuse a WHERE clause that only a scan of the table can answer, where scans are turned off.

    Raises:
        StatementError: says which condition needs the scan.
    """
    if settings.flag("ksql.query.pull.table.scan.enabled", default=True):
        return
    if where is None:
        raise _refused("Missing WHERE clause", _NEEDS_SCAN)
    disjuncts = parts_of(where, LogicalOperator.OR)
    ranges = [_check_disjunct(disjunct, source, settings) for disjunct in disjuncts]
    if any(ranges) and (len(disjuncts) > 1 or source.is_windowed):
        raise _refused("WHERE clause does not name single keys", _NEEDS_SCAN)


def parts_of(expression: Expression, operator: LogicalOperator) -> list[Expression]:
    """Return what AND or OR joins, left to right."""
    if isinstance(expression, Logical) and expression.operator is operator:
        return parts_of(expression.left, operator) + parts_of(expression.right, operator)
    return [expression]


def _check_disjunct(disjunct: Expression, source: DataSource, settings: Settings) -> bool:
    """Check the conditions that AND joins, and tell whether one is a range of keys."""
    keys = {column.name for column in source.schema.key}
    seen: list[str] = []
    has_range = False
    for condition in parts_of(disjunct, LogicalOperator.AND):
        name = _column_of(condition)
        if name is None or name not in keys:
            continue
        if isinstance(condition, Comparison) and condition.operator is not ComparisonOperator.EQUAL:
            if condition.operator not in _RANGES:
                raise _refused(f"Bound on key columns '{_listed(source)}' must currently be '='")
            if not settings.flag("ksql.query.pull.range.scan.enabled", default=True):
                raise _refused("WHERE clause has a range of keys", _NEEDS_SCAN)
            has_range = True
        if name in seen:
            raise _refused(_COMBINED)
        seen.append(name)
    if not seen:
        raise _refused(f"WHERE clause missing key column for disjunct: {format_expression(disjunct)}")
    if len(seen) < len(keys):
        raise _refused(
            "Multi-column sources must specify every key in the WHERE clause. "
            f"Specified: [{', '.join(seen)}] Expected: {_listed(source)}"
        )
    return has_range


def _column_of(condition: Expression) -> str | None:
    """Return the column that a condition is about; None for the bounds of windows.

    Raises:
        StatementError: it compares no column with a constant.
    """
    match condition:
        case Comparison(left=left, right=right):
            column, other = (right, left) if isinstance(right, ColumnReference) else (left, right)
            if not isinstance(column, ColumnReference) or _has_columns(other):
                raise _refused(_NOT_RESOLVABLE)
            return None if column.name in WINDOW_BOUNDS else column.name
        case In(ColumnReference() as column, values):
            if any(_has_columns(value) for value in values):
                raise _refused(_NOT_RESOLVABLE)
            return column.name
        case Like():
            raise _refused("Like condition must be between strings")
        case _:
            raise _refused(f"Unsupported expression in WHERE clause: {format_expression(condition)}")


def _has_columns(expression: Expression) -> bool:
    return any(isinstance(node, ColumnReference) for node in walk(expression))


def _listed(source: DataSource) -> str:
    return f"[{', '.join(str(column) for column in source.schema.key)}]"


_NEEDS_SCAN = (
    "Query requires table scan to be enabled. Table scans can be enabled by setting "
    "ksql.query.pull.table.scan.enabled=true"
)


def _refused(problem: str, hint: str = "") -> StatementError:
    return StatementError(
        f"{problem}. {HELP}\nTable scans are turned off, so the WHERE clause has to name every key column, as in "
        f"SELECT * FROM X WHERE <key column>=Y. {hint or 'Or set ksql.query.pull.table.scan.enabled=true.'}"
    )
