"""Broken variants that the simulation has to notice: if it does not, it proves nothing.

Each takes the place of a part of the broker or of a worker for as long as a context lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from kappaflow.broker.coordinators.offset_store import OffsetStore
from kappaflow.broker.coordinators.transaction_coordinator import TransactionCoordinator
from kappaflow.broker.coordinators.transaction_marker_writer import TransactionMarkerWriter
from kappaflow.client.offsets import GroupGeneration
from kappaflow.storage import producer_state, segment
from kappaflow.storage.flusher import Flusher
from kappaflow.storage.journal import Journal
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_directory import LogDirectory
from kappaflow.storage.offset_map import OffsetMap
from kappaflow.storage.producer_state import ProducerState
from kappaflow.storage.segment import LogSegment
from kappaflow.storage.transaction_index import TransactionIndex
from kappaflow.streams.execution.commit import OpenTask, Step, local_of, stores_of
from kappaflow.streams.execution.exactly_once import ExactlyOnce
from kappaflow.streams.execution.task_opening import OpeningTask, TaskOpener, local_name
from kappaflow.testing.simulation.counting import Protocol

Replacement = tuple[Any, str, Any]


# ---- workers ----


class BatchBeforeEndTxn(ExactlyOnce):
    """Writes the local batch before the transaction is known to be committed."""

    def commit(self, tasks: Sequence[OpenTask], generation: GroupGeneration, step: Step) -> None:
        """Commit in the wrong order."""
        for opened in tasks:
            opened.task.before_commit()
        producer: Any = self._producer
        producer.flush()
        self._database.commit(stores_of(tasks), local_of(tasks, producer.next_offset, self._clock.time_ms()))
        super().commit(tasks, generation, step)


class LocalOffsets(TaskOpener):
    """Goes on where the local state says, not where the group does."""

    def _plan(self, task: OpeningTask, *args: Any, **named: Any) -> Any:
        local = self._database.positions(task.name)
        jobs = super()._plan(task, *args, **named)
        task.positions = {p: local.get(local_name(p), offset) for p, offset in task.positions.items()}
        return jobs


WORKER_FAULTS: Mapping[str, Protocol] = {
    "the state batch is written before EndTxn": Protocol(commits=BatchBeforeEndTxn),
    "stores are restored only to the last stable offset": Protocol(restore_to_stable_only=True),
    "input goes on from local offsets": Protocol(opener=LocalOffsets),
}


# ---- the broker ----


def _without_sync(journal: Any, *_: Any, **__: Any) -> Any:
    opened, documents = _JOURNAL_OPEN(journal, *_, **__)
    opened._durable = False
    return opened, documents


_JOURNAL_OPEN: Callable[..., Any] = Journal.open


def _only_watch(coordinator: Any) -> None:
    for known in coordinator.all():
        if known.start_ms >= 0 and known.state.value == "Ongoing":
            coordinator._watch(known, known.timeout_ms)


def _same_epoch(_self: Any, known: Any, *_: Any) -> Any:
    changed = deepcopy(known)
    changed.producer_epoch = max(known.producer_epoch, 0)
    return changed


async def _at_once(*_: Any) -> None:
    """Nothing is waited for."""


def _nothing(*_: Any, **__: Any) -> None:
    """Nothing is done."""


def _commit_now(store: Any, group_id: str, _producer_id: int, offsets: Any) -> None:
    store.commit(group_id, offsets)


def _only_in_memory(store: Any, group_id: str, offsets: Any) -> None:
    store._groups.setdefault(group_id, {}).update(dict(offsets))


def _log_only(each: Any, *, indexes: bool = False) -> None:
    del indexes
    _SEGMENT_SYNC(each, indexes=False)


def _sync_only(journal: Any, _data: bytes) -> None:
    journal._disk.sync(journal._fd)


_SEGMENT_SYNC: Callable[..., Any] = LogSegment.sync

BROKER_FAULTS: Mapping[str, Replacement] = {
    "journals are not synced": (Journal, "open", staticmethod(_without_sync)),
    "a journal is taken as it was read after an unclean end": (Journal, "_write_again", _nothing),
    "logs are taken as they were read after an unclean end": (LogDirectory, "_make_durable", _nothing),
    "what a device refused is only synced again": (PartitionLog, "write_again", _nothing),
    "a journal that a device refused is only synced again": (Journal, "_write_again", _sync_only),
    "markers are not driven again after a restart": (TransactionCoordinator, "resume", _only_watch),
    "only the last batch of a producer is remembered": (producer_state, "BATCHES_TO_KEEP", 1),
    "the last stable offset is not held back": (
        PartitionLog,
        "last_stable_offset",
        property(lambda log: log.log_end_offset),
    ),
    "a new producer gets the epoch of the one before": (TransactionCoordinator, "_new_epoch", _same_epoch),
    "a transaction is complete before its markers are durable": (TransactionMarkerWriter, "_await_durable", _nothing),
    "records are acknowledged before they are synced": (Flusher, "wait_durable", _at_once),
    "the indexes of aborted transactions are not synced": (LogSegment, "sync", _log_only),
    "recovery does not check batches": (segment, "crc_is_valid", lambda *_: True),
    "offsets of a transaction count before it is committed": (OffsetStore, "add_pending", _commit_now),
    "committed offsets are not journalled": (OffsetStore, "commit", _only_in_memory),
    "compaction removes the last value of a key": (OffsetMap, "is_latest", lambda *_: False),
    "sequences and epochs of producers are not checked": (ProducerState, "check", _nothing),
    "aborted transactions are not indexed": (TransactionIndex, "append", _nothing),
    "waiting offsets are not held back from readers": (OffsetStore, "pending", lambda *_: set()),
}


@contextmanager
def planted(fault: Replacement) -> Generator[None]:
    """Have a part of the broker be broken."""
    owner, name, broken = fault
    before = vars(owner)[name]
    setattr(owner, name, broken)
    try:
        yield
    finally:
        setattr(owner, name, before)
