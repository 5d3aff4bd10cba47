"""SELECT .. EMIT CHANGES: a transient query whose rows go to its caller."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.sql.analyzer.query import analyze
from kappaflow.sql.ast.statements import Query
from kappaflow.sql.logical.planner import plan_query
from kappaflow.sql.optimizer.optimizer import optimize
from kappaflow.sql.physical import steps as s
from kappaflow.sql.physical.persistent import explain
from kappaflow.sql.physical.planner import plan_steps
from kappaflow.sql.physical.topology import TRANSIENT, StepBuilder
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import PushQuery


def plan_push(context: PlanningContext, query: Query) -> PushQuery:
    """Plan a push query.

    Raises:
        StatementError: the query is wrong, or has no EMIT.
    """
    if query.emit is None:
        raise StatementError("A push query needs EMIT CHANGES.")
    if query.limit is not None and query.limit < 0:
        raise StatementError(f"LIMIT must be non-negative, got {query.limit}.")
    analysis = analyze(query, context.metastore, context.functions)
    logical = plan_query(analysis, context.functions, None, context.topics)
    optimized = optimize(logical.root, context.functions)
    last = plan_steps(optimized.root, None)
    root = s.Collect(last, name="Result", schema=last.schema, window=last.window)
    builder = StepBuilder(context.functions, context.settings, registry=context.schemas.registry)
    sources = tuple(aliased.source for aliased in analysis.scope.sources)
    return PushQuery(
        statement=context.text,
        sources=tuple(source.name for source in sources),
        source_topics=tuple(source.topic for source in sources),
        schema=logical.result,
        build_topology=builder.factory(root, TRANSIENT),
        limit=analysis.limit,
        is_table=optimized.root.is_table,
        properties=dict(context.settings.overrides),
        explainer=lambda: explain(optimized, root, builder),
    )
