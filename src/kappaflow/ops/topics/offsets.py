"""Where the partitions of topics begin and end, or where they are at a time."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from kappaflow.client.admin import EARLIEST, LATEST, MAX_TIMESTAMP
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.ops.topics.patterns import pattern_of
from kappaflow.runtime.messages import message

assert _texts
POSITIONS = {"earliest": EARLIEST, "latest": LATEST, "max-timestamp": MAX_TIMESTAMP}


class PartitionOffset(NamedTuple):
    """An offset of a partition; ``offset`` is None where no record is that late, or there is no leader."""

    partition: TopicPartition
    offset: int | None
    timestamp: int | None


def get_offsets(
    session: OpsSession,
    topics: Collection[str],
    at: int,
    *,
    partitions: Collection[TopicPartition] = (),
    match: str = "",
) -> list[PartitionOffset]:
    """The first offset at or after a time, of partitions.

    Args:
        session: the cluster.
        topics: whose partitions; all but the brokers' own where neither these nor partitions are named.
        at: ms since the epoch, or one of ``POSITIONS``.
        partitions: more of them.
        match: a regular expression that the whole name of a topic has to fit; any where empty.

    Raises:
        UsageError: a topic or partition does not exist, or `match` is no regular expression.
    """
    fits = pattern_of(match)
    names = {*topics, *(p.topic for p in partitions)}
    described = session.admin.topics.describe(names or None)
    missing = sorted(names - set(described))
    if missing:
        raise UsageError(message("topic.missing", topic=missing[0]))
    known = [TopicPartition(p.topic, p.partition) for topic in described.values() for p in topic.partitions]
    unknown = sorted(set(partitions) - set(known))
    if unknown:
        raise UsageError(message("records.unknown", partition=str(unknown[0])))
    if names:
        wanted = [p for p in known if p.topic in topics or p in partitions]
    else:
        wanted = [p for p in known if match or not described[p.topic].is_internal]
    wanted = [p for p in wanted if fits(p.topic)]
    found = session.admin.topics.list_offsets(dict.fromkeys(wanted, at))
    return [
        PartitionOffset(partition, listed.offset, listed.timestamp if listed.timestamp >= 0 else None)
        if (listed := found.get(partition)) is not None and listed.offset >= 0
        else PartitionOffset(partition, None, None)
        for partition in wanted
    ]
