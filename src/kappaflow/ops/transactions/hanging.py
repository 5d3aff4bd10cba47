"""Hanging transactions: a partition waits for their end, and no coordinator will ever write it.

Source: KIP-664. A transaction hangs where its producer is unknown to every coordinator, or its coordinator's
transaction does not hold the partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin.transaction_faces import ProducerState
from kappaflow.ops.session import OpsSession

MAX_TRANSACTION_MS = 15 * 60_000
"""``transaction.max.timeout.ms`` by default: no transaction that lives is open for longer without a record."""


class HangingTransaction(NamedTuple):
    """A transaction that nobody will end; ``idle_s`` is how long ago its producer wrote."""

    partition: TopicPartition
    producer: ProducerState
    idle_s: float


def find_hanging(
    session: OpsSession, partitions: Sequence[TopicPartition] | None = None, min_idle_ms: int = MAX_TRANSACTION_MS
) -> list[HangingTransaction]:
    """Hanging transactions, sorted by partition.

    Args:
        session: the cluster.
        partitions: where to look; everywhere by default.
        min_idle_ms: producers that wrote later are left out: their coordinator may just not have been asked yet.
    """
    if partitions is None:
        topics = session.admin.topics.describe()
        partitions = [TopicPartition(p.topic, p.partition) for t in topics.values() for p in t.partitions]
    now = session.clock.time_ms()
    candidates = [
        HangingTransaction(name, producer, (now - producer.last_timestamp) / 1000)
        for name, producers in sorted(session.admin.transactions.producers(partitions).items())
        for producer in producers
        if producer.transaction_start is not None and now - producer.last_timestamp >= min_idle_ms
    ]
    if not candidates:
        return []
    known = {row.producer_id: row.transactional_id for row in session.admin.transactions.list()}
    owners = {known[c.producer.producer_id] for c in candidates if c.producer.producer_id in known}
    held = session.admin.transactions.describe(sorted(owners))
    return [
        c
        for c in candidates
        if (owner := known.get(c.producer.producer_id)) is None
        or owner not in held
        or c.partition not in held[owner].partitions
    ]
