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


class OpenTransaction(NamedTuple):
    """A transaction whose end is still to come.

    Attributes:
        partition: where.
        producer: who writes it there.
        transactional_id: its owner, who will end it; empty where nobody will.
        idle_s: how long ago its producer wrote there.
    """

    partition: TopicPartition
    producer: ProducerState
    transactional_id: str
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
    found = find_open(session, partitions, min_idle_ms)
    return [HangingTransaction(t.partition, t.producer, t.idle_s) for t in found if not t.transactional_id]


def find_open(
    session: OpsSession, partitions: Sequence[TopicPartition] | None = None, min_idle_ms: int = 0
) -> list[OpenTransaction]:
    """Open transactions, sorted by partition, with those who will end them.

    Args:
        session: the cluster.
        partitions: where to look; everywhere by default.
        min_idle_ms: producers that wrote later are left out.
    """
    if partitions is None:
        topics = session.admin.topics.describe()
        partitions = [TopicPartition(p.topic, p.partition) for t in topics.values() for p in t.partitions]
    now = session.clock.time_ms()
    candidates = [
        (name, producer)
        for name, producers in sorted(session.admin.transactions.producers(partitions).items())
        for producer in producers
        if producer.transaction_start is not None and now - producer.last_timestamp >= min_idle_ms
    ]
    if not candidates:
        return []
    known = {row.producer_id: row.transactional_id for row in session.admin.transactions.list()}
    owners = {known[producer.producer_id] for _, producer in candidates if producer.producer_id in known}
    held = session.admin.transactions.describe(sorted(owners))
    rows: list[OpenTransaction] = []
    for name, producer in candidates:
        owner = known.get(producer.producer_id, "")
        ends_it = owner in held and name in held[owner].partitions
        idle_s = (now - producer.last_timestamp) / 1000
        rows.append(OpenTransaction(name, producer, owner if ends_it else "", idle_s))
    return rows
