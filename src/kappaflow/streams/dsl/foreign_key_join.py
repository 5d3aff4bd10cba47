"""Joins of tables by foreign key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.serde.objects import MissingSerde
from kappaflow.streams import topology as run
from kappaflow.streams.columns.foreign_key_join import (
    AnsweringColumns,
    ForeignChangeColumns,
    PrimaryPartition,
    RegisteringColumns,
    ResolvingColumns,
    SubscribingColumns,
    Subscriptions,
)
from kappaflow.streams.columns.held_stores import HeldGroups
from kappaflow.streams.dsl.entries import MakeNode
from kappaflow.streams.dsl.expressions import joiner_of, key_mapper, key_serde_of, value_serde_of
from kappaflow.streams.dsl.graph import GraphNode, LatestOnly
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_sources import materialized_of
from kappaflow.streams.dsl.table_steps import SourceStep, View
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.functions import Joiner, Mapper
from kappaflow.streams.processors.foreign_key_protocol import RegistrationSerde, ResponseSerde
from kappaflow.streams.processors.foreign_key_sides import (
    AnsweringProcessor,
    ForeignChangeProcessor,
    RegisteringProcessor,
    ResolvingProcessor,
    SubscribingProcessor,
)
from kappaflow.streams.record import Record
from kappaflow.streams.topology.nodes import PartitionOf

PREFIX = "KTABLE-FK-JOIN-"
REGISTRATION = f"{PREFIX}SUBSCRIPTION-REGISTRATION-"
PROCESSOR = f"{PREFIX}SUBSCRIPTION-PROCESSOR-"
RESPONSE = f"{PREFIX}SUBSCRIPTION-RESPONSE-"
RESOLVER = f"{PREFIX}SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-"
STORE = f"{PREFIX}SUBSCRIPTION-STATE-STORE-"
OUTPUT = f"{PREFIX}OUTPUT-"
SINK, SOURCE = "KTABLE-SINK-", "KTABLE-SOURCE-"


def join_by_foreign_key(
    this: KTable,
    other: KTable,
    kind: str,
    foreign_key: Callable[..., Any] | Expression | Mapping[str, Any],
    joiner: Callable[..., Any] | Expression | Mapping[str, Any],
    given: Materialized | str | None,
    name: str | None,
    partitioners: tuple[PartitionOf | None, PartitionOf | None] = (None, None),
) -> KTable:
    """Join each row with the row of another table that it refers to."""
    if kind == "outer":
        raise UsageError("There is no outer join by foreign key.")
    other.enable_old_values(force=True)
    this.enable_old_values(force=True)
    keys, _ = key_mapper(foreign_key, this)
    joins, known = joiner_of(joiner, this, value_serde_of(other), key_serde_of(this))
    parts = _Parts(this, other, keys, joins, name, known, partitioners, left=kind == "left")
    return parts.joined(materialized_of(given))


class _Parts:
    """The operators of one join, in the order in which their names are generated."""

    def __init__(
        self,
        this: KTable,
        other: KTable,
        foreign_key: Mapper,
        joiner: Joiner,
        name: str | None,
        known: Serde | None,
        partitioners: tuple[PartitionOf | None, PartitionOf | None],
        *,
        left: bool,
    ) -> None:
        builder = this.builder
        self.partitioners = partitioners
        self.this, self.other = this, other
        self.foreign_key, self.joiner, self.left = foreign_key, joiner, left
        self.known = known
        self.name, self.graph = name, builder.graph
        self.latest, self.latest_other = LatestOnly(), LatestOnly()
        self.primary: Any = this.key_serde or builder.key_serde or MissingSerde(f"the keys of {this.name}")
        self.foreign: Any = other.key_serde or builder.key_serde or MissingSerde(f"the keys of {other.name}")
        self.left_values: Serde = this.value_serde or builder.value_serde or MissingSerde(f"the values of {this.name}")
        self.right_values: Serde = (
            other.value_serde or builder.value_serde or MissingSerde(f"the values of {other.name}")
        )

    def _called(self, suffix: str, prefix: str) -> str:
        return self.graph.suffixed_or_new(self.name, suffix, prefix)

    def joined(self, materialized: Materialized) -> KTable:
        """Add all operators and return the joined table."""
        source = self._registered()
        store = StoreDefinition(
            self._called("-subscription-store", STORE), self.foreign, RegistrationSerde(self.primary), logs_headers=True
        )
        answers, changes = self._answered(source, store)
        response = self._response(answers, changes)
        view = self.this.view()
        resolves = self._operator(
            self._called("-subscription-response-resolver", RESOLVER), self._resolving(view), view.stores
        )
        self.graph.add(resolves, response)
        return self._result(materialized, resolves, response.name)

    def _registered(self) -> GraphNode:
        """The left table's side up to where registrations are read."""
        graph = self.graph
        topic = self._called("-subscription-registration", REGISTRATION) + "-topic"
        name = self._called("-subscription-registration-processor", REGISTRATION)
        sends = graph.add(self._operator(name, self._registering()), self.this.node)
        sends.heed_versions = self.latest.heed
        serde = RegistrationSerde(self.primary)
        sink = GraphNode(
            self._called("-subscription-registration-sink", SINK),
            lambda topology, at: topology.add_internal_sink(
                at.name, topic, at.parent_names, self.foreign, serde, partition_of=_by_key(self.partitioners[1])
            ),
        )
        graph.add(sink, sends)
        name = self._called("-subscription-registration-source", SOURCE)
        source = self._source(name, topic, self.foreign, serde, self.other)
        return graph.add(source, sink)

    def _answered(self, source: GraphNode, store: StoreDefinition) -> tuple[GraphNode, GraphNode]:
        """The right table's side: answers to registrations, and to changes of its rows."""
        graph = self.graph
        name = self._called("-subscription-receive", PROCESSOR)
        receives = graph.add(self._operator(name, self._subscribing(store), (store.name,), store), source)
        view = self.other.view()
        name = self._called("-subscription-join-foreign", PROCESSOR)
        answers = graph.add(self._operator(name, self._answering(view), view.stores), receives)
        name = self._called("-foreign-join-subscription", PROCESSOR)
        changes = self._operator(name, self._changing(store), (store.name,), store)
        changes.heed_versions = self.latest_other.heed
        return answers, graph.add(changes, self.other.node)

    def _response(self, answers: GraphNode, changes: GraphNode) -> GraphNode:
        """The way back to the left table's tasks."""
        graph = self.graph
        topic = self._called("-subscription-response", RESPONSE) + "-topic"
        chosen = _by_key(self.partitioners[0]) or PrimaryPartition()
        serde = ResponseSerde(self.right_values)
        sink = GraphNode(
            self._called("-subscription-response-sink", SINK),
            lambda topology, at: topology.add_internal_sink(
                at.name,
                topic,
                at.parent_names,
                self.primary,
                serde,
                partition_of=chosen,
            ),
        )
        graph.add(sink, answers)
        graph.add(sink, changes)
        name = self._called("-subscription-response-source", SOURCE)
        source = self._source(name, topic, self.primary, serde, self.this)
        return graph.add(source, sink)

    def _result(self, materialized: Materialized, before: GraphNode, source: str) -> KTable:
        name = self._called("-result", OUTPUT)
        store = StoreDefinition(
            materialized.name or self.graph.new_store_name(OUTPUT),
            materialized.key_serde or self.primary,
            materialized.value_serde or self.known,
            logging=materialized.logging,
            changelog_config=materialized.changelog_config,
            history_ms=materialized.history_retention_ms,
            caching=materialized.caching,
            in_memory=materialized.in_memory,
            max_entries=materialized.max_entries,
        )
        step = SourceStep(store, is_kept=materialized.name is not None)

        def write(topology: Topology, at: GraphNode) -> None:
            for definition in step.stores:
                topology.add_state_store(definition)
            topology.add_node(at.name, step.node, at.parent_names, [each.name for each in step.stores])

        node = self.graph.add(GraphNode(name, write, versioned=materialized.is_versioned), before)
        sources = self.this.sources | {source}
        value = materialized.value_serde or self.known
        return KTable(self.this.builder, name, self.this.key_serde, value, sources, step, node)

    @staticmethod
    def _operator(
        name: str,
        node: MakeNode,
        stores: tuple[str, ...] = (),
        own: StoreDefinition | None = None,
    ) -> GraphNode:
        def write(topology: Topology, at: GraphNode) -> None:
            if own is not None:
                topology.add_state_store(own)
            topology.add_node(at.name, node, at.parent_names, stores)

        return GraphNode(name, write)

    @staticmethod
    def _source(name: str, topic: str, key_serde: Any, value_serde: Serde, meets: KTable) -> GraphNode:
        """Read an internal topic beside the topics of the table that it meets."""

        def write(topology: Topology, at: GraphNode) -> None:
            topology.add_source(at.name, topic, key_serde=key_serde, value_serde=value_serde)
            topology.copartition([*meets.sources, at.name])

        return GraphNode(name, write)

    # ---- operators ----

    @property
    def _has_columns(self) -> bool:
        """Whether keys and values of both tables lie in columns, and those of the left table are plain."""
        serdes = (self.primary, self.foreign, self.left_values, self.right_values)
        shapes: list[Any] = [getattr(serde, "shape", None) for serde in serdes]
        return all(shapes) and shapes[0].is_whole

    def _registering(self) -> MakeNode:
        def foreign_key(key: Any, value: Any) -> Any:
            return self.foreign_key.row(Record(key, value, -1))

        def columns(context: Any, _: Any) -> RegisteringColumns:
            return RegisteringColumns(
                context,
                self.foreign_key,
                self.foreign,
                self.left_values,
                left=self.left,
                latest_only=self.latest.applies,
            )

        return lambda at: run.Operator(
            name=at.name,
            make=lambda context, _: RegisteringProcessor(
                at.name,
                context,
                foreign_key,
                self.foreign.serialize,
                self.left_values.serialize,
                left=self.left,
                latest_only=self.latest.applies,
            ),
            columns=columns if self._has_columns and self.foreign_key.columnar else None,
            key_shape=getattr(self.foreign_key, "shape", None),
            shape=RegistrationSerde(self.primary).shape,
            reads_old=True,
        )

    def _subscriptions(self, context: Any, stores: Any, store: StoreDefinition) -> Subscriptions:
        """The subscriptions of a task, which two operators share."""
        name = f"subscriptions:{store.name}"
        if name not in context.shared:
            held = HeldGroups(stores[store.name], RegistrationSerde(self.primary), foreign_part)
            context.shared[name] = Subscriptions(held)
        return context.shared[name]

    def _subscribing(self, store: StoreDefinition) -> MakeNode:
        def columns(context: Any, stores: Any) -> SubscribingColumns:
            shared = self._subscriptions(context, stores, store)
            return SubscribingColumns(context, shared, self.foreign, self.primary)

        return lambda at: run.Operator(
            name=at.name,
            specs=at.stores,
            make=lambda context, stores: SubscribingProcessor(
                at.name, context, stores[store.name], self.foreign.serialize, self.primary.serialize
            ),
            columns=columns if self._has_columns else None,
            keeps=(store.name,),
        )

    def _answering(self, view: View) -> MakeNode:
        look_up: Any = view.columns

        def columns(context: Any, _: Any) -> AnsweringColumns:
            return AnsweringColumns(lambda: look_up(context))

        return lambda at: run.Operator(
            name=at.name,
            specs=at.stores,
            make=lambda context, stores: AnsweringProcessor(
                at.name, context, view.open(context, stores, at.all_stores)
            ),
            columns=columns if self._has_columns and look_up is not None else None,
            key_shape=getattr(self.primary, "shape", None),
            shape=ResponseSerde(self.right_values).shape,
            looks_up=view.stores,
        )

    def _changing(self, store: StoreDefinition) -> MakeNode:
        def columns(context: Any, stores: Any) -> ForeignChangeColumns:
            shared = self._subscriptions(context, stores, store)
            latest = self.latest_other.applies
            return ForeignChangeColumns(context, shared, self.foreign, self.primary, latest_only=latest)

        return lambda at: run.Operator(
            name=at.name,
            specs=at.stores,
            make=lambda context, stores: ForeignChangeProcessor(
                at.name,
                context,
                stores[store.name],
                self.foreign.serialize,
                self.primary.deserialize,
                latest_only=self.latest_other.applies,
            ),
            columns=columns if self._has_columns else None,
            key_shape=getattr(self.primary, "shape", None),
            shape=ResponseSerde(self.right_values).shape,
            looks_up=(store.name,),
        )

    def _resolving(self, view: View) -> MakeNode:
        look_up: Any = view.columns

        def columns(context: Any, _: Any) -> ResolvingColumns:
            table = lambda: look_up(context)  # noqa: E731
            return ResolvingColumns(context, table, self.left_values, self.joiner, left=self.left)

        return lambda at: run.Operator(
            name=at.name,
            specs=at.stores,
            make=lambda context, stores: ResolvingProcessor(
                at.name,
                context,
                view.open(context, stores, at.all_stores),
                self.left_values.serialize,
                self.joiner.row,
                left=self.left,
            ),
            columns=columns if self._has_columns and look_up is not None and self.joiner.columnar else None,
            shape=getattr(self.joiner, "shape", None),
            looks_up=view.stores,
        )


def _by_key(partitioner: PartitionOf | None) -> PartitionOf | None:
    """Return a partitioner that sees keys alone; values are messages of the join."""
    if partitioner is None:
        return None
    return lambda record, count: partitioner(Record(record.key, None, record.timestamp, record.headers), count)


def foreign_part(key: bytes) -> bytes:
    """Return what the keys of all subscriptions to one foreign key share."""
    return key[: 4 + int.from_bytes(key[:4], "big")]
