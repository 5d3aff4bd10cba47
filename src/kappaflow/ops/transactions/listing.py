"""Transactional ids with their transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.admin.transaction_faces import ProducerState, TransactionState
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics.patterns import pattern_of
from kappaflow.ops.transactions import texts as _texts
from kappaflow.runtime.messages import message

assert _texts


class TransactionRow(NamedTuple):
    """A transactional id; ``open_s`` is how long its transaction has been open, None where none is."""

    transaction: TransactionState
    open_s: float | None


class ProducerRow(NamedTuple):
    """A producer that a partition remembers."""

    partition: TopicPartition
    producer: ProducerState


def list_transactions(
    session: OpsSession, *, only_open: bool = False, open_for_s: float = 0, match: str = ""
) -> list[TransactionRow]:
    """Transactional ids, sorted.

    Args:
        session: the cluster.
        only_open: leave out those without an open transaction.
        open_for_s: leave out those whose transaction is not open for so long.
        match: a regular expression that the whole id has to fit; any where empty.

    Raises:
        UsageError: `match` is no regular expression.
    """
    fits = pattern_of(match)
    ids = [row.transactional_id for row in session.admin.transactions.list() if fits(row.transactional_id)]
    now = session.clock.time_ms()
    rows = [_row(state, now) for _, state in sorted(session.admin.transactions.describe(ids).items())]
    if not only_open and open_for_s <= 0:
        return rows
    return [row for row in rows if row.open_s is not None and row.open_s >= open_for_s]


def describe_transaction(session: OpsSession, transactional_id: str) -> TransactionRow:
    """A transactional id with its transaction.

    Raises:
        UsageError: no coordinator knows the id.
    """
    found = session.admin.transactions.describe([transactional_id]).get(transactional_id)
    if found is None:
        raise UsageError(message("transaction.unknown_id", transactional_id=transactional_id))
    return _row(found, session.clock.time_ms())


def list_producers(session: OpsSession, partitions: Sequence[TopicPartition]) -> list[ProducerRow]:
    """The producers that partitions remember, sorted; partitions without a leader have none."""
    found = session.admin.transactions.producers(partitions)
    return [ProducerRow(name, producer) for name in sorted(found) for producer in sorted(found[name], key=_by_id)]


def _by_id(producer: ProducerState) -> int:
    return producer.producer_id


def _row(state: TransactionState, now_ms: int) -> TransactionRow:
    return TransactionRow(state, None if state.start_ms is None else (now_ms - state.start_ms) / 1000)
