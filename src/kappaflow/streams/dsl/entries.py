"""What stands in a topology until it is bound: entries, one a node, and what makes an operator of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from kappaflow.serde import Serde
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.processor_api import ProcessorSupplier, UserProcessor
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.record import Record
from kappaflow.streams.topology.nodes import KeySerde, PartitionOf, StoreSpec

TimestampExtractor = Callable[[Record, int], int]
OffsetReset = str | timedelta | None
"""``earliest``, ``latest``, or a time ago."""


@dataclass(frozen=True, slots=True)
class Connected:
    """What a processor is given when its node is made.

    Attributes:
        stores: those that it is connected to, in that order.
        all_stores: of the topology, by name.
        children: names of the nodes behind it, in order.
        global_stores: that every processor sees.
    """

    name: str
    stores: tuple[StoreSpec, ...]
    all_stores: Mapping[str, StoreSpec]
    children: tuple[str, ...]
    global_stores: tuple[StoreSpec, ...] = ()


MakeNode = Callable[[Connected], run.Node]


@dataclass(slots=True)
class Entry:
    """One node of the topology."""

    name: str
    kind: str
    parents: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    stores: list[str] = field(default_factory=list[str])
    make: MakeNode | None = None
    key_serde: KeySerde | None = None
    value_serde: Serde | None = None
    timestamp: TimestampExtractor | Expression | None = None
    offset_reset: str | int | None = None
    topic_of: Callable[[Record], str | None] | None = None
    partition_of: PartitionOf | None = None
    carries_changes: bool = False
    partitions: int | None = None
    is_global: bool = False
    pattern: re.Pattern[str] | None = None


def user_node(supplier: ProcessorSupplier, *, keeps_key: bool) -> MakeNode:
    """Return what makes the operator of a user's processor."""

    def make(at: Connected) -> run.Node:
        return run.Operator(
            name=at.name,
            specs=at.stores,
            make=lambda context, opened: UserProcessor(
                at.name, context, supplier, opened, _seen(at), at.children, keeps_key=keeps_key
            ),
        )

    return make


def _seen(at: Connected) -> tuple[StoreSpec, ...]:
    """Return the stores that a processor may use: its own and the global ones, each once."""
    own = {spec.name for spec in at.stores}
    return (*at.stores, *(spec for spec in at.global_stores if spec.name not in own))
