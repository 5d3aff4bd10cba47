"""Transactional ids with their transactions."""

from __future__ import annotations

from typing import NamedTuple

from kappaflow.ops.admin.transaction_faces import TransactionState
from kappaflow.ops.session import OpsSession


class TransactionRow(NamedTuple):
    """A transactional id; ``open_s`` is how long its transaction has been open, None where none is."""

    transaction: TransactionState
    open_s: float | None


def list_transactions(session: OpsSession, *, only_open: bool = False) -> list[TransactionRow]:
    """All transactional ids, sorted.

    Args:
        session: the cluster.
        only_open: leave out those without an open transaction.
    """
    ids = [row.transactional_id for row in session.admin.transactions.list()]
    now = session.clock.time_ms()
    rows = [
        TransactionRow(state, None if state.start_ms is None else (now - state.start_ms) / 1000)
        for _, state in sorted(session.admin.transactions.describe(ids).items())
    ]
    return [row for row in rows if row.open_s is not None or not only_open]
