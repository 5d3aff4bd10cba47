"""The states of a transactional id, as a table.

    Empty -> Ongoing -> PrepareCommit -> CompleteCommit -> Ongoing ...
                     -> PrepareAbort  -> CompleteAbort  -> Ongoing ...
    Empty, CompleteCommit, CompleteAbort -> Empty (a new producer), Dead (forgotten)

Source: KIP-98, KIP-890
"""

from __future__ import annotations

from enum import Enum


class TransactionState(Enum):
    """States by Kafka's names."""

    EMPTY = "Empty"
    ONGOING = "Ongoing"
    PREPARE_COMMIT = "PrepareCommit"
    PREPARE_ABORT = "PrepareAbort"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"
    DEAD = "Dead"


S = TransactionState

_AT_REST = {S.ONGOING, S.EMPTY, S.DEAD, S.PREPARE_ABORT}

NEXT_STATES: dict[TransactionState, set[TransactionState]] = {
    S.EMPTY: _AT_REST,
    S.ONGOING: {S.ONGOING, S.PREPARE_COMMIT, S.PREPARE_ABORT},
    S.PREPARE_COMMIT: {S.COMPLETE_COMMIT},
    S.PREPARE_ABORT: {S.COMPLETE_ABORT},
    S.COMPLETE_COMMIT: _AT_REST,
    S.COMPLETE_ABORT: _AT_REST,
    S.DEAD: set(),
}
"""Where each state may go. An abort without a transaction raises the epoch only (KIP-890)."""

PREPARED = {S.PREPARE_COMMIT: S.COMPLETE_COMMIT, S.PREPARE_ABORT: S.COMPLETE_ABORT}
"""States in which markers are being written, and what follows."""

DECISION = {S.PREPARE_COMMIT: True, S.COMPLETE_COMMIT: True, S.PREPARE_ABORT: False, S.COMPLETE_ABORT: False}
"""Whether a decided transaction was committed."""
