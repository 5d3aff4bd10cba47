"""Where topologies begin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.streams.dsl.entries import OffsetReset, TimestampExtractor
from kappaflow.streams.dsl.global_table import GlobalKTable, add_global_store, global_table
from kappaflow.streams.dsl.graph import Graph, GraphNode
from kappaflow.streams.dsl.processor_api import ProcessorSupplier
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition, check_serdes
from kappaflow.streams.dsl.stream import KStream
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_sources import SOURCE_PREFIX, table_from_topic
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.topology import ProcessorWrapper

OPTIMIZATIONS = ("reuse.ktable.source.topics", "merge.repartition.topics", "single.store.self.join")


class StreamsBuilder:
    """Makes streams and tables of topics; `build` gives the topology.

    Args:
        key_serde, value_serde: where a call names none.

    >>> from kappaflow.streams.dsl.serdes import Serdes
    >>> builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    >>> builder.stream("lines").map_values(str.upper).to("shouted")
    >>> print(builder.build().describe(), end="")
    Topologies:
       Sub-topology: 0
        Source: KSTREAM-SOURCE-0000000000 (topics: [lines])
          --> KSTREAM-MAPVALUES-0000000001
        Processor: KSTREAM-MAPVALUES-0000000001 (stores: [])
          --> KSTREAM-SINK-0000000002
          <-- KSTREAM-SOURCE-0000000000
        Sink: KSTREAM-SINK-0000000002 (topic: shouted)
          <-- KSTREAM-MAPVALUES-0000000001
    <BLANKLINE>
    """

    def __init__(self, *, key_serde: Serde | None = None, value_serde: Serde | None = None) -> None:
        check_serdes("StreamsBuilder", key_serde, value_serde)
        self.key_serde, self.value_serde = key_serde, value_serde
        self.graph = Graph()
        self.optimizations: frozenset[str] = frozenset()

    def stream(
        self,
        topics: str | Sequence[str] | re.Pattern[str],
        *,
        key_serde: Serde | None = None,
        value_serde: Serde | None = None,
        timestamp: TimestampExtractor | Expression | None = None,
        offset_reset: OffsetReset = None,
        name: str | None = None,
    ) -> KStream:
        """Read topics as a stream.

        Args:
            topics: their names, or a pattern: ``re.compile("orders-.*")`` reads those that match, also ones that are
                made later.
            timestamp: gives the time of a record, from the record and the greatest time of its partition so far; or
                an expression, such as ``col("at")``.
            offset_reset: where to begin without committed offsets: ``earliest``, ``latest``, or a time ago.
        """
        single = isinstance(topics, str | re.Pattern)
        listed: tuple[Any, ...] = (topics,) if single else tuple(topics)
        made = self.graph.name_or_new(name, SOURCE_PREFIX)

        def write(topology: Topology, node: GraphNode) -> None:
            topology.add_source(
                node.name,
                *listed,
                key_serde=key_serde,
                value_serde=value_serde,
                timestamp=timestamp,
                offset_reset=offset_reset,
            )

        node = self.graph.add(GraphNode(made, write, topics=listed), self.graph.root)
        return KStream(self, made, key_serde, value_serde, frozenset((made,)), node)

    def table(
        self,
        topic: str,
        materialized: Materialized | str | None = None,
        *,
        key_serde: Serde | None = None,
        value_serde: Serde | None = None,
        timestamp: TimestampExtractor | Expression | None = None,
        offset_reset: OffsetReset = None,
        name: str | None = None,
    ) -> KTable:
        """Read a topic as a table: the last record of a key is its row, a null value deletes it."""
        return table_from_topic(self, topic, key_serde, value_serde, timestamp, offset_reset, materialized, name)

    def global_table(
        self,
        topic: str,
        materialized: Materialized | str | None = None,
        *,
        key_serde: Serde | None = None,
        value_serde: Serde | None = None,
        timestamp: TimestampExtractor | Expression | None = None,
        name: str | None = None,
    ) -> GlobalKTable:
        """Read all of a topic as a table in every instance."""
        return global_table(self, topic, key_serde, value_serde, timestamp, materialized, name)

    def add_state_store(self, store: StoreDefinition) -> StreamsBuilder:
        """Add a store that processors may use by its name."""
        self.graph.add(GraphNode(store.name, lambda topology, _: _add_store(topology, store)), self.graph.root)
        return self

    def add_global_store(
        self,
        store: StoreDefinition,
        topic: str,
        supplier: ProcessorSupplier,
        *,
        key_serde: Serde | None = None,
        value_serde: Serde | None = None,
        timestamp: TimestampExtractor | Expression | None = None,
        name: str | None = None,
    ) -> StreamsBuilder:
        """Read all of a topic in every instance by a processor of yours, which keeps what it wants in a store.

        All tasks see the store; nothing is written behind it.

        Args:
            supplier: a class, or a function that makes a processor.
            key_serde, value_serde: of the topic's records; those of the store where none are named.
            name: of the source and the processor.
        """
        add_global_store(self, store, topic, supplier, (key_serde, value_serde), timestamp, name)
        return self

    def build(
        self,
        optimize: str | Sequence[str] = (),
        *,
        processor_wrapper: ProcessorWrapper | None = None,
        ensure_explicit_names: bool = False,
    ) -> Topology:
        """Return the topology.

        Args:
            processor_wrapper: see `Topology`.
            optimize: ``all``, or some of ``reuse.ktable.source.topics``, ``merge.repartition.topics`` and
                ``single.store.self.join``.
            ensure_explicit_names: refuse stores and repartition topics whose names are generated, which a changed
                program would not find again.

        Raises:
            UsageError: there is no such optimisation.
            TopologyError: the topology cannot be built.
        """
        chosen = (optimize,) if isinstance(optimize, str) else tuple(optimize)
        if chosen == ("all",):
            chosen = OPTIMIZATIONS
        if unknown := set(chosen) - set(OPTIMIZATIONS):
            known = ", ".join((*OPTIMIZATIONS, "all"))
            raise UsageError(f"There is no optimisation {sorted(unknown)[0]}; there are {known}.")
        self.optimizations = frozenset(chosen)
        topology = Topology(self.key_serde, self.value_serde, processor_wrapper=processor_wrapper)
        self.graph.write(topology, self.optimizations)
        if ensure_explicit_names:
            topology.require_names()
        return topology


def _add_store(topology: Topology, store: StoreDefinition) -> None:
    topology.add_state_store(store)
