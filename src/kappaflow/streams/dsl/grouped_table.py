"""Regrouped tables: what is folded by a new key, taking old rows back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.aggregators import ObjectAggregator, counting
from kappaflow.streams.dsl.expression_folds import aggregate_serde, folding, is_folding
from kappaflow.streams.dsl.expressions import is_fold, scope_of, serde_of_shape
from kappaflow.streams.dsl.functions import aggregator_with_key
from kappaflow.streams.dsl.graph import REPARTITION_SUFFIX, GraphNode
from kappaflow.streams.dsl.grouped_stream import stored_operator
from kappaflow.streams.dsl.reducers import Reducer, reducing
from kappaflow.streams.dsl.serdes import Serdes
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_sources import materialized_of
from kappaflow.streams.dsl.table_steps import StoredStep
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.expressions.aggregates import ExpressionAggregator
from kappaflow.streams.expressions.nodes import Aggregate, Expression

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
        adder: Reducer,
        subtractor: Reducer,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold the rows of each group into one; the subtractor takes what there is and an old row.

        Both may be expressions of what there is on the left and a row on the right.
        """
        fold = reducing(adder, subtractor, of=self)
        return self._fold(AGGREGATE, REDUCE, fold, materialized, name, self.value_serde)

    def aggregate(
        self,
        initializer: Callable[[], Any] | Aggregate | Mapping[str, Aggregate],
        adder: Callable[..., Any] | Expression | Mapping[str, Any] | None = None,
        subtractor: Callable[..., Any] | Expression | Mapping[str, Any] | None = None,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold the rows of each group into an aggregate.

        Args:
            initializer: makes the first aggregate; or folds that can take a row back, counts and sums:
                ``aggregate({"people": count(), "income": col("income").sum()})``.
            adder, subtractor: of value and aggregate, or key as well; or expressions of the aggregate on the left and
                the row on the right.
        """
        if is_fold(initializer):
            fold: Any = ExpressionAggregator(initializer, scope_of(self), undoes=True)  # type: ignore[arg-type]
            return self._fold(AGGREGATE, AGGREGATE, fold, materialized, name, serde_of_shape(fold.shape))
        if adder is None or subtractor is None or not callable(initializer):
            raise UsageError("aggregate of a table takes folds, or a first aggregate, an adder and a subtractor.")
        if is_folding(adder) or is_folding(subtractor):
            given = materialized_of(materialized).value_serde
            serde = aggregate_serde(initializer, given, self.name)
            fold = folding(initializer, adder, serde, self, subtractor=subtractor)
            return self._fold(AGGREGATE, AGGREGATE, fold, materialized, name, serde)
        fold = ObjectAggregator(
            initializer,
            aggregator_with_key(adder),  # type: ignore[arg-type]
            aggregator_with_key(subtractor),  # type: ignore[arg-type]
        )
        return self._fold(AGGREGATE, AGGREGATE, fold, materialized, name, None)

    def _fold(
        self,
        store_prefix: str,
        prefix: str,
        aggregator: ObjectAggregator | ExpressionAggregator,
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
            in_memory=materialized.in_memory,
            max_entries=materialized.max_entries,
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
