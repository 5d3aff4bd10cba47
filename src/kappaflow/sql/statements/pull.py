"""SELECT without EMIT: a look-up in the state of a persistent query, or a read of a stream's topic."""

from __future__ import annotations

from dataclasses import dataclass

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Column, Namespace, Schema
from kappaflow.serde.types import STRING
from kappaflow.sql.analyzer.projection import Named, Star
from kappaflow.sql.analyzer.query import Analysis, analyze, first_aggregate
from kappaflow.sql.analyzer.scope import WINDOW_BOUNDS
from kappaflow.sql.ast.expressions import ColumnReference, Expression, FunctionCall, Like
from kappaflow.sql.ast.relations import AliasedRelation, Join, Table
from kappaflow.sql.ast.rewrite import walk
from kappaflow.sql.ast.statements import Query
from kappaflow.sql.expressions.functions import make_mapper, make_predicate
from kappaflow.sql.expressions.scope import SchemaScope
from kappaflow.sql.logical.planner import plan_query
from kappaflow.sql.logical.sources import scan
from kappaflow.sql.logical.typing import check_predicate, select_column
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.optimizer.optimizer import optimize
from kappaflow.sql.physical import steps as s
from kappaflow.sql.physical.look_up import stored_row
from kappaflow.sql.physical.materialisation import with_headers_as_values
from kappaflow.sql.physical.planner import plan_steps
from kappaflow.sql.physical.topology import TRANSIENT, StepBuilder
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import Bounds, PersistentQuery, PullQuery
from kappaflow.sql.statements.pull_constraints import KeyConstraint, check_key_types, key_constraint
from kappaflow.sql.statements.pull_scan import HELP, check_without_scan
from kappaflow.sql.statements.switches import check_query

_REFUSED_COLUMNS = frozenset({"ROWPARTITION", "ROWOFFSET"})


@dataclass(frozen=True, slots=True)
class _Selected:
    schema: Schema
    expressions: tuple[tuple[str, Expression], ...]


def plan_pull(context: PlanningContext, query: Query) -> PullQuery:
    """Plan a pull query.

    Raises:
        StatementError: the query is wrong, or asks for what pull queries cannot do.
    """
    if not context.settings.flag("ksql.pull.queries.enable", default=True):
        raise StatementError("Pull queries are disabled. See https://cnfl.io/queries for more info.")
    _check_clauses(query)
    _check_limit(context, query)
    _check_window_bounds(context, query)
    analysis = analyze(query, context.metastore, context.functions)
    check_query(query, context.settings)
    source = analysis.scope.sources[0].source
    _check_expressions(context, analysis)
    if not source.is_table:
        return _stream(context, analysis, source)
    maker = context.metastore.materialising_query(source.name)
    if maker is None:
        raise StatementError(
            f"The `{source.name}` table isn't queryable. To derive a queryable table, you can do "
            f"'CREATE TABLE QUERYABLE_{source.name} AS SELECT * FROM {source.name}'. {HELP}"
        )
    return _table(context, analysis, source, maker)


def _check_clauses(query: Query) -> None:
    refused = {
        "JOIN": isinstance(query.source, Join),
        "WINDOW": query.window is not None,
        "GROUP BY": query.group_by is not None,
        "PARTITION BY": query.partition_by is not None,
        "HAVING": query.having is not None,
    }
    for clause, given in refused.items():
        if given:
            raise StatementError(f"Pull queries don't support {clause} clauses. {HELP}")


def _check_limit(context: PlanningContext, query: Query) -> None:
    if query.limit is None:
        return
    if not context.settings.flag("ksql.query.pull.limit.clause.enabled", default=True):
        raise StatementError(
            "LIMIT clause in pull queries is currently disabled. You can enable them by setting "
            f"ksql.query.pull.limit.clause.enabled=true. {HELP}"
        )
    if query.limit < 0:
        raise StatementError(f"Pull queries don't support negative integers in the LIMIT clause. {HELP}")


def _check_window_bounds(context: PlanningContext, query: Query) -> None:
    """Refuse bounds of windows in WHERE where the keys of the source are not windowed."""
    relation = query.source.relation if isinstance(query.source, AliasedRelation) else query.source
    source = context.metastore.source(relation.name) if isinstance(relation, Table) else None
    if source is None or source.is_windowed or query.where is None:
        return
    for node in walk(query.where):
        if isinstance(node, ColumnReference) and node.name in WINDOW_BOUNDS:
            raise StatementError(f"WHERE column '{node.name}' cannot be resolved")


