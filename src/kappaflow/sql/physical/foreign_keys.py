"""A join of tables by foreign key as operators: rows meet wherever the partitions of both tables lie.

    left ─▶ keep ─▶ register ═ topic ═▶ subscribe ─▶ answer ═ topic ═▶ resolve ─▶ changes of the join
    right ─▶ keep ─▶ tell subscribers ──────────────────┘

Each row of the left table goes to the task that has the right row of its foreign key, and the answer comes back to the
task of the left row.  The protocol is that of Kafka Streams (`kappaflow.streams.processors.foreign_key_sides`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kappaflow.serde import Serde
from kappaflow.serde.objects import ObjectSerde, RawRowSerde
from kappaflow.serde.types import BYTES
from kappaflow.streams.columns.foreign_key_join import PrimaryPartition
from kappaflow.streams.functions import Joiner, Mapper
from kappaflow.streams.processors.foreign_key_protocol import RegistrationSerde, ResponseSerde
from kappaflow.streams.processors.foreign_key_sides import (
    AnsweringProcessor,
    ForeignChangeProcessor,
    RegisteringProcessor,
    ResolvingProcessor,
    SubscribingProcessor,
)
from kappaflow.streams.processors.table_views import StoreView
from kappaflow.streams.record import Record
from kappaflow.streams.topology import TopologyBuilder
from kappaflow.streams.topology import nodes as n

WHY = "subscriptions to foreign keys are kept row by row"


class PresentRowSerde(ObjectSerde):
    """Writes rows so that none is without bytes, as one of a single NULL is in some formats."""

    name = "row"

    def __init__(self, rows: Serde, width: int) -> None:
        super().__init__()
        self._rows = rows
        self._nulls = (None,) * width

    def write(self, value: Any) -> bytes:
        """Write a row."""
        return b"\x01" + (self._rows.serialize(value) or b"")

    def read(self, data: bytes) -> Any:
        """Read a row."""
        return self._rows.deserialize(data[1:]) if len(data) > 1 else self._nulls


@dataclass(frozen=True, slots=True)
class ForeignKeyJoin:
    """A join of a left table with the right table's rows that its rows refer to.

    Attributes:
        name: all its operators begin with it.
        application_id: its topics begin with it.
        foreign_key: makes the right table's key of a left row.
        left_store, right_store: keep the rows of both.
        right_key: writes keys as the right table's topic has them, so that they go to the same partitions.
        keep_left: rows without a partner are kept.
    """

    name: str
    application_id: str
    foreign_key: Mapper
    joiner: Joiner
    left_store: n.StoreSpec
    right_store: n.StoreSpec
    right_key: Any
    keep_left: bool

    def add_to(self, builder: TopologyBuilder, left: n.Node, right: n.Node) -> n.Node:
        """Add the operators and return the last, which gives changes of the joined table."""
        left = builder.add(n.Materialise(name=f"{self.name}-left", store=self.left_store), left)
        right = builder.add(n.Materialise(name=f"{self.name}-right", store=self.right_store), right)
        registered = builder.add(self._register(), left)
        registrations = builder.add(self._topic("registration", self.right_key, self._registrations), registered)
        subscribed = builder.add(self._subscribe(), registrations)
        answered = builder.add(self._answer(), subscribed)
        told = builder.add(self._tell(), right)
        responses = builder.add(
            self._topic("response", self._primary, self._responses, PrimaryPartition()), answered, told
        )
        return builder.add(self._resolve(), responses)

    @property
    def _primary(self) -> Any:
        return self.left_store.key_serde

    @property
    def _registrations(self) -> RegistrationSerde:
        return RegistrationSerde(self._primary)

    @property
    def _responses(self) -> ResponseSerde:
        return ResponseSerde(_present(self.right_store))

    @property
    def _subscriptions(self) -> n.StoreSpec:
        return n.StoreSpec(
            name=f"{self.name}-subscription-store",
            key_serde=self.right_key,
            value_serde=RawRowSerde(),
            types=(BYTES,),
            objects=self._registrations,
        )

    def _topic(self, what: str, key: Any, values: Serde, partition_of: Any = None) -> n.Node:
        return n.Repartition(
            name=f"{self.name}-subscription-{what}",
            topic=f"{self.application_id}-{self.name}-subscription-{what}-topic",
            key_serde=key,
            value_serde=values,
            partition_of=partition_of,
        )

    def _foreign_key(self, key: Any, row: Any) -> Any:
        found = self.foreign_key.row(Record(key, row, -1))
        return None if found is None or None in found else found

    def _operator(self, what: str, make: Callable[..., Any], *specs: n.StoreSpec) -> n.Node:
        """An operator whose processor `make` makes of its name, the task's context and these stores."""
        name = f"{self.name}-{what}"
        return n.Operator(
            name=name,
            specs=specs,
            make=lambda context, stores: make(name, context, *(stores[spec.name] for spec in specs)),
            why=WHY,
        )

    def _register(self) -> n.Node:
        left = _present(self.left_store)

        def make(name: str, context: Any) -> RegisteringProcessor:
            write = self.right_key.serialize
            return RegisteringProcessor(name, context, self._foreign_key, write, left.serialize, left=self.keep_left)

        return self._operator("register", make)

    def _subscribe(self) -> n.Node:
        def make(name: str, context: Any, store: Any) -> SubscribingProcessor:
            return SubscribingProcessor(name, context, store, self.right_key.serialize, self._primary.serialize)

        return self._operator("subscribe", make, self._subscriptions)

    def _answer(self) -> n.Node:
        def make(name: str, context: Any, store: Any) -> AnsweringProcessor:
            return AnsweringProcessor(name, context, StoreView(store, self.right_store.key_serde))

        return self._operator("answer", make, self.right_store)

    def _tell(self) -> n.Node:
        def make(name: str, context: Any, store: Any) -> ForeignChangeProcessor:
            return ForeignChangeProcessor(name, context, store, self.right_key.serialize, self._primary.deserialize)

        return self._operator("tell", make, self._subscriptions)

    def _resolve(self) -> n.Node:
        left = _present(self.left_store)

        def make(name: str, context: Any, store: Any) -> ResolvingProcessor:
            view = StoreView(store, self._primary)
            joiner = self.joiner.row
            return ResolvingProcessor(
                name, context, view, left.serialize, joiner, left=self.keep_left, gives_changes=True
            )

        return self._operator("resolve", make, self.left_store)


def _present(store: n.StoreSpec) -> PresentRowSerde:
    return PresentRowSerde(store.value_serde, len(store.types))
