"""Persistent queries: steps with a sink, the topology they become, and the store that answers pull queries."""

from __future__ import annotations

from dataclasses import dataclass

from kappaflow.sql.logical.plan import format_plan
from kappaflow.sql.metastore import DataSource, TimestampColumn
from kappaflow.sql.optimizer.optimizer import Optimized
from kappaflow.sql.physical import steps as s
from kappaflow.sql.physical.column_report import describe_columns
from kappaflow.sql.physical.materialisation import Materialisation, keep_source, materialise
from kappaflow.sql.physical.planner import plan_steps
from kappaflow.sql.physical.topology import StepBuilder
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import PersistentQuery, QueryKind, application_id_of


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """Where a query writes."""

    source: DataSource
    timestamp: TimestampColumn | None


def persistent_query(
    context: PlanningContext,
    optimized: Optimized,
    sink: SinkSpec,
    query_id: str,
    kind: QueryKind,
    sources: tuple[str, ...],
) -> PersistentQuery:
    """Return the query that computes `optimized` into `sink`.

    Raises:
        StatementError: the plan has no physical form.
    """
    last = plan_steps(optimized.root, sink.source.key_format)
    held: Materialisation | None = None
    if kind is QueryKind.CREATE_TABLE_AS:
        last, held = materialise(last)
    formats = s.Formats(sink.source.key_format, sink.source.value_format)
    step_kind = s.TableSink if sink.source.is_table else s.StreamSink
    root = step_kind(
        last,
        sink.source.topic,
        formats,
        sink.timestamp,
        name=sink.source.name,
        schema=last.schema,
        window=last.window,
    )
    application_id = application_id_of(context.service_id, query_id)
    builder = StepBuilder(context.functions, context.settings, registry=context.schemas.registry)
    if not context.is_replay:
        builder.build(root, application_id)  # what cannot be built is refused now, not in a worker
    return PersistentQuery(
        id=query_id,
        kind=kind,
        statement=context.text,
        sink=sink.source.name,
        sink_topic=sink.source.topic,
        sources=sources,
        source_topics=tuple(_topic(context, name) for name in sources),
        schema=optimized.root.schema,
        build_topology=builder.factory(root, application_id),
        window=optimized.root.window,
        materialises=sink.source.name if held else None,
        store=held.store if held else None,
        store_schema=held.schema if held else None,
        held=held,
        properties=dict(context.settings.overrides),
        explainer=lambda: explain(optimized, root, builder),
        steps=root,
    )


def source_table_query_of(context: PlanningContext, source: DataSource, query_id: str) -> PersistentQuery:
    """Return the query that keeps a source table's rows, to answer pull queries on it."""
    table = s.TableSource(
        source.topic,
        tuple(range(len(source.schema.value))),
        s.Formats(source.key_format, source.value_format),
        source.timestamp,
        store="KsqlTopic-Reduce",
        name="KsqlTopic-Source",
        schema=source.schema,
        window=source.window,
    )
    application_id = application_id_of(context.service_id, query_id)
    builder = StepBuilder(context.functions, context.settings, registry=context.schemas.registry)
    step, held = keep_source(table)
    return PersistentQuery(
        id=query_id,
        kind=QueryKind.CREATE_SOURCE_TABLE,
        statement=context.text,
        sink=None,
        sink_topic=None,
        sources=(source.name,),
        source_topics=(source.topic,),
        schema=source.schema,
        build_topology=builder.factory(step, application_id),
        window=source.window,
        materialises=source.name,
        store=held.store,
        store_schema=held.schema,
        held=held,
        properties=dict(context.settings.overrides),
        explainer=lambda: {"physical steps": s.format_steps(step)},
    )


def explain(optimized: Optimized, root: s.Step, builder: StepBuilder) -> dict[str, str]:
    """Return what EXPLAIN prints, by section."""
    applied = "\n".join(optimized.applied) or "none changed the plan"
    topology = builder.build(root, "")
    return {
        "logical plan": optimized.before,
        "optimizer rules": f"{applied}\n\n{format_plan(optimized.root)}",
        "physical steps": s.format_steps(root),
        "topology": topology.describe(),
        "columns": describe_columns(topology),
    }


def _topic(context: PlanningContext, name: str) -> str:
    return context.metastore.require(name).topic
