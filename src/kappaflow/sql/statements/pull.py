"""SELECT without EMIT: a look-up in the state of a persistent query, or a read of a stream's topic."""

from __future__ import annotations

from dataclasses import dataclass

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Column, Namespace, Schema
from kappaflow.sql.analyzer.projection import Named, Star
from kappaflow.sql.analyzer.query import Analysis, analyze, first_aggregate
from kappaflow.sql.analyzer.scope import WINDOW_BOUNDS
from kappaflow.sql.ast.expressions import ColumnReference, Expression, FunctionCall
from kappaflow.sql.ast.relations import Join
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
from kappaflow.sql.physical.planner import plan_steps
from kappaflow.sql.physical.topology import TRANSIENT, StepBuilder
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import Bounds, PersistentQuery, PullQuery
from kappaflow.sql.statements.pull_constraints import KeyConstraint, key_constraint

_HELP = "See https://cnfl.io/queries for more info.\nAdd EMIT CHANGES if you intended to issue a push query."


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
    analysis = analyze(query, context.metastore, context.functions)
    source = analysis.scope.sources[0].source
    _check_expressions(context, analysis)
    if not source.is_table:
        return _stream(context, analysis, source)
    maker = context.metastore.materialising_query(source.name)
    if maker is None:
        raise StatementError(
            f"The `{source.name}` table isn't queryable. To derive a queryable table, you can do "
            f"'CREATE TABLE QUERYABLE_{source.name} AS SELECT * FROM {source.name}'.\n{_HELP}"
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
            raise StatementError(f"Pull queries don't support {clause} clauses. {_HELP}")
    if query.limit is not None and query.limit < 0:
        raise StatementError(f"Pull queries don't support negative integers in the LIMIT clause. {_HELP}")


def _check_expressions(context: PlanningContext, analysis: Analysis) -> None:
    expressions = [item.expression for item in analysis.items if isinstance(item, Named)]
    if analysis.where is not None:
        expressions.append(analysis.where)
    for expression in expressions:
        for node in walk(expression):
            if isinstance(node, ColumnReference) and node.name in {"ROWPARTITION", "ROWOFFSET"}:
                raise StatementError(f"Pull queries don't support the {node.name} column. {_HELP}")
            if isinstance(node, FunctionCall) and context.functions.is_table(node.name):
                raise StatementError(f"Pull queries don't support table functions: {node.name}. {_HELP}")
        if first_aggregate(expression, context.functions) is not None:
            raise StatementError(f"Pull queries don't support aggregate functions. {_HELP}")


def _table(context: PlanningContext, analysis: Analysis, source: DataSource, maker: PersistentQuery) -> PullQuery:
    node = scan(analysis.scope.sources[0])
    scope = SchemaScope(source.schema, source.is_windowed)
    constraint = KeyConstraint(None, Bounds(), Bounds())
    where = None
    if analysis.where is not None:
        lowered = analysis.scope.lower(analysis.where)
        check_predicate(lowered, node, context.functions, "WHERE")
        constraint = key_constraint(lowered, source, context.functions)
        where = make_predicate(lowered, scope, registry=context.functions)
    if constraint.keys is None:
        _check_scan(context, analysis)
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


def _check_scan(context: PlanningContext, analysis: Analysis) -> None:
    if context.settings.flag("ksql.query.pull.table.scan.enabled", default=True):
        return
    what = "Missing WHERE clause" if analysis.where is None else "WHERE clause missing key column"
    raise StatementError(
        f"{what}. {_HELP}\nPull queries require a WHERE clause that limits the query to keys only. "
        "Query requires table scan to be enabled. Table scans can be enabled by setting "
        "ksql.query.pull.table.scan.enabled=true"
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
        raise StatementError("Pull queries on streams are disabled. " + _HELP)
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
