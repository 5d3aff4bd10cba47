"""Fill stores from their changelogs.

    changelog ──read committed──▶ rows ──▶ database, chunk by chunk, each with the position it goes with

What is read ends at the high watermark, not at the last stable offset: a transaction that is still open there is waited
for, because its outcome decides what the store has to hold.  A restore that is interrupted goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import numpy as np

from kappaflow import kernel
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import FetchedChunk, Fetcher
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import SerializationError, StreamsError
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.runtime.crash_points import crash_point
from kappaflow.state.database import DurableStore, StateDatabase
from kappaflow.streams.execution.commit import CHANGELOG, COMMITTED_AT, RESTORING, TOPIC_ID
from kappaflow.streams.execution.fetched_columns import decode_fetched
from kappaflow.streams.topology import StoreSpec

POLL_SECONDS = 0.1
POLL_BYTES = 16 << 20


class ChangelogReader(Protocol):
    """Fetches committed records; what a restore needs of a `Fetcher`."""

    def __enter__(self) -> ChangelogReader: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fetch these partitions from these offsets on."""
        ...

    def remove(self, partitions: Iterable[TopicPartition]) -> None:
        """Stop fetching partitions."""
        ...

    def poll(self, timeout_s: float = 0.0, max_bytes: int | None = None) -> list[FetchedChunk]:
        """What has been fetched."""
        ...

    def position(self, partition: TopicPartition) -> int:
        """The offset that `poll` goes on from."""
        ...

    def empty_until(self, partition: TopicPartition) -> int:
        """The offset before which nothing is left behind what `poll` gave; -1 where that is not known."""
        ...


def _fetcher(client: ClientConfig) -> ChangelogReader:
    return Fetcher(client, isolation_level="read_committed", offset_reset="earliest")


class RestoreInterrupted(StreamsError):
    """The assignment changed, or the query ends; what was restored is kept."""


@dataclass(slots=True)
class RestoreJob:
    """One store to be filled.

    Attributes:
        task: the task's name in the database.
        next_offset: where to go on; moves.
        end: the offset to stop before.
    """

    task: str
    spec: StoreSpec
    store: DurableStore
    changelog: TopicPartition
    topic_id: int
    next_offset: int
    end: int


@dataclass(slots=True)
class RestoreProgress:
    """How far a restore is, in offsets.

    >>> RestoreProgress(total=100, done=25, started_at=0.0).seconds_left(now=10.0)
    30.0
    """

    total: int = 0
    done: int = 0
    started_at: float = 0.0

    def seconds_left(self, now: float) -> float | None:
        """Return an estimate of the time left; None before there is anything to tell it from."""
        if not self.done or self.done >= self.total:
            return None
        return (now - self.started_at) / self.done * (self.total - self.done)


class Restorer:
    """Restores the stores of an assignment, all partitions side by side.

    Args:
        interrupted: asked between chunks; true ends the restore.
        progress: moves while the restore goes on.
        open_reader: connects to what changelogs are read from.
    """

    def __init__(
        self,
        client: ClientConfig,
        database: StateDatabase,
        interrupted: Callable[[], bool] = lambda: False,
        progress: RestoreProgress | None = None,
        clock: Clock = SYSTEM_CLOCK,
        open_reader: Callable[[ClientConfig], ChangelogReader] = _fetcher,
    ) -> None:
        self._open_reader = open_reader
        self._client = client
        self._database = database
        self._interrupted = interrupted
        self.progress = progress or RestoreProgress()
        self._clock = clock

    def run(self, jobs: Sequence[RestoreJob]) -> None:
        """Restore until every job is at its end.

        Raises:
            RestoreInterrupted: it was told to stop.
            CorruptRecordError: a changelog is damaged.
            BrokerError: a changelog cannot be read.
        """
        open_jobs = {job.changelog: job for job in jobs if job.next_offset < job.end}
        self.progress.total = sum(job.end - job.next_offset for job in open_jobs.values())
        self.progress.done = 0
        self.progress.started_at = time.monotonic()
        if not open_jobs:
            return
        marks = _marks(jobs, self._clock.time_ms())
        with self._open_reader(self._client) as fetcher:
            fetcher.assign({partition: job.next_offset for partition, job in open_jobs.items()})
            while open_jobs:
                if self._interrupted():
                    raise RestoreInterrupted("The restore was interrupted; it will go on.")
                for chunk in fetcher.poll(POLL_SECONDS, POLL_BYTES):
                    self._apply(chunk, open_jobs, marks)
                for partition, job in list(open_jobs.items()):
                    reached = max(job.next_offset, fetcher.position(partition))
                    # Compaction may have taken the last records before the end. Silence does not tell so.
                    if reached >= job.end or fetcher.empty_until(partition) >= job.end:
                        self._advance(job, job.end)
                        fetcher.remove([partition])
                        del open_jobs[partition]

    def _apply(
        self, chunk: FetchedChunk, jobs: Mapping[TopicPartition, RestoreJob], marks: dict[str, dict[str, int]]
    ) -> None:
        job = jobs.get(chunk.partition)
        if job is None:
            return
        records = decode_fetched(chunk)
        self._advance(job, min(records.next_offset, job.end))
        kept = marks[job.task]
        kept[CHANGELOG + job.spec.name] = job.next_offset
        crash_point("before-restored-chunk")
        self._database.write_restored(job.store, restored_rows(job, records), job.task, kept)
        crash_point("after-restored-chunk")

    def _advance(self, job: RestoreJob, offset: int) -> None:
        self.progress.done += max(0, offset - job.next_offset)
        job.next_offset = max(job.next_offset, offset)


def restored_rows(job: RestoreJob, records: kernel.RecordColumns) -> Iterable[tuple[bytes, bytes | None]]:
    """Return keys and packed rows before the job's end, in the order of the log; None deletes.

    Raises:
        SerializationError: a record cannot be read.
    """
    codec, serde = job.store.codec, job.spec.value_serde
    count = int(np.searchsorted(records.offset, job.end))
    keys, values = records.key[:count], records.value[:count]
    if codec.is_packed:
        decoded = serde.decode(values)
        if decoded.errors is not None and decoded.errors.any():
            row = int(np.flatnonzero(decoded.errors)[0])
            raise SerializationError(f"{job.changelog} at {records.offset[row]}: {decoded.messages.get(row, '')}")
        packed = kernel.pack_rows(records.timestamp[:count], decoded.columns, codec.type_names, decoded.valid)
        rows: Iterable[bytes | None] = packed.to_pylist()
    else:
        times = records.timestamp[:count].tolist()
        rows = [_packed(job, value, time_ms) for value, time_ms in zip(values.to_pylist(), times, strict=True)]
    end = -len(job.spec.key_suffix) or None
    return ((key[:end], row) for key, row in zip(keys.to_pylist(), rows, strict=True) if key is not None)


def _packed(job: RestoreJob, value: bytes | None, time_ms: int) -> bytes | None:
    row = job.spec.value_serde.deserialize(value)
    return None if row is None else job.store.codec.write(row, time_ms)


def _marks(jobs: Sequence[RestoreJob], time_ms: int) -> dict[str, dict[str, int]]:
    """What the database says of each task while it is restored."""
    marks: dict[str, dict[str, int]] = {}
    for job in jobs:
        kept = marks.setdefault(job.task, {RESTORING: 1, COMMITTED_AT: time_ms})
        kept[CHANGELOG + job.spec.name] = job.next_offset
        kept[TOPIC_ID + job.spec.name] = job.topic_id
    return marks
