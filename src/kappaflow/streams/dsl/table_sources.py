"""Tables from topics and from streams."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.streams.dsl.entries import OffsetReset, TimestampExtractor
from kappaflow.streams.dsl.graph import GraphNode, repartitioning
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_steps import SourceStep
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.expressions.nodes import Expression

if TYPE_CHECKING:
    from kappaflow.streams.dsl.builder import StreamsBuilder
    from kappaflow.streams.dsl.stream import KStream

SOURCE_PREFIX = "KSTREAM-SOURCE-"
TABLE_PREFIX = "KTABLE-SOURCE-"


def materialized_of(given: Materialized | str | None) -> Materialized:
    """Return how state is kept; a text is the name of the store.

    Raises:
        UsageError: it is something else.
    """
    if given is not None and not isinstance(given, Materialized | str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"How state is kept is said by a Materialized or the name of a store, not by {given!r}.")
    return Materialized(given) if isinstance(given, str) else given or Materialized()


def table_from_topic(
    builder: StreamsBuilder,
    topic: str,
    key_serde: Serde | None,
    value_serde: Serde | None,
    timestamp: TimestampExtractor | Expression | None,
    offset_reset: OffsetReset,
    given: Materialized | str | None,
    name: str | None,
) -> KTable:
    """Read a topic as a table."""
    graph, materialized = builder.graph, materialized_of(given)
    key, value = key_serde or materialized.key_serde, value_serde or materialized.value_serde
    store_name = materialized.name or graph.new_store_name(f"{topic}-")
    source_name = graph.suffixed_or_new(name, "-source", SOURCE_PREFIX)
    table_name = graph.name_or_new(name, TABLE_PREFIX)
    store = _definition(store_name, key, value, materialized)
    step = SourceStep(store, is_kept=materialized.name is not None)

    def write(topology: Topology, node: GraphNode) -> None:
        topology.add_source(
            source_name, topic, key_serde=key, value_serde=value, timestamp=timestamp, offset_reset=offset_reset
        )
        reuses = "reuse.ktable.source.topics" in builder.optimizations
        for definition in step.stores:
            kept = definition if not reuses else _without_changelog(definition, topic)
            topology.add_state_store(kept)
        topology.add_node(node.name, step.node, (source_name,), [each.name for each in step.stores])

    node = graph.add(GraphNode(table_name, write, versioned=materialized.is_versioned), graph.root)
    return KTable(builder, table_name, key, value, frozenset((source_name,)), step, node)


def stream_to_table(stream: KStream, given: Materialized | str | None, name: str | None) -> KTable:
    """Read a stream as a table."""

    builder, graph, materialized = stream.builder, stream.builder.graph, materialized_of(given)
    table_name = graph.name_or_new(name, "KSTREAM-TOTABLE-")
    store_name = materialized.name or graph.new_store_name("KSTREAM-TOTABLE-")
    key, value = materialized.key_serde or stream.key_serde, materialized.value_serde or stream.value_serde
    parent, sources = stream.node, stream.sources
    if stream.needs_repartition:
        through = repartitioning(graph, table_name, key, value)
        parent = graph.add(through.node(), stream.node)
        sources = frozenset((through.source_name,))
    step = SourceStep(_definition(store_name, key, value, materialized), is_kept=materialized.name is not None)

    def write(topology: Topology, node: GraphNode) -> None:
        for definition in step.stores:
            topology.add_state_store(definition)
        topology.add_node(node.name, step.node, node.parent_names, [each.name for each in step.stores])

    node = graph.add(GraphNode(table_name, write, versioned=materialized.is_versioned), parent)
    return KTable(builder, table_name, key, value, sources, step, node)


def _definition(name: str, key: Any, value: Serde | None, materialized: Materialized) -> StoreDefinition:
    return StoreDefinition(
        name,
        key,
        value,
        logging=materialized.logging,
        changelog_config=materialized.changelog_config,
        history_ms=materialized.history_retention_ms,
        caching=materialized.caching,
        in_memory=materialized.in_memory,
        max_entries=materialized.max_entries,
    )


def _without_changelog(store: StoreDefinition, topic: str) -> StoreDefinition:
    return replace(store, logging=False, changelog_topic=topic)
