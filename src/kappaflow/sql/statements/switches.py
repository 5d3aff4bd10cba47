"""What settings switch off or limit: whoever runs a server may not want all of the language."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Schema
from kappaflow.sql.analyzer.custom_types import expressions_of
from kappaflow.sql.ast.expressions import Lambda
from kappaflow.sql.ast.relations import Emit
from kappaflow.sql.ast.rewrite import walk
from kappaflow.sql.ast.statements import Query
from kappaflow.sql.metastore import MetaStore
from kappaflow.sql.property_values import integer_of
from kappaflow.sql.settings import Settings
from kappaflow.sql.statement_plan import Plan

QUERY_LIMIT = "ksql.query.persistent.active.limit"


def check_query(query: Query, settings: Settings) -> None:
    """Check that EMIT FINAL and lambdas are allowed where a query has them.

    Raises:
        StatementError: ``ksql.suppress.enabled`` or ``ksql.lambdas.enabled`` is false.
    """
    if query.emit is Emit.FINAL and not settings.flag("ksql.suppress.enabled", default=True):
        raise StatementError(
            "Suppression is currently disabled. You can enable it by setting ksql.suppress.enabled to true"
        )
    nodes = (node for expression in expressions_of(query) for node in walk(expression))
    if any(isinstance(node, Lambda) for node in nodes) and not settings.flag("ksql.lambdas.enabled", default=True):
        raise StatementError(
            "Lambdas are not enabled at this time. You can enable them by setting ksql.lambdas.enabled to true"
        )


def check_headers(kind: str, schema: Schema, settings: Settings) -> None:
    """Check that columns of headers are allowed where there are any.

    Args:
        kind: stream or table.
        schema: of what is created.
        settings: in force.

    Raises:
        StatementError: ``ksql.headers.columns.enabled`` is false.
    """
    if schema.headers and not settings.flag("ksql.headers.columns.enabled", default=True):
        raise StatementError(f"Cannot create {kind} because schema with headers columns is disabled.")


def check_source_table(settings: Settings) -> None:
    """Check that source tables are allowed, which keep their rows in a query of their own.

    Raises:
        StatementError: ``ksql.source.table.materialization.enabled`` is false.
    """
    if not settings.flag("ksql.source.table.materialization.enabled", default=True):
        raise StatementError("Cannot execute command because source table materialization is disabled.")


def check_replace(or_replace: bool, settings: Settings) -> None:
    """Check that CREATE OR REPLACE is allowed where it is asked for.

    Raises:
        StatementError: ``ksql.create.or.replace.enabled`` is false.
    """
    if or_replace and not settings.flag("ksql.create.or.replace.enabled", default=True):
        raise StatementError(
            "CREATE OR REPLACE is currently disabled. You can enable it by setting ksql.create.or.replace.enabled to "
            "true"
        )


def check_query_limit(plan: Plan, metastore: MetaStore, settings: Settings) -> None:
    """Check that there may be one persistent query more, where a plan starts one.

    A limit is for new statements only: what a server has accepted it runs, whatever it is told later.

    Raises:
        StatementError: ``ksql.query.persistent.active.limit`` is reached.
    """
    # A session may lower what the server allows, never raise it.
    layers = (settings.config, settings.overrides)
    limits = [integer_of(QUERY_LIMIT, layer[QUERY_LIMIT]) for layer in layers if QUERY_LIMIT in layer]
    if not limits or plan.query is None or plan.query.id in metastore.queries:
        return
    count, limit = len(metastore.queries) + 1, min(limits)
    if count > limit:
        raise StatementError(
            f"Not executing statement(s) '{plan.text}' as it would cause the number of active, persistent queries to "
            "exceed the configured limit. Use the TERMINATE command to terminate existing queries. "
            f"Current persistent query count: {count - 1}. Configured limit: {limit}.",
            plan.text,
        )
