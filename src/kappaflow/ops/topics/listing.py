"""What topics there are, how large and how healthy."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin.faces import TopicState
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics.patterns import pattern_of


class TopicRow(NamedTuple):
    """One topic in a list.

    Attributes:
        name: the topic.
        partitions: how many it has.
        replication_factor: of its first partition.
        is_internal: whether it belongs to the brokers.
        under_replicated: how many partitions have fewer in-sync replicas than replicas.
        offline: how many partitions have no leader.
        size_bytes: of the leaders' logs; None where sizes were not asked for.
    """

    name: str
    partitions: int
    replication_factor: int
    is_internal: bool
    under_replicated: int
    offline: int
    size_bytes: int | None


def list_topics(session: OpsSession, *, internal: bool = False, sizes: bool = False, match: str = "") -> list[TopicRow]:
    """Topics, sorted by name.

    Args:
        session: the cluster.
        internal: whether the brokers' own are listed too.
        sizes: whether the brokers are asked for sizes on disk.
        match: a regular expression that the whole name has to fit; any where empty.

    Raises:
        UsageError: `match` is no regular expression.
        BrokerUnreachable: no broker answers.
    """
    fits = pattern_of(match)
    topics = {name: topic for name, topic in session.admin.topics.describe().items() if fits(name)}
    by_topic = _sizes(session, topics) if sizes else None
    return [
        TopicRow(
            topic.name,
            len(topic.partitions),
            len(topic.partitions[0].replicas) if topic.partitions else 0,
            topic.is_internal,
            sum(len(p.in_sync) < len(p.replicas) for p in topic.partitions),
            sum(p.leader < 0 for p in topic.partitions),
            None if by_topic is None else by_topic.get(topic.name, 0),
        )
        for topic in topics.values()
        if internal or not topic.is_internal
    ]


def _sizes(session: OpsSession, topics: dict[str, TopicState]) -> dict[str, int]:
    """What the leaders' replicas take on disk, by topic."""
    leaders = {TopicPartition(p.topic, p.partition): p.leader for t in topics.values() for p in t.partitions}
    sizes: dict[str, int] = {}
    for directory in session.admin.log_dirs.describe(brokers=_alive(session)):
        for replica in directory.replicas:
            if leaders.get(replica.partition) == directory.broker and not replica.is_future:
                sizes[replica.partition.topic] = sizes.get(replica.partition.topic, 0) + replica.size_bytes
    return sizes


def _alive(session: OpsSession) -> Collection[int]:
    return [broker.node_id for broker in session.admin.describe().brokers]
