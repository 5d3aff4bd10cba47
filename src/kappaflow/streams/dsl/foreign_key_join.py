"""Joins of tables by foreign key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.serde.objects import MissingSerde
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.functions import with_key
from kappaflow.streams.dsl.graph import GraphNode, LatestOnly
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_sources import materialized_of
from kappaflow.streams.dsl.table_steps import SourceStep, View
from kappaflow.streams.dsl.topology import Connected, Topology
from kappaflow.streams.processors.foreign_key_protocol import RegistrationSerde, ResponseSerde
from kappaflow.streams.processors.foreign_key_sides import (
    AnsweringProcessor,
    ForeignChangeProcessor,
    RegisteringProcessor,
    ResolvingProcessor,
    SubscribingProcessor,
)
from kappaflow.streams.record import Record

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
    foreign_key: Callable[..., Any],
    joiner: Callable[[Any, Any], Any],
    given: Materialized | str | None,
    name: str | None,
) -> KTable:
    """Join each row with the row of another table that it refers to."""
    if kind == "outer":
        raise UsageError("There is no outer join by foreign key.")
    other.enable_old_values(force=True)
    this.enable_old_values(force=True)
    parts = _Parts(this, other, with_key(foreign_key, "foreign key"), joiner, name, left=kind == "left")
    return parts.joined(materialized_of(given))


class _Parts:
    """The operators of one join, in the order in which their names are generated."""

    def __init__(
        self,
        this: KTable,
        other: KTable,
        foreign_key: Callable[[Any, Any], Any],
        joiner: Callable[[Any, Any], Any],
        name: str | None,
        *,
        left: bool,
    ) -> None:
        builder = this.builder
        self.this, self.other = this, other
        self.foreign_key, self.joiner, self.left = foreign_key, joiner, left
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
            lambda topology, at: topology.add_internal_sink(at.name, topic, at.parent_names, self.foreign, serde),
        )
        graph.add(sink, sends)
        source = self._source(self._called("-subscription-registration-source", SOURCE), topic, self.foreign, serde)
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
        serde = ResponseSerde(self.right_values)
        sink = GraphNode(
            self._called("-subscription-response-sink", SINK),
            lambda topology, at: topology.add_internal_sink(
                at.name, topic, at.parent_names, self.primary, serde, partition_of=_primary_partition
            ),
        )
        graph.add(sink, answers)
        graph.add(sink, changes)
        source = self._source(self._called("-subscription-response-source", SOURCE), topic, self.primary, serde)
        return graph.add(source, sink)

    def _result(self, materialized: Materialized, before: GraphNode, source: str) -> KTable:
        name = self._called("-result", OUTPUT)
        store = StoreDefinition(
            materialized.name or self.graph.new_store_name(OUTPUT),
            materialized.key_serde or self.primary,
            materialized.value_serde,
            logging=materialized.logging,
            changelog_config=materialized.changelog_config,
            history_ms=materialized.history_retention_ms,
            caching=materialized.caching,
        )
        step = SourceStep(store, is_kept=materialized.name is not None)

        def write(topology: Topology, at: GraphNode) -> None:
            for definition in step.stores:
                topology.add_state_store(definition)
            topology.add_node(at.name, step.node, at.parent_names, [each.name for each in step.stores])

        node = self.graph.add(GraphNode(name, write, versioned=materialized.is_versioned), before)
        sources = self.this.sources | {source}
        return KTable(self.this.builder, name, self.this.key_serde, materialized.value_serde, sources, step, node)

    @staticmethod
    def _operator(
        name: str,
        node: Callable[[Connected], run.Node],
        stores: tuple[str, ...] = (),
        own: StoreDefinition | None = None,
    ) -> GraphNode:
        def write(topology: Topology, at: GraphNode) -> None:
            if own is not None:
                topology.add_state_store(own)
            topology.add_node(at.name, node, at.parent_names, stores)

        return GraphNode(name, write)

    @staticmethod
    def _source(name: str, topic: str, key_serde: Any, value_serde: Serde) -> GraphNode:
        return GraphNode(
            name,
            lambda topology, at: _done(
                topology.add_source(at.name, topic, key_serde=key_serde, value_serde=value_serde)
            ),
        )

    def _registering(self) -> Callable[[Connected], run.Node]:
        return lambda at: run.Operator(
            name=at.name,
            make=lambda context, _: RegisteringProcessor(
                at.name,
                context,
                self.foreign_key,
                self.foreign.serialize,
                self.left_values.serialize,
                left=self.left,
                latest_only=self.latest.applies,
            ),
        )

    def _subscribing(self, store: StoreDefinition) -> Callable[[Connected], run.Node]:
        return lambda at: run.Operator(
            name=at.name,
            specs=at.stores,
            make=lambda context, stores: SubscribingProcessor(
                at.name, context, stores[store.name], self.foreign.serialize, self.primary.serialize
            ),
        )

    def _answering(self, view: View) -> Callable[[Connected], run.Node]:
        return lambda at: run.Operator(
            name=at.name,
            specs=at.stores,
            make=lambda context, stores: AnsweringProcessor(
                at.name, context, view.open(context, stores, at.all_stores)
            ),
        )

    def _changing(self, store: StoreDefinition) -> Callable[[Connected], run.Node]:
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
        )

    def _resolving(self, view: View) -> Callable[[Connected], run.Node]:
        return lambda at: run.Operator(
            name=at.name,
            specs=at.stores,
            make=lambda context, stores: ResolvingProcessor(
                at.name,
                context,
                view.open(context, stores, at.all_stores),
                self.left_values.serialize,
                self.joiner,
                left=self.left,
            ),
        )


def _primary_partition(record: Record, partitions: int) -> int | None:
    del partitions
    return record.value.primary_partition


def _done(_: object) -> None:
    """A call's result that nobody needs."""
