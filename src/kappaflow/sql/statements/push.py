"""SELECT .. EMIT CHANGES: a transient query whose rows go to its caller."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.sql.analyzer.query import analyze
from kappaflow.sql.analyzer.scope import WINDOW_BOUNDS
from kappaflow.sql.ast.expressions import ColumnReference
from kappaflow.sql.ast.places import place_of
from kappaflow.sql.ast.statements import Query
from kappaflow.sql.logical.plan import Node, Project
from kappaflow.sql.logical.planner import plan_query
from kappaflow.sql.optimizer.optimizer import optimize
from kappaflow.sql.physical import steps as s
from kappaflow.sql.physical.persistent import explain
from kappaflow.sql.physical.planner import plan_steps
from kappaflow.sql.physical.topology import TRANSIENT, StepBuilder
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import PushQuery
from kappaflow.sql.statements.switches import check_query


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
    check_query(query, context.settings)
    with place_of(query):
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
        key_places=_key_places(logical.root),
        properties=dict(context.settings.overrides),
        explainer=lambda: explain(optimized, root, builder),
    )


def _key_places(root: Node) -> tuple[int | str | None, ...]:
    """Return for each result column where it stands in the key."""
    if not isinstance(root, Project):
        return ()
    keys = {column.name: place for place, column in enumerate(root.schema.key)}
    places: list[int | str | None] = []
    for column in root.columns:
        name = column.expression.name if isinstance(column.expression, ColumnReference) else ""
        places.append(name if name in WINDOW_BOUNDS else keys.get(name))
    return tuple(places)
