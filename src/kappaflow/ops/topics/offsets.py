"""Where the partitions of topics begin and end, or where they are at a time."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from kappaflow.client.admin import EARLIEST, LATEST, MAX_TIMESTAMP
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.runtime.messages import message

assert _texts
POSITIONS = {"earliest": EARLIEST, "latest": LATEST, "max-timestamp": MAX_TIMESTAMP}


class PartitionOffset(NamedTuple):
    """An offset of a partition; ``offset`` is None where no record is that late, or there is no leader."""

    partition: TopicPartition
    offset: int | None
    timestamp: int | None


def get_offsets(session: OpsSession, topics: Collection[str], at: int) -> list[PartitionOffset]:
    """The first offset at or after a time, of every partition of topics.

    Args:
        session: the cluster.
        topics: their names; all but the brokers' own where empty.
        at: ms since the epoch, or one of ``POSITIONS``.

    Raises:
        UsageError: a topic does not exist.
    """
    described = session.admin.topics.describe(topics or None)
    missing = sorted(set(topics) - set(described))
    if missing:
        raise UsageError(message("topic.missing", topic=missing[0]))
    wanted = [
        TopicPartition(p.topic, p.partition)
        for topic in described.values()
        if topics or not topic.is_internal
        for p in topic.partitions
    ]
    found = session.admin.topics.list_offsets(dict.fromkeys(wanted, at))
    return [
        PartitionOffset(partition, listed.offset, listed.timestamp if listed.timestamp >= 0 else None)
        if (listed := found.get(partition)) is not None and listed.offset >= 0
        else PartitionOffset(partition, None, None)
        for partition in wanted
    ]
