"""From a parsed query to an analysis: every name resolved, every item named, clauses checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from kappaflow.errors import StatementError
from kappaflow.serde.schema import WindowType
from kappaflow.serde.types import Struct
from kappaflow.sql.analyzer.custom_types import resolve_query
from kappaflow.sql.analyzer.magic_timestamps import convert_timestamps
from kappaflow.sql.analyzer.projection import AliasGenerator, Item, Named, name_items
from kappaflow.sql.analyzer.relations import JoinStep, check_grouping_formats, resolve_relations
from kappaflow.sql.analyzer.scope import WINDOW_BOUNDS, Scope
from kappaflow.sql.analyzer.source_schema import type_in_scope
from kappaflow.sql.analyzer.table_functions import check_table_functions
from kappaflow.sql.ast.expressions import ColumnReference, Expression, FunctionCall, NullLiteral
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.places import place_of
from kappaflow.sql.ast.relations import AllColumns, Emit, SelectItem, Window
from kappaflow.sql.ast.rewrite import rewrite, walk
from kappaflow.sql.ast.statements import Query
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.metastore import MetaStore


@dataclass(frozen=True, slots=True)
class Analysis:
    """A query with every column resolved; expressions are qualified.

    Attributes:
        names: goes on making names for unnamed keys.
        partition_by: empty for PARTITION BY NULL, None without the clause.
    """

    scope: Scope
    joins: tuple[JoinStep, ...]
    items: tuple[Item, ...]
    names: AliasGenerator
    where: Expression | None
    group_by: tuple[Expression, ...] | None
    partition_by: tuple[Expression, ...] | None
    having: Expression | None
    window: Window | None
    emit: Emit | None
    limit: int | None
    has_aggregates: bool

    @property
    def is_aggregation(self) -> bool:
        """True when rows are grouped."""
        return self.group_by is not None or self.has_aggregates


def analyze(query: Query, metastore: MetaStore, functions: FunctionRegistry, *, persistent: bool = False) -> Analysis:
    """Analyze a query; a `persistent` one may not name columns like system columns.

    Raises:
        StatementError: names, clauses or functions are wrong.
    """
    with place_of(query):
        return _analyzed(resolve_query(query, metastore), metastore, functions, persistent=persistent)


def _analyzed(query: Query, metastore: MetaStore, functions: FunctionRegistry, *, persistent: bool) -> Analysis:
    relations = resolve_relations(query.source, metastore)
    scope = relations.scope
    names = AliasGenerator(scope)
    windowed = query.window is not None and query.group_by is not None and not scope.is_join
    free = frozenset(WINDOW_BOUNDS) if windowed else frozenset[str]()
    row_time = _row_time(scope)

    def clause(expression: Expression, name: str, free: frozenset[str] = frozenset()) -> Expression:
        expanded = expand_stars(expression, row_time, functions)
        if query.window is not None:
            _check_bounds(expanded)
        return scope.qualify(expanded, name, free)

    def struct_of(expression: Expression) -> Struct:
        found = type_in_scope(expression, scope, functions)
        if not isinstance(found, Struct):
            raise StatementError(
                f"Cannot expand {format_expression(expression)}->*: {found} is not a STRUCT.", at=expression.position
            )
        return found

    items = tuple(_expand_item(item, row_time, functions) for item in query.select)
    named = name_items(items, scope, names, free, struct_of, persistent)
    partition_by = query.partition_by
    if partition_by is not None:
        if len(partition_by) > 1 and any(isinstance(e, NullLiteral) for e in partition_by):
            raise StatementError("Cannot PARTITION BY multiple columns including NULL", at=partition_by[0].position)
        partition_by = tuple(e for e in partition_by if not isinstance(e, NullLiteral))
    analysis = Analysis(
        scope=scope,
        joins=relations.joins,
        items=named,
        names=names,
        where=None if query.where is None else clause(convert_timestamps(query.where), "WHERE"),
        group_by=_clauses(query.group_by, "GROUP BY", clause),
        partition_by=_clauses(partition_by, "PARTITION BY", clause),
        having=None if query.having is None else clause(query.having, "HAVING", free),
        window=query.window,
        emit=query.emit,
        limit=query.limit,
        has_aggregates=any(_aggregates(item, functions) for item in items),
    )
    _check(analysis, functions)
    _check_tables(analysis, functions)
    return analysis


def _clauses(
    expressions: tuple[Expression, ...] | None, name: str, clause: Callable[[Expression, str], Expression]
) -> tuple[Expression, ...] | None:
    if expressions is None:
        return None
    return tuple(clause(expression, name) for expression in expressions)


def _row_time(scope: Scope) -> ColumnReference:
    return ColumnReference("ROWTIME", scope.sources[0].alias)


def _expand_item(item: SelectItem, row_time: ColumnReference, functions: FunctionRegistry) -> SelectItem:
    if isinstance(item, AllColumns):
        return item
    return replace(item, expression=expand_stars(item.expression, row_time, functions))


def expand_stars(expression: Expression, row_time: ColumnReference, functions: FunctionRegistry) -> Expression:
    """Give the aggregates without arguments, such as COUNT(*), the row time as their argument."""

    def change(node: Expression) -> Expression | None:
        if isinstance(node, FunctionCall) and not node.arguments and functions.is_aggregate(node.name):
            return FunctionCall(node.name, (row_time,), position=node.position)
        return None

    return rewrite(expression, change)


def _aggregates(item: SelectItem, functions: FunctionRegistry) -> bool:
    return not isinstance(item, AllColumns) and first_aggregate(item.expression, functions) is not None


def first_aggregate(expression: Expression, functions: FunctionRegistry) -> FunctionCall | None:
    """Return the first call of an aggregate function, or None."""
    for node in walk(expression):
        if isinstance(node, FunctionCall) and functions.is_aggregate(node.name):
            return node
    return None


def _check_bounds(expression: Expression) -> None:
    for node in walk(expression):
        if isinstance(node, ColumnReference) and node.name in WINDOW_BOUNDS:
            raise StatementError(
                f"Window bounds column {node.name} can only be used in the SELECT clause of windowed aggregations "
                "and can not be passed to aggregate functions.\n"
                "See https://github.com/confluentinc/ksql/issues/4397",
                at=node.position,
            )


def _check_tables(analysis: Analysis, functions: FunctionRegistry) -> None:
    clauses = (analysis.where, analysis.having, *(analysis.partition_by or ()))
    check_table_functions(
        [item.expression for item in analysis.items if isinstance(item, Named)],
        [*(expression for expression in clauses if expression is not None), *(analysis.group_by or ())],
        functions,
        aggregates=analysis.has_aggregates or analysis.group_by is not None,
    )


def _check_window(window: Window) -> None:
    """Check the spans of a window against each other; the texts are those of Kafka Streams."""
    if window.size_ms < 1:
        text = "Gap time (inactivityGapMs) cannot be zero or negative."
        raise StatementError(
            text if window.type is WindowType.SESSION else "Window size (sizeMs) must be larger than zero."
        )
    advance = window.advance_ms
    if advance is not None and not 0 < advance <= window.size_ms:
        raise StatementError(
            "Window advancement interval should be more than zero and less than window duration which is "
            f"{window.size_ms} ms, but given advancement interval is: {advance} ms"
        )
    grace = window.grace_ms or 0
    if window.retention_ms is not None and window.retention_ms < window.size_ms + grace:
        raise StatementError(
            "The retention period of the window store must be no smaller than its window size plus the grace period. "
            f"Got size=[{window.size_ms}], grace=[{grace}], retention=[{window.retention_ms}]"
        )


def _check(analysis: Analysis, functions: FunctionRegistry) -> None:
    if analysis.window is not None:
        _check_window(analysis.window)
    if analysis.group_by is not None:
        check_grouping_formats(analysis.scope)
        seen: list[Expression] = []
        _check_no_aggregates(analysis.group_by, "GROUP BY", functions)
        for expression in analysis.group_by:
            if expression in seen:
                text = f"Duplicate GROUP BY expression: {format_expression(expression)}"
                raise StatementError(text, at=expression.position)
            seen.append(expression)
        if analysis.partition_by is not None:
            text = "Only one of PARTITION BY and GROUP BY may be given in a query."
            raise StatementError(text, at=next((each.position for each in analysis.partition_by), None))
    elif analysis.window is not None and not analysis.has_aggregates:
        raise StatementError("WINDOW clause requires a GROUP BY clause.")
    elif analysis.having is not None:
        raise StatementError("HAVING clause requires a GROUP BY clause.", at=analysis.having.position)
    _check_no_aggregates(analysis.partition_by or (), "PARTITION BY", functions)
    joined = (side for join in analysis.joins for side in (join.left, join.right_expression))
    _check_no_aggregates(joined, "JOIN ON", functions)


def _check_no_aggregates(expressions: Iterable[Expression], clause: str, functions: FunctionRegistry) -> None:
    for expression in expressions:
        aggregate = first_aggregate(expression, functions)
        if aggregate is not None:
            raise StatementError(
                f"{clause} does not support aggregate functions: {aggregate.name} is an aggregate function.",
                at=aggregate.position,
            )
