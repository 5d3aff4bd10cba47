"""INSERT INTO .. SELECT."""

from __future__ import annotations

import re

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Schema
from kappaflow.sql.analyzer.query import analyze
from kappaflow.sql.ast.expressions import Cast, ColumnReference
from kappaflow.sql.ast.places import located, place_of
from kappaflow.sql.ast.statements import InsertInto
from kappaflow.sql.logical.plan import NamedExpression, Node, Project
from kappaflow.sql.logical.planner import plan_query
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.optimizer.optimizer import optimize
from kappaflow.sql.physical.persistent import SinkSpec, persistent_query
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.properties import INSERT_PROPERTIES, WithClause
from kappaflow.sql.queries import QueryKind
from kappaflow.sql.statement_plan import Plan
from kappaflow.sql.statements.naming import command_of
from kappaflow.sql.statements.switches import check_query
from kappaflow.sql.types import can_widen


def plan_insert_into(context: PlanningContext, statement: InsertInto) -> Plan:
    """Plan INSERT INTO .. SELECT.

    Raises:
        StatementError: the target cannot be written, or the result does not fit it.
    """
    clause = WithClause.of(statement.properties, INSERT_PROPERTIES)
    with located(statement.name_at):
        target = _target(context, statement.target)
    analysis = analyze(statement.query, context.metastore, context.functions, persistent=True)
    if analysis.limit is not None:
        raise StatementError("INSERT INTO statements don't support LIMIT clause.")
    check_query(statement.query, context.settings)
    with place_of(statement.query):
        logical = plan_query(analysis, context.functions, statement.target, context.topics)
    if logical.root.is_table:
        raise StatementError(
            f"Incompatible data sink and query result. Data sink ({target.name}) type is KSTREAM but select query "
            "result is KTABLE."
        )
    optimized = optimize(_widened(logical.root, target), context.functions)
    _check_schema(optimized.root.schema, target)
    query_id = _query_id(context, clause)
    query = persistent_query(
        context,
        optimized,
        SinkSpec(target, target.timestamp),
        query_id,
        QueryKind.INSERT,
        tuple(source.source.name for source in analysis.scope.sources),
    )
    return Plan(
        context.text,
        statement,
        command_of("stream", target.name, "create"),
        query=query,
        message=f"Created query with ID {query_id}",
        properties=dict(context.settings.overrides),
        query_number=context.query_number,
        topics=context.topics.facts,
        schemas=context.schemas.facts,
    )


def _target(context: PlanningContext, name: str) -> DataSource:
    target = context.metastore.source(name)
    if target is None:
        hint = context.metastore.hint(name)
        raise StatementError(f"Sink does not exist for the INSERT INTO statement: `{name}`{hint}")
    if target.is_table:
        raise StatementError(f"INSERT INTO can only be used to insert into a stream. {name} is a table.")
    if target.is_read_only:
        raise StatementError(f"Cannot insert into read-only stream: {name}")
    if target.schema.headers:
        raise StatementError(f"Cannot insert into {name} because it has header columns")
    return target


def _widened(root: Node, target: DataSource) -> Node:
    """Return the plan with its values as wide as the sink's columns, where they fit without a CAST."""
    wanted = target.schema.value
    given = root.schema.value
    if [c.name for c in given] != [c.name for c in wanted] or given == wanted:
        return root
    if not all(can_widen(have.type, want.type) for have, want in zip(given, wanted, strict=True)):
        return root
    columns = tuple(NamedExpression(c.name, Cast(ColumnReference(c.name), c.type), c) for c in wanted)
    return Project(
        root,
        columns,
        schema=Schema((*root.schema.key, *wanted)),
        is_table=root.is_table,
        window=root.window,
        pseudo_columns=root.pseudo_columns,
    )


def _check_schema(result: Schema, target: DataSource) -> None:
    sink = Schema(target.schema.key + target.schema.value)
    if [(c.name, c.type) for c in result.key + result.value] == [(c.name, c.type) for c in sink]:
        return
    raise StatementError(
        f"Incompatible schema between results and sink.\nResult schema is {result}\nSink schema is {sink}"
    )


def _query_id(context: PlanningContext, clause: WithClause) -> str:
    wanted = clause.text("QUERY_ID")
    if wanted is None:
        return f"{QueryKind.INSERT.value}_{context.query_number}"
    query_id = wanted.upper()
    if not re.fullmatch(r"[A-Z0-9_]+", query_id):
        raise StatementError(f"Query IDs may contain only alphanumeric characters and '_'. Got: '{wanted}'")
    if query_id in context.metastore.queries:
        raise StatementError(f"Query ID '{query_id}' already exists.")
    return query_id
