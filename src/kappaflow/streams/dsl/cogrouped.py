"""Several grouped streams folded into one aggregate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kappaflow.serde import Serde
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.aggregators import ObjectAggregator
from kappaflow.streams.dsl.entries import MakeNode
from kappaflow.streams.dsl.expression_folds import aggregate_serde, folding, is_folding
from kappaflow.streams.dsl.functions import aggregator_with_key, joiner_with_key
from kappaflow.streams.dsl.graph import GraphNode, repartitioning
from kappaflow.streams.dsl.grouped_stream import KGroupedStream, stored_operator
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.stream import pass_through
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_sources import materialized_of
from kappaflow.streams.dsl.table_steps import MergedAggregatesStep, StoredStep
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.dsl.windowed_stream import (
    Windows,
    grace_of,
    session_node,
    window_store,
    windowed_node,
    windowed_serde,
)
from kappaflow.streams.dsl.windows import SessionWindows
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.topology.nodes import KeySerde

if TYPE_CHECKING:
    from kappaflow.streams.dsl.builder import StreamsBuilder

AGGREGATE = "COGROUPKSTREAM-AGGREGATE-"
MERGE = "COGROUPKSTREAM-MERGE-"
Adding = Callable[..., Any] | Expression | Mapping[str, Any]
MakeAggregation = Callable[[ObjectAggregator], MakeNode]


class CogroupedKStream:
    """Grouped streams, each with its own aggregator, that share one aggregate per key."""

    def __init__(self, builder: StreamsBuilder) -> None:
        self.builder = builder
        self.groups: dict[KGroupedStream, Adding] = {}

    def cogroup(self, grouped: KGroupedStream, aggregator: Adding) -> CogroupedKStream:
        """Add a grouped stream and its aggregator.

        Args:
            aggregator: of value and aggregate, or key, value and aggregate; or an expression of the aggregate on the
                left and the value on the right: ``{"orders": col.left("orders") + 1, "visits": col.left("visits")}``.
        """
        self.groups[grouped] = aggregator if is_folding(aggregator) else aggregator_with_key(aggregator)  # type: ignore[arg-type]
        return self

    def aggregate(
        self,
        initializer: Callable[[], Any],
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold all streams into one aggregate per key."""
        given = materialized_of(materialized)
        store = StoreDefinition(
            given.name or self.builder.graph.new_store_name(AGGREGATE),
            given.key_serde or self.key_serde,
            given.value_serde,
            logging=given.logging,
            changelog_config=given.changelog_config,
            history_ms=given.history_retention_ms,
            caching=given.caching,
            in_memory=given.in_memory,
            max_entries=given.max_entries,
        )

        def make(aggregator: ObjectAggregator) -> MakeNode:
            return lambda at: run.StreamAggregate(
                name=at.name, aggregator=aggregator, store=at.stores[0], initial_is_old=True
            )

        return self.merged(initializer, make, store, store.key_serde, name)

    def windowed_by(self, windows: Windows | SessionWindows) -> WindowedCogroupedKStream:
        """Fold by windows of time."""
        return WindowedCogroupedKStream(self, windows)

    @property
    def key_serde(self) -> Any:
        """The serde of the first stream that has one."""
        return next((group.key_serde for group in self.groups if group.key_serde is not None), None)

    def merged(
        self,
        initializer: Callable[[], Any],
        make: MakeAggregation,
        store: StoreDefinition,
        key_serde: KeySerde | None,
        name: str | None,
        grace_ms: int | None = None,
        merger: Any = None,
    ) -> KTable:
        """Put an aggregation behind each stream and merge what they give."""
        graph = self.builder.graph
        if store.value_serde is None and any(is_folding(fold) for fold in self.groups.values()):
            store = replace(store, value_serde=aggregate_serde(initializer, None, store.name))
        parents: dict[KGroupedStream, GraphNode] = {}
        for group in self.groups:
            parents[group] = self._partitioned(group, store.name)
        nodes: list[GraphNode] = []
        for number, (group, fold) in enumerate(self.groups.items()):
            made = graph.suffixed_or_new(name, f"-cogroup-agg-{number}", AGGREGATE)
            aggregator = self._aggregator(group, initializer, fold, store, merger)
            node = stored_operator(made, make(aggregator), store, grace_ms)
            if store.window is not None:
                node.versioned = None  # as in Kafka Streams, where these say nothing about it
            nodes.append(graph.add(node, parents[group]))
        merged = graph.suffixed_or_new(name, "-cogroup-merge", MERGE)
        sources = [source for group in self.groups if not group.needs_repartition for source in group.sources]

        def write(topology: Topology, at: GraphNode) -> None:
            topology.add_node(at.name, pass_through(merged), at.parent_names)
            topology.copartition(sources)

        node = graph.add(GraphNode(merged, write), *nodes)
        step = MergedAggregatesStep([StoredStep(store) for _ in nodes], store)
        return KTable(self.builder, merged, key_serde, store.value_serde, frozenset((merged,)), step, node)

    def _aggregator(
        self, group: KGroupedStream, initializer: Callable[[], Any], fold: Adding, store: StoreDefinition, merger: Any
    ) -> ObjectAggregator:
        """Return what folds a stream."""
        if is_folding(fold):
            serde = aggregate_serde(initializer, store.value_serde, store.name)
            return folding(initializer, fold, serde, group, merger=merger)
        merges = None if merger is None else joiner_with_key(merger)
        return ObjectAggregator(initializer, fold, merger=merges)  # type: ignore[arg-type]

    def _partitioned(self, group: KGroupedStream, store_name: str) -> GraphNode:
        if not group.needs_repartition:
            return group.node
        through = repartitioning(
            self.builder.graph, group.repartition_name or store_name, group.key_serde, group.value_serde
        )
        return self.builder.graph.add(through.node(), group.node)


class WindowedCogroupedKStream:
    """Grouped streams by windows that share one aggregate per key and window."""

    def __init__(self, cogrouped: CogroupedKStream, windows: Windows | SessionWindows) -> None:
        self._cogrouped = cogrouped
        self._windows = windows

    def aggregate(
        self,
        initializer: Callable[[], Any],
        merger: Callable[..., Any] | Expression | Mapping[str, Any] | None = None,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold all streams into one aggregate per key and window.

        Args:
            merger: joins the aggregates of two sessions; only for session windows.
        """
        cogrouped, windows, given = self._cogrouped, self._windows, materialized_of(materialized)
        store_name = given.name or cogrouped.builder.graph.new_store_name(AGGREGATE)
        inner: Serde | None = given.key_serde or cogrouped.key_serde
        store = window_store(store_name, windows, inner, given.value_serde, given)
        key = windowed_serde(inner or cogrouped.builder.key_serde, store.window, store_name)
        if isinstance(windows, SessionWindows):
            return cogrouped.merged(
                initializer,
                lambda aggregator: session_node(windows, aggregator, final=False),
                store,
                key,
                name,
                windows.gap_ms + windows.grace_ms,
                merger,
            )
        return cogrouped.merged(
            initializer,
            lambda aggregator: windowed_node(windows, aggregator, final=False),
            store,
            key,
            name,
            grace_of(windows),
        )
