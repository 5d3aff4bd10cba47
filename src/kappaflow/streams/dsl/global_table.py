"""Tables that every task sees as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kappaflow.errors import TopologyError
from kappaflow.serde import Serde
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.entries import TimestampExtractor, user_node
from kappaflow.streams.dsl.graph import GraphNode
from kappaflow.streams.dsl.processor_api import ProcessorSupplier
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.table_sources import SOURCE_PREFIX, TABLE_PREFIX, materialized_of
from kappaflow.streams.dsl.table_steps import View, store_view
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.expressions.nodes import Expression

if TYPE_CHECKING:
    from kappaflow.streams.dsl.builder import StreamsBuilder


class GlobalKTable:
    """All partitions of a topic as a table in every instance; it is joined by any key, without repartitioning.

    Its rows are not synchronised in time with the streams that are joined with it.
    """

    def __init__(self, store: StoreDefinition) -> None:
        self.store = store

    def view(self) -> View:
        """Return how rows are looked up."""
        return store_view(self.store.name)


def global_table(
    builder: StreamsBuilder,
    topic: str,
    key_serde: Serde | None,
    value_serde: Serde | None,
    timestamp: TimestampExtractor | Expression | None,
    given: Materialized | str | None,
    name: str | None,
) -> GlobalKTable:
    """Read a topic as a global table."""
    graph, materialized = builder.graph, materialized_of(given)
    if materialized.is_versioned:
        raise TopologyError(f"Global table {topic} cannot be versioned: its rows are not looked up by time.")
    key, value = key_serde or materialized.key_serde, value_serde or materialized.value_serde
    store = StoreDefinition(materialized.name or graph.new_store_name(f"{topic}-"), key, value, logging=False)
    source_name = graph.suffixed_or_new(name, "-source", SOURCE_PREFIX)
    processor_name = graph.name_or_new(name, TABLE_PREFIX)

    def write(topology: Topology, node: GraphNode) -> None:
        topology.add_global_node(
            source_name,
            node.name,
            topic,
            store,
            lambda at: run.ToTable(name=at.name, store=at.stores[0]),
            timestamp=timestamp,
        )

    graph.add(GraphNode(processor_name, write), graph.root)
    return GlobalKTable(store)


def add_global_store(
    builder: StreamsBuilder,
    store: StoreDefinition,
    topic: str,
    supplier: ProcessorSupplier,
    serdes: tuple[Serde | None, Serde | None],
    timestamp: TimestampExtractor | Expression | None,
    name: str | None,
) -> None:
    """Read a topic by a processor of the program into a store that every task sees."""
    graph = builder.graph
    kept = replace(store, logging=False)
    source_name = graph.suffixed_or_new(name, "-source", SOURCE_PREFIX)
    processor_name = graph.name_or_new(name, TABLE_PREFIX)

    def write(topology: Topology, node: GraphNode) -> None:
        topology.add_global_node(
            source_name,
            node.name,
            topic,
            kept,
            user_node(supplier, keeps_key=False),
            timestamp=timestamp,
            serdes=serdes,
        )

    graph.add(GraphNode(processor_name, write), graph.root)
