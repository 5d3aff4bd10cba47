"""Where every replica is, and how much each broker carries: what placement is planned on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.reassignment import texts as _texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts
Replicas = tuple[int, ...]
Moves = dict[TopicPartition, Replicas]
"""New replicas by partition; only of those that change."""


@dataclass(frozen=True)
class Layout:
    """A cluster's placement.

    Attributes:
        racks: the brokers that are alive, with their racks.
        replicas: of every partition; the first is the preferred leader.
        leaders: of every partition, -1 where it has none.
        in_sync: replicas of every partition that have everything.
        sizes: bytes of every partition's leader; 0 where unknown.
    """

    racks: Mapping[int, str | None]
    replicas: Mapping[TopicPartition, Replicas]
    leaders: Mapping[TopicPartition, int]
    in_sync: Mapping[TopicPartition, frozenset[int]]
    sizes: Mapping[TopicPartition, int]


def observe_layout(session: OpsSession, *, sizes: bool = True) -> Layout:
    """The placement of all partitions.

    Args:
        session: the cluster.
        sizes: whether the brokers are asked how large partitions are.
    """
    racks = {broker.node_id: broker.rack for broker in session.admin.describe().brokers}
    partitions = {
        TopicPartition(p.topic, p.partition): p
        for topic in session.admin.topics.describe().values()
        for p in topic.partitions
    }
    known: dict[TopicPartition, int] = {}
    if sizes:
        for directory in session.admin.log_dirs.describe(brokers=racks):
            for row in directory.replicas:
                if not row.is_future:
                    known[row.partition] = max(known.get(row.partition, 0), row.size_bytes)
    return Layout(
        racks,
        {name: p.replicas for name, p in partitions.items()},
        {name: p.leader for name, p in partitions.items()},
        {name: frozenset(p.in_sync) for name, p in partitions.items()},
        {name: known.get(name, 0) for name in partitions},
    )


def chosen_partitions(layout: Layout, topics: Collection[str] | None) -> list[TopicPartition]:
    """The partitions of topics, all by default, sorted.

    Raises:
        UsageError: there is no such topic.
    """
    if topics is None:
        return sorted(layout.replicas)
    known = {name.topic for name in layout.replicas}
    unknown = sorted(set(topics) - known)
    if unknown:
        raise UsageError(message("reassign.no_topic", topic=unknown[0]))
    return sorted(name for name in layout.replicas if name.topic in topics)


@dataclass
class Load:
    """How much each broker carries while a plan is being made; changes with every move.

    Attributes:
        replicas: how many of each broker.
        leaders: how many partitions prefer each broker as leader.
        bytes: of each broker's replicas.
        of_topic: replicas of a topic on a broker.
    """

    replicas: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    leaders: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    bytes: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    of_topic: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def of(cls, layout: Layout) -> Load:
        """The load of a placement."""
        load = cls()
        for broker in layout.racks:
            load.replicas[broker] = load.leaders[broker] = load.bytes[broker] = 0
        for name, replicas in layout.replicas.items():
            load.add(name, replicas, layout.sizes[name], 1)
        return load

    def add(self, name: TopicPartition, replicas: Sequence[int], size: int, times: int) -> None:
        """Count a partition's replicas; `times` is -1 to take them out."""
        for broker in replicas:
            self.replicas[broker] += times
            self.bytes[broker] += times * size
            self.of_topic[name.topic, broker] += times
        if replicas:
            self.leaders[replicas[0]] += times

    def change(self, name: TopicPartition, before: Sequence[int], after: Sequence[int], size: int) -> None:
        """A partition gets other replicas."""
        self.add(name, before, size, -1)
        self.add(name, after, size, 1)


def distinct_racks(layout: Layout, replicas: Sequence[int]) -> int:
    """How many racks replicas are spread over; a broker without one, or that is away, counts as its own."""
    return len({layout.racks.get(b) or f"broker {b}" for b in replicas})


def best_broker(
    layout: Layout, load: Load, name: TopicPartition, others: Sequence[int], allowed: Collection[int]
) -> int | None:
    """The broker that should take a replica: on a rack of its own if there is one, else the least loaded.

    Args:
        layout: the placement.
        load: what each broker carries by now.
        name: the partition.
        others: the brokers that keep its other replicas.
        allowed: who may take it.
    """
    candidates = [b for b in allowed if b not in others]
    if not candidates:
        return None
    used = {layout.racks.get(b) for b in others} - {None}
    return min(
        candidates,
        key=lambda b: (
            layout.racks[b] in used,
            load.of_topic[name.topic, b],
            load.replicas[b],
            load.bytes[b],
            b,
        ),
    )
