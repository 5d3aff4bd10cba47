"""Grouped streams: what is folded by key, as a whole or by windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.aggregators import ObjectAggregator, counting
from kappaflow.streams.dsl.entries import MakeNode
from kappaflow.streams.dsl.expression_folds import aggregate_serde, folding, is_folding
from kappaflow.streams.dsl.expressions import is_fold, scope_of, serde_of_shape
from kappaflow.streams.dsl.functions import aggregator_with_key, joiner_with_key
from kappaflow.streams.dsl.graph import GraphNode, repartitioning
from kappaflow.streams.dsl.names import checked_name
from kappaflow.streams.dsl.reducers import Reducer, reducing
from kappaflow.streams.dsl.serdes import Serdes
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_sources import materialized_of
from kappaflow.streams.dsl.table_steps import StoredStep
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.dsl.windows import SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows
from kappaflow.streams.expressions.aggregates import ExpressionAggregator
from kappaflow.streams.expressions.nodes import Aggregate, Expression
from kappaflow.streams.topology.nodes import KeySerde

if TYPE_CHECKING:
    from kappaflow.streams.dsl.builder import StreamsBuilder
    from kappaflow.streams.dsl.cogrouped import CogroupedKStream
    from kappaflow.streams.dsl.windowed_stream import SessionWindowedKStream, WindowedKStream

AGGREGATE = "KSTREAM-AGGREGATE-"
REDUCE = "KSTREAM-REDUCE-"
Folder = ObjectAggregator | ExpressionAggregator


class KGroupedStream:
    """A stream grouped by key."""

    def __init__(
        self,
        builder: StreamsBuilder,
        name: str,
        key_serde: KeySerde | None,
        value_serde: Serde | None,
        sources: frozenset[str],
        node: GraphNode,
        *,
        needs_repartition: bool,
        repartition_name: str | None,
    ) -> None:
        self.builder = builder
        self.name = name
        self.key_serde = key_serde
        self.value_serde = value_serde
        self.sources = sources
        self.node = node
        self.needs_repartition = needs_repartition
        self.repartition_name = repartition_name and checked_name(repartition_name, "name of a grouping")
        self._repartitioned: GraphNode | None = None

    def count(self, materialized: Materialized | str | None = None, *, name: str | None = None) -> KTable:
        """Count the records of each key."""
        return self._fold(AGGREGATE, counting(), materialized, name, Serdes.long(), is_count=True)

    def reduce(
        self,
        reducer: Reducer,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold the values of each key into one.

        Args:
            reducer: of what there is and the next value; or an expression of both, what there is on the left:
                ``col.left() + col.right()``. ``min``, ``max`` and ``operator.add`` are known for whole numbers.
        """
        return self._fold(REDUCE, reducing(reducer, of=self, whole_columns=True), materialized, name, self.value_serde)

    def aggregate(
        self,
        initializer: Callable[[], Any] | Aggregate | Mapping[str, Aggregate],
        aggregator: Callable[..., Any] | Expression | Mapping[str, Any] | None = None,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Fold the values of each key into an aggregate.

        Args:
            initializer: makes the first aggregate; or folds of expressions, which need no aggregator:
                ``aggregate({"n": count(), "revenue": (col("units") * col("price")).sum()})``.
            aggregator: of value and aggregate, or key, value and aggregate; or an expression of the aggregate on the
                left and the value on the right: ``aggregate(lambda: "", col.left() + col.right("item"))``.
        """
        fold, serde = folded(self, initializer, aggregator, materialized_of(materialized).value_serde)
        return self._fold(AGGREGATE, fold, materialized, name, serde)

    @overload
    def windowed_by(self, windows: TimeWindows | SlidingWindows | UnlimitedWindows) -> WindowedKStream: ...
    @overload
    def windowed_by(self, windows: SessionWindows) -> SessionWindowedKStream: ...
    def windowed_by(
        self, windows: TimeWindows | SlidingWindows | UnlimitedWindows | SessionWindows
    ) -> WindowedKStream | SessionWindowedKStream:
        """Fold by windows of time."""
        from kappaflow.streams.dsl.windowed_stream import SessionWindowedKStream, WindowedKStream

        if isinstance(windows, SessionWindows):
            return SessionWindowedKStream(self, windows)
        if not isinstance(windows, TimeWindows | SlidingWindows | UnlimitedWindows):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError(
                f"{windows!r} are no windows to fold by: there are TimeWindows, SlidingWindows, SessionWindows and "
                "UnlimitedWindows, each made by its of(..)."
            )
        return WindowedKStream(self, windows)

    def cogroup(self, aggregator: Callable[..., Any] | Expression | Mapping[str, Any]) -> CogroupedKStream:
        """Fold several grouped streams into one aggregate; this one with `aggregator`."""
        from kappaflow.streams.dsl.cogrouped import CogroupedKStream

        return CogroupedKStream(self.builder).cogroup(self, aggregator)

    # ---- shared with windowed and cogrouped streams ----

    def _fold(
        self,
        prefix: str,
        aggregator: Folder,
        given: Materialized | str | None,
        name: str | None,
        value_serde: Serde | None,
        *,
        is_count: bool = False,
    ) -> KTable:
        materialized = materialized_of(given)
        store_name, function = self.names(prefix, given, materialized, name, is_count=is_count)
        key, value = materialized.key_serde or self.key_serde, materialized.value_serde or value_serde
        store = StoreDefinition(
            store_name,
            key,  # type: ignore[arg-type]
            value,
            logging=materialized.logging,
            changelog_config=materialized.changelog_config,
            history_ms=materialized.history_retention_ms,
            caching=materialized.caching,
            in_memory=materialized.in_memory,
            max_entries=materialized.max_entries,
        )
        return self.aggregated(
            function,
            lambda at: run.StreamAggregate(
                name=at.name, aggregator=aggregator, store=at.stores[0], initial_is_old=prefix != REDUCE
            ),
            store,
            key,
            value,
        )

    def names(
        self,
        prefix: str,
        given: Materialized | str | None,
        materialized: Materialized,
        name: str | None,
        *,
        is_count: bool = False,
        burns: bool = True,
    ) -> tuple[str, str]:
        """Return the names of store and operator; a count with an unnamed store uses one more number up."""
        graph = self.builder.graph
        if is_count and burns and given is not None and materialized.name is None:
            graph.new_store_name(prefix)
        store_name = materialized.name or graph.new_store_name(prefix)
        return store_name, graph.name_or_new(name, prefix)

    def aggregated(
        self,
        name: str,
        node: MakeNode,
        store: StoreDefinition,
        key_serde: KeySerde | None,
        value_serde: Serde | None,
        grace_ms: int | None = None,
    ) -> KTable:
        """Put an aggregation behind the stream, through an internal topic where keys may have changed."""
        graph, parent, sources = self.builder.graph, self.node, self.sources
        if self.needs_repartition:
            through = repartitioning(
                self.builder.graph, self.repartition_name or store.name, self.key_serde, self.value_serde
            )
            if self._repartitioned is None or self.repartition_name is None:
                self._repartitioned = through.node()
            parent = graph.add(self._repartitioned, parent)
            sources = frozenset((through.source_name,))
        made = graph.add(stored_operator(name, node, store, grace_ms), parent)
        return KTable(self.builder, name, key_serde, value_serde, sources, StoredStep(store), made)


def folded(
    of: KGroupedStream, initializer: Any, aggregator: Any, given: Serde | None, merger: Any = None
) -> tuple[Folder, Serde | None]:
    """Return what folds, and how aggregates are written where that is known.

    Args:
        given: how they are to be written.

    Raises:
        UsageError: there is a function for the first aggregate, but none that folds.
    """
    if is_fold(initializer):
        made = ExpressionAggregator(initializer, scope_of(of), merges=merger is not None)
        return made, serde_of_shape(made.shape)
    if aggregator is None:
        raise UsageError(
            "aggregate takes two functions, aggregate(lambda: 0, lambda value, total: total + value), or folds: "
            'aggregate({"n": count(), "total": col("units").sum()}).'
        )
    if is_folding(aggregator):
        serde = aggregate_serde(initializer, given, of.name)
        return folding(initializer, aggregator, serde, of, merger=merger), serde
    merges = None if merger is None else joiner_with_key(merger)
    return ObjectAggregator(initializer, aggregator_with_key(aggregator), merger=merges), None


def stored_operator(name: str, node: MakeNode, store: StoreDefinition, grace_ms: int | None = None) -> GraphNode:
    """Return a graph node of one operator with its store."""

    def write(topology: Topology, at: GraphNode) -> None:
        topology.add_state_store(store)
        topology.add_node(at.name, node, at.parent_names, (store.name,))

    return GraphNode(name, write, grace_ms=grace_ms, versioned=store.history_ms is not None)


__all__: Sequence[str] = ("AGGREGATE", "REDUCE", "KGroupedStream", "stored_operator")
