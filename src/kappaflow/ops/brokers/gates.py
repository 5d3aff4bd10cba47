"""Whether a broker may be away: pure functions of what the cluster says about its partitions.

A partition stays writable at ``acks=all`` while at least ``min.insync.replicas`` of its replicas are in sync. One that
has no replica to spare beyond that can never be made safe: it is named, and refused unless that is accepted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from kappaflow.ops.admin.faces import ConfigResource, PartitionState, QuorumState, TopicState
from kappaflow.ops.brokers import texts as _texts
from kappaflow.ops.quorum.status import majority, status_of
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts
MIN_IN_SYNC = "min.insync.replicas"
NOBODY = -1
"""The id of no broker."""


class UnsafeTopic(NamedTuple):
    """A topic that cannot stay writable while a broker of it is away."""

    topic: str
    replicas: int
    min_in_sync: int

    def as_text(self) -> Text:
        """Why."""
        return text("broker.never_safe", topic=self.topic, replicas=self.replicas, min_in_sync=self.min_in_sync)


def min_in_sync_of(session: OpsSession, topics: Collection[str]) -> dict[str, int]:
    """``min.insync.replicas`` in force, by topic."""
    found = session.admin.configs.describe([ConfigResource("topic", name) for name in sorted(topics)], [MIN_IN_SYNC])
    return {
        resource.name: int(entries[MIN_IN_SYNC].value or 1) if MIN_IN_SYNC in entries else 1
        for resource, entries in found.items()
    }


def partitions_of(topics: Iterable[TopicState], broker: int) -> list[PartitionState]:
    """Partitions with a replica on a broker."""
    return [p for topic in topics for p in topic.partitions if broker in p.replicas]


def never_safe(topics: Iterable[TopicState], min_in_sync: Mapping[str, int], broker: int) -> list[UnsafeTopic]:
    """Topics that cannot stay writable at ``acks=all`` while the broker is away, however long one waits."""
    found: dict[str, UnsafeTopic] = {}
    for partition in partitions_of(topics, broker):
        wanted = max(1, min_in_sync.get(partition.topic, 1))
        if len(partition.replicas) - 1 < wanted:
            found.setdefault(partition.topic, UnsafeTopic(partition.topic, len(partition.replicas), wanted))
    return list(found.values())


def not_now(
    topics: Iterable[TopicState], min_in_sync: Mapping[str, int], broker: int, accepted: Collection[str] = ()
) -> list[Text]:
    """Why the broker must not go now, one line a partition; empty where it may.

    What only this broker itself lacks is no reason: it may be the one that needs the restart.

    Args:
        topics: all of the cluster.
        min_in_sync: by topic.
        broker: that would go.
        accepted: topics that may become unavailable.
    """
    reasons: list[Text] = []
    for topic in topics:
        wanted = max(1, min_in_sync.get(topic.name, 1))
        for p in topic.partitions:
            reason = _obstacle(p, broker, wanted, is_accepted=topic.name in accepted)
            if reason is not None:
                reasons.append(reason)
    return reasons


def may_go(topics: Iterable[TopicState], min_in_sync: Mapping[str, int], brokers: Collection[int]) -> set[int]:
    """Those of the brokers that may be away, each for itself: where `not_now` has no reason.

    One pass over the partitions for all brokers, where `not_now` makes one for each: what a partition has against a
    broker without a replica of it, it has against all of these.
    """
    free = set(brokers)
    for topic in topics:
        wanted = max(1, min_in_sync.get(topic.name, 1))
        for p in topic.partitions:
            if _obstacle(p, NOBODY, wanted) is not None:
                free.intersection_update(p.replicas)
            free.difference_update([b for b in p.replicas if b in free and _obstacle(p, b, wanted) is not None])
    return free


def _obstacle(p: PartitionState, broker: int, wanted: int, *, is_accepted: bool = False) -> Text | None:
    """What one partition has against that a broker goes now; None where nothing.

    Args:
        p: the partition.
        broker: that would go.
        wanted: its ``min.insync.replicas``.
        is_accepted: whether it may become unavailable.
    """
    others = set(p.replicas) - {broker}
    missing = sorted(others.difference(p.in_sync))
    if is_accepted and (broker in p.replicas or not missing):
        return None
    if p.leader < 0 and others:
        return text("broker.wait.offline", topic=p.topic, partition=p.partition)
    if missing:
        listed = ", ".join(map(str, missing))
        return text("broker.wait.under_replicated", topic=p.topic, partition=p.partition, missing=listed)
    left = len(set(p.in_sync) - {broker})
    if broker not in p.replicas or left >= wanted:
        return None
    return text(
        "broker.wait.min_in_sync", topic=p.topic, partition=p.partition, left=left, wanted=wanted, broker=broker
    )


def quorum_not_now(quorum: QuorumState, node: int) -> list[Text]:
    """Why a controller must not go now: the others would be no majority, or have not caught up."""
    if node not in {voter.node_id for voter in quorum.voters}:
        return []
    if quorum.leader_id < 0:
        return [text("broker.wait.no_quorum_leader")]
    status = status_of(quorum)
    left = sum(voter.fresh for voter in status.voters if voter.node_id != node)
    if left >= status.quorum or len(status.voters) == 1:
        return []
    behind = ", ".join(str(voter.node_id) for voter in status.voters if not voter.fresh)
    return [text("broker.wait.quorum", node=node, left=left, majority=status.quorum, behind=behind or "-")]


def ensemble_not_now(modes: Mapping[int, str], node: int) -> list[Text]:
    """Why a ZooKeeper server must not go now: the others that serve would be no majority.

    Args:
        modes: ``leader``, ``follower``, ``standalone`` or empty, by number of all servers.
        node: number of the one that would go.
    """
    left = sum(bool(mode) for server, mode in modes.items() if server != node)
    needed = majority(len(modes))
    if left >= needed or len(modes) == 1:
        return []
    silent = sorted(server for server, mode in modes.items() if not mode and server != node)
    listed = ", ".join(map(str, silent)) or "-"
    return [text("broker.wait.ensemble", server=node, left=left, majority=needed, silent=listed)]