def _check_expressions(context: PlanningContext, analysis: Analysis) -> None:
    selected = [item.expression for item in analysis.items if isinstance(item, Named)]
    filtered = [] if analysis.where is None else [analysis.where]
    for clause, expressions in (("SELECT", selected), ("WHERE", filtered)):
        found = dict.fromkeys(
            f"`{node.name}`"
            for expression in expressions
            for node in walk(expression)
            if isinstance(node, ColumnReference) and node.name in _REFUSED_COLUMNS
        )
        if found:
            listed = ", ".join(found)
            raise StatementError(f"Pull queries don't support the following columns in {clause} clauses: {listed}")
    for expression in (*selected, *filtered):
        for node in walk(expression):
            if isinstance(node, FunctionCall) and context.functions.is_table(node.name):
                raise StatementError(f"Pull queries don't support table functions: {node.name}. {HELP}")
        if first_aggregate(expression, context.functions) is not None:
            raise StatementError(f"Pull queries don't support aggregate functions. {HELP}")


def _table(context: PlanningContext, analysis: Analysis, source: DataSource, maker: PersistentQuery) -> PullQuery:
    node = scan(analysis.scope.sources[0])
    scope = SchemaScope(with_headers_as_values(source.schema), source.is_windowed)
    constraint = KeyConstraint(None, Bounds(), Bounds())
    where = None
    if analysis.where is not None:
        lowered = analysis.scope.lower(analysis.where)
        _check_patterns(lowered, source)
        check_predicate(lowered, node, context.functions, "WHERE")
        check_key_types(lowered, source, context.functions)
        constraint = key_constraint(lowered, source, context.functions)
        where = make_predicate(lowered, scope, registry=context.functions)
    else:
        lowered = None
    check_without_scan(lowered, source, context.settings)
    selected = _select(context, analysis, source)
    return PullQuery(
        statement=context.text,
        source=source.name,
        source_topic=source.topic,
        query_id=maker.id,
        store=maker.store,
        keys=constraint.keys,
        window_start=constraint.start,
        window_end=constraint.end,
        schema=selected.schema,
        store_schema=source.schema,
        select=make_mapper(selected.expressions, scope, registry=context.functions),
        where=where,
        stored=stored_row(maker.held, context.functions, context.settings),
        limit=analysis.limit,
        is_windowed=source.is_windowed,
    )


def _check_patterns(where: Expression, source: DataSource) -> None:
    """Refuse LIKE on columns that hold no text."""
    for node in walk(where):
        if isinstance(node, Like) and isinstance(node.operand, ColumnReference):
            column = source.schema.find(node.operand.name)
            if column is not None and column.type != STRING:
                raise StatementError(
                    f"The column type for Like condition must be VARCHAR. The column type is {column.type}"
                )


def _select(context: PlanningContext, analysis: Analysis, source: DataSource) -> _Selected:
    node = scan(analysis.scope.sources[0])
    keys = {column.name for column in source.schema.key}
    columns: list[Column] = []
    expressions: list[tuple[str, Expression]] = []
    for item in _items(analysis, source):
        lowered = analysis.scope.lower(item.expression)
        column = select_column(item.name, lowered, node, context.functions).column
        is_key = isinstance(lowered, ColumnReference) and (
            lowered.name in keys or (source.is_windowed and lowered.name in WINDOW_BOUNDS)
        )
        columns.append(Column(item.name, column.type, Namespace.KEY if is_key else Namespace.VALUE))
        expressions.append((item.name, lowered))
    return _Selected(Schema(tuple(columns)), tuple(expressions))


def _items(analysis: Analysis, source: DataSource) -> list[Named]:
    items: list[Named] = []
    alias = analysis.scope.sources[0].alias
    for item in analysis.items:
        if not isinstance(item, Star):
            items.append(item)
            continue
        names = [c.name for c in source.schema.key]
        names.extend(WINDOW_BOUNDS if source.is_windowed else ())
        names.extend(c.name for c in source.schema if c.namespace is not Namespace.KEY)
        items.extend(Named(ColumnReference(name, alias), name) for name in names)
    return items


def _stream(context: PlanningContext, analysis: Analysis, source: DataSource) -> PullQuery:
    if not context.settings.flag("ksql.query.pull.stream.enabled", default=True):
        raise StatementError("Pull queries on streams are disabled. " + HELP)
    logical = plan_query(analysis, context.functions, None, context.topics)
    optimized = optimize(logical.root, context.functions)
    last = plan_steps(optimized.root, None)
    root = s.Collect(last, name="Result", schema=last.schema, window=last.window)
    builder = StepBuilder(context.functions, context.settings, registry=context.schemas.registry)
    scope = SchemaScope(logical.result, pseudo_columns=False)
    passed: list[tuple[str, Expression]] = [(c.name, ColumnReference(c.name)) for c in logical.result]
    return PullQuery(
        statement=context.text,
        source=source.name,
        source_topic=source.topic,
        query_id=None,
        store=None,
        keys=None,
        window_start=Bounds(),
        window_end=Bounds(),
        schema=logical.result,
        store_schema=logical.result,
        select=make_mapper(passed, scope, registry=context.functions),
        limit=analysis.limit,
        build_topology=builder.factory(root, TRANSIENT),
    )
