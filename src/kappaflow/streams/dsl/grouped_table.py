"""Regrouped tables: what is folded by a new key, taking old rows back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kappaflow.serde import Serde
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.aggregators import ObjectAggregator, counting, reducing
from kappaflow.streams.dsl.functions import aggregator_with_key
from kappaflow.streams.dsl.graph import REPARTITION_SUFFIX, GraphNode
from kappaflow.streams.dsl.grouped_stream import stored_operator
from kappaflow.streams.dsl.serdes import Serdes
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_sources import materialized_of
from kappaflow.streams.dsl.table_steps import StoredStep
from kappaflow.streams.dsl.topology import Topology

if TYPE_CHECKING:
    from kappaflow.streams.dsl.builder import StreamsBuilder

AGGREGATE = "KTABLE-AGGREGATE-"
REDUCE = "KTABLE-REDUCE-"


class KGroupedTable:
    """A table regrouped by a new key."""

    def __init__(
        self,
        builder: StreamsBuilder,
        name: str,
        key_serde: Serde | None,
        value_serde: Serde | None,
        node: GraphNode,
        *,
        repartition_name: str | None,
    ) -> None:
        self.builder = builder
        self.name = name
        self.key_serde = key_serde
        self.value_serde = value_serde
        self.node = node
        self._repartition_name = repartition_name
        self._repartitioned: GraphNode | None = None

    def count(self, materialized: Materialized | str | None = None, *, name: str | None = None) -> KTable:
        """Count the rows of each group."""
        return self._fold(AGGREGATE, AGGREGATE, counting(), materialized, name, Serdes.long())

    def reduce(
        self,
        adder: Callable[[Any, Any], Any],
        subtractor: Callable[[Any, Any], Any],
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold the rows of each group into one; the subtractor takes what there is and an old row."""
        fold = reducing(adder, subtractor)
        return self._fold(AGGREGATE, REDUCE, fold, materialized, name, self.value_serde)

    def aggregate(
        self,
        initializer: Callable[[], Any],
        adder: Callable[..., Any],
        subtractor: Callable[..., Any],
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold the rows of each group into an aggregate; both functions take value and aggregate, or key as well."""
        fold = ObjectAggregator(initializer, aggregator_with_key(adder), aggregator_with_key(subtractor))
        return self._fold(AGGREGATE, AGGREGATE, fold, materialized, name, None)

    def _fold(
        self,
        store_prefix: str,
        prefix: str,
        aggregator: ObjectAggregator,
        given: Materialized | str | None,
        name: str | None,
        value_serde: Serde | None,
    ) -> KTable:
        graph, materialized = self.builder.graph, materialized_of(given)
        store = StoreDefinition(
            materialized.name or graph.new_store_name(store_prefix),
            materialized.key_serde or self.key_serde,
            materialized.value_serde or value_serde,
            logging=materialized.logging,
            changelog_config=materialized.changelog_config,
            history_ms=materialized.history_retention_ms,
            caching=materialized.caching,
        )
        sink = graph.suffixed_or_new(name, "-sink", "KSTREAM-SINK-")
        source = graph.suffixed_or_new(name, "-source", "KSTREAM-SOURCE-")
        function = graph.name_or_new(name, prefix)
        if self._repartitioned is None or self._repartition_name is None:
            topic = (self._repartition_name or store.name) + REPARTITION_SUFFIX
            self._repartitioned = self._through(sink, source, topic)
        graph.add(self._repartitioned, self.node)
        node = stored_operator(
            function,
            lambda at: run.TableAggregate(name=at.name, aggregator=aggregator, store=at.stores[0]),
            store,
        )
        graph.add(node, self._repartitioned)
        return KTable(
            self.builder,
            function,
            store.key_serde,
            store.value_serde,
            frozenset((source,)),
            StoredStep(store),
            node,
        )

    def _through(self, sink: str, source: str, topic: str) -> GraphNode:
        def write(topology: Topology, at: GraphNode) -> None:
            topology.add_repartition(
                sink,
                source,
                topic,
                at.parent_names,
                key_serde=self.key_serde,
                value_serde=self.value_serde,
                carries_changes=True,
            )

        return GraphNode(source, write)
