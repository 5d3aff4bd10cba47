"""Tables: the latest value of each key, and its changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kappaflow.errors import TopologyError, UsageError
from kappaflow.serde import Serde
from kappaflow.serde.shape import Shape
from kappaflow.streams import topology as run
from kappaflow.streams.columns.step_rows import Steps
from kappaflow.streams.dsl.entries import Connected, MakeNode
from kappaflow.streams.dsl.expressions import predicate_of, value_mapper
from kappaflow.streams.dsl.graph import GraphNode, operator
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.stream import KStream
from kappaflow.streams.dsl.suppressed import Suppressed
from kappaflow.streams.dsl.table_steps import BufferStep, ComputeColumns, ComputedStep, Step, View
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.processors.buffered_changes import BufferedChangeSerde
from kappaflow.streams.processors.suppress_buffer import BufferLimits, SuppressBufferProcessor
from kappaflow.streams.record import Record, Windowed
from kappaflow.streams.topology.nodes import KeySerde, PartitionOf

if TYPE_CHECKING:
    from kappaflow.streams.dsl.builder import StreamsBuilder
    from kappaflow.streams.dsl.grouped_table import KGroupedTable


class KTable:
    """A table; each call gives a new one."""

    def __init__(
        self,
        builder: StreamsBuilder,
        name: str,
        key_serde: KeySerde | None,
        value_serde: Serde | None,
        sources: frozenset[str],
        step: Step,
        node: GraphNode,
    ) -> None:
        self.builder = builder
        self.name = name
        self.key_serde = key_serde
        self.value_serde = value_serde
        self.sources = sources
        self.step = step
        self.node = node
        self._sends_old = False

    # ---- what other operators ask of it ----

    def enable_old_values(self, *, force: bool) -> bool:
        """Ask for old values; tell whether they will come."""
        if not self._sends_old:
            if not self.step.enable_old_values(force=force):
                return False
            self._sends_old = True
        return True

    def view(self) -> View:
        """Return how rows are looked up; makes sure that they can be."""
        return self.step.view()

    @property
    def store_name(self) -> str | None:
        """The name of the store that keeps it, where there is one."""
        store: StoreDefinition | None = getattr(self.step, "store", None)
        return store.name if store is not None and getattr(self.step, "is_kept", True) else None

    # ---- row by row ----

    def filter(
        self,
        predicate: Callable[..., bool] | Expression,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Keep the rows for which the predicate is true; a row that stops matching is deleted."""
        return self._filter(predicate, materialized, name, negated=False)

    def filter_not(
        self,
        predicate: Callable[..., bool] | Expression,
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Drop the rows for which the predicate is true."""
        return self._filter(predicate, materialized, name, negated=True)

    def map_values(
        self,
        mapper: Callable[..., Any] | Expression | Mapping[str, Any],
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Give rows new values."""
        maps, serde = value_mapper(mapper, self)

        def compute(key: Any, value: Any) -> Any:
            return maps.row(Record(key, value, -1))

        columns = maps.column if maps.columnar else None
        return self._computed("KTABLE-MAPVALUES-", compute, None, materialized, name, serde, columns)

    def transform_values(
        self,
        supplier: Callable[[], Any],
        *stores: str,
        materialized: Materialized | str | None = None,
        name: str | None = None,
    ) -> KTable:
        """Give rows values that a transformer makes, which may use stores; deletions are transformed as well.

        Args:
            supplier: makes an object with ``transform(key, value)``, and ``init(context)`` and ``close()`` if it wants.
            stores: names of those that it uses.
        """
        from kappaflow.streams.dsl.table_sources import materialized_of
        from kappaflow.streams.dsl.transformed_table import transform_values

        given = None if materialized is None else materialized_of(materialized)
        return transform_values(self, supplier, stores, given, name)

    # ---- streams and groups ----

    def to_stream(
        self, mapper: Callable[..., Any] | Expression | Mapping[str, Any] | None = None, *, name: str | None = None
    ) -> KStream:
        """The changes as a stream: new values, None for deletions; `mapper` gives new keys."""
        made = self.builder.graph.name_or_new(name, "KTABLE-TOSTREAM-")
        node = operator(made, lambda at: run.ToStream(name=at.name))
        self.builder.graph.add(node, self.node)
        stream = KStream(self.builder, made, self.key_serde, self.value_serde, self.sources, node)
        return stream if mapper is None else stream.select_key(mapper)

    def group_by(
        self,
        selector: Callable[..., tuple[Any, Any]] | Expression | Mapping[str, Any] | tuple[Any, Any],
        *,
        name: str | None = None,
        key_serde: Serde | None = None,
        value_serde: Serde | None = None,
    ) -> KGroupedTable:
        """Regroup the rows.

        Args:
            selector: returns (key, value), None leaves a row out; or an expression of the new key, or one of the key
                and one of the value: ``(col("city"), {"people": col("people")})``.
        """
        from kappaflow.streams.dsl.regrouped_table import regroup

        return regroup(self, selector, name, key_serde, value_serde)

    def suppress(self, suppressed: Suppressed) -> KTable:
        """Hold changes back, until windows are final or for a time."""
        if self.node.versioned:
            raise TopologyError(f"{self.name} is versioned: its changes are not held back. Suppress another table.")
        graph = self.builder.graph
        name = suppressed.name if suppressed.name is not None else graph.new_name("KTABLE-SUPPRESS-")
        wait_ms = suppressed.wait_ms if suppressed.wait_ms is not None else _grace_of(self.node)
        store_name = (
            f"{suppressed.name}-store" if suppressed.name is not None else graph.new_store_name("KTABLE-SUPPRESS-")
        )
        inner: Any = getattr(self.key_serde, "inner", self.key_serde)
        store = StoreDefinition(
            store_name,
            inner,
            BufferedChangeSerde(self.value_serde or self.builder.value_serde or _unknown(self.name)),
            getattr(self.key_serde, "window", None),
            buffers=True,
        )
        final = suppressed.wait_ms is None
        suppressing = Steps(
            takes_changes=True, makes_changes=True, keeps_key=False, keeps_record=False, reads_place=True
        )
        limits = BufferLimits(
            wait_ms, suppressed.max_records, suppressed.max_bytes, suppressed.emits_early, drops_tombstones=final
        )

        def make_node(at: Connected) -> run.Node:
            spec = at.stores[0]

            def make(context: Any, stores: Any) -> SuppressBufferProcessor:
                made = SuppressBufferProcessor(
                    at.name, context, limits, _window_end if final else _time, spec.key_serde, stores[spec.name]
                )
                context.shared[at.name] = made
                return made

            return run.Operator(
                name=at.name,
                make=make,
                specs=at.stores,
                why="sizes of what is held back are counted as Kafka Streams counts them",
                steps=suppressing if limits.size_bytes is None else None,
            )

        node = GraphNode(name, lambda topology, at: _add_with_store(topology, at, make_node, store))
        node.versioned, node.refuses_versions = False, True
        graph.add(node, self.node)
        step = BufferStep(self, name, store)
        return KTable(self.builder, name, self.key_serde, self.value_serde, frozenset((self.name,)), step, node)

    # ---- joins ----

    def join(
        self,
        other: KTable,
        joiner: Callable[..., Any] | Expression | Mapping[str, Any],
        materialized: Materialized | str | None = None,
        *,
        foreign_key: Callable[..., Any] | Expression | Mapping[str, Any] | None = None,
        partitioner: PartitionOf | None = None,
        other_partitioner: PartitionOf | None = None,
        name: str | None = None,
    ) -> KTable:
        """Join rows of the same key, or with the row of another table that `foreign_key` names.

        Args:
            joiner: of both values, or of key and both values; or expressions of ``col.left(..)`` and ``col.right(..)``.
            foreign_key: gives the other table's key from a value, or from key and value; or an expression.
            partitioner, other_partitioner: with a foreign key, where the topics of this and of the other table were
                written by partitioners of yours: those, of a record with its key and the number of partitions.
        """
        return self._join(other, "inner", joiner, materialized, foreign_key, name, (partitioner, other_partitioner))

    def left_join(
        self,
        other: KTable,
        joiner: Callable[..., Any] | Expression | Mapping[str, Any],
        materialized: Materialized | str | None = None,
        *,
        foreign_key: Callable[..., Any] | Expression | Mapping[str, Any] | None = None,
        partitioner: PartitionOf | None = None,
        other_partitioner: PartitionOf | None = None,
        name: str | None = None,
    ) -> KTable:
        """Join, and keep rows of this table without a partner."""
        return self._join(other, "left", joiner, materialized, foreign_key, name, (partitioner, other_partitioner))

    def outer_join(
        self,
        other: KTable,
        joiner: Callable[..., Any] | Expression | Mapping[str, Any],
        materialized: Materialized | str | None = None,
        *,
        name: str | None = None,
    ) -> KTable:
        """Join, and keep rows of both tables without a partner."""
        return self._join(other, "outer", joiner, materialized, None, name)

    # ---- shared ----

    def _join(
        self,
        other: KTable,
        kind: str,
        joiner: Any,
        materialized: Any,
        foreign_key: Any,
        name: str | None,
        partitioners: tuple[PartitionOf | None, PartitionOf | None] = (None, None),
    ) -> KTable:
        from kappaflow.streams.dsl import foreign_key_join, table_joins

        if not isinstance(other, KTable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError(f"A table joins tables, not {type(other).__name__}.")
        if foreign_key is None:
            if any(partitioners):
                raise UsageError("Partitioners are of joins by foreign key; by key, both topics are partitioned alike.")
            return table_joins.join_tables(self, other, kind, joiner, materialized, name)
        return foreign_key_join.join_by_foreign_key(
            self, other, kind, foreign_key, joiner, materialized, name, partitioners
        )

    def _filter(
        self,
        predicate: Callable[..., bool] | Expression,
        materialized: Materialized | str | None,
        name: str | None,
        *,
        negated: bool,
    ) -> KTable:
        made = predicate_of(predicate, self, negated=negated)

        def keeps(key: Any, value: Any) -> bool:
            return made.row(Record(key, value, -1))

        def compute(key: Any, value: Any) -> Any:
            return value if keeps(key, value) else None

        columns = (lambda batch: (batch.value, made.column(batch))) if made.columnar else None
        return self._computed("KTABLE-FILTER-", compute, keeps, materialized, name, self.value_serde, columns)

    def _computed(
        self,
        prefix: str,
        compute: Callable[[Any, Any], Any],
        keeps: Callable[[Any, Any], bool] | None,
        given: Materialized | str | None,
        name: str | None,
        value_serde: Serde | None,
        columns: ComputeColumns | None = None,
    ) -> KTable:
        from kappaflow.streams.dsl.table_sources import materialized_of

        graph, store = self.builder.graph, None
        key: Any = self.key_serde
        versioned: bool | None = None
        if given is not None:
            materialized = materialized_of(given)
            versioned = materialized.is_versioned
            key, value_serde = materialized.key_serde or key, materialized.value_serde or value_serde
            if materialized.name is None:
                graph.new_store_name(prefix)
            else:
                store = StoreDefinition(
                    materialized.name,
                    getattr(key, "inner", key),
                    value_serde,
                    getattr(key, "window", None),
                    logging=materialized.logging,
                    changelog_config=materialized.changelog_config,
                    history_ms=materialized.history_retention_ms,
                    caching=materialized.caching,
                    in_memory=materialized.in_memory,
                    max_entries=materialized.max_entries,
                )
        made = graph.name_or_new(name, prefix)
        shape: Shape | None = None if keeps is not None or columns is None else getattr(value_serde, "shape", None)
        step = ComputedStep(self, compute, keeps, store, columns, shape)
        node = GraphNode(made, lambda topology, at: _add_with_store(topology, at, step.node, store))
        node.versioned = versioned
        if keeps is not None:
            node.heed_versions = step.latest.heed
        graph.add(node, self.node)
        return KTable(self.builder, made, key, value_serde, self.sources, step, node)


def _add_with_store(topology: Topology, at: GraphNode, node: MakeNode, store: StoreDefinition | None) -> None:
    if store is not None:
        topology.add_state_store(store)
    topology.add_node(at.name, node, at.parent_names, () if store is None else (store.name,))


def _time(record: Record) -> int:
    return record.timestamp


def _window_end(record: Record) -> int:
    key: Windowed = record.key
    return key.end


def _grace_of(node: GraphNode) -> int:
    """Return the grace period of the windowed aggregation that a table comes from."""
    if node.grace_ms is not None:
        return node.grace_ms
    found = [_grace_of(parent) for parent in node.parents]
    if not found:
        raise TopologyError(
            "Only the results of windowed aggregations become final: suppress them before they are joined or "
            "regrouped, or use Suppressed.until_time_limit."
        )
    return max(found)


def _unknown(name: str) -> Serde:
    from kappaflow.serde.objects import MissingSerde

    return MissingSerde(f"the values of {name}")
