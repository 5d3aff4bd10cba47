"""Fill stores from their changelogs.

    changelog ──read committed──▶ rows ─┬─ few ──▶ database, chunk by chunk, each with the position it goes with
                                        └─ many ─▶ sorted tables, which the database takes in whole; then the position

What is read ends at the high watermark, not at the last stable offset: a transaction that is still open there is waited
for, because its outcome decides what the store has to hold.  A restore that is interrupted goes on where it was.

Rows of a table are in the database before its position is: after a crash between the two they are restored once more.
So the tasks are marked as being restored, on the device, before the first table.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import Fetcher
from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import StreamsError
from kappaflow.kernel.selection import USE_NATIVE
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.memory import give_back_freed_memory
from kappaflow.state import VersionedStore
from kappaflow.state.database import DurableStore, StateDatabase
from kappaflow.streams.execution.commit import CHANGELOG, COMMITTED_AT, RESTORING, TOPIC_ID
from kappaflow.streams.execution.fetched_columns import decode_fetched
from kappaflow.streams.execution.listeners import RestoreListener
from kappaflow.streams.execution.restore_rows import Columns, pairs_of, put_versions, restored_columns
from kappaflow.streams.execution.restore_tables import RestoreTables
from kappaflow.streams.topology import StoreSpec

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.1
TOLD_FIRST_SECONDS = 5.0
TOLD_EVERY_SECONDS = 10.0
POLL_BYTES = 16 << 20
FETCH_PARTITION_BYTES = 2 << 20
"""Rather little, so that all threads soon have something to do."""
LARGE_AT_ONCE_MIN, WAVES = 2, 4
"""Not all large stores are read at once: tables of the first are made while the others are fetched."""
TABLE_RECORDS_MIN = int(os.environ.get("KAPPA_RESTORE_TABLE_RECORDS", "20000" if USE_NATIVE else str(sys.maxsize)))
"""Below it, and where the kernel's twin would have to make the tables, rows are faster; less in tests."""


class ChangelogReader(Protocol):
    """Fetches committed records; what a restore needs of a `Fetcher`."""

    def __enter__(self) -> ChangelogReader: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fetch these partitions from these offsets on."""
        ...

    def add(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fetch these partitions too."""
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
    return Fetcher(
        client, isolation_level="read_committed", offset_reset="earliest", partition_max_bytes=FETCH_PARTITION_BYTES
    )


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
    _versions: VersionedStore | None = None

    @property
    def versions(self) -> VersionedStore | None:
        """The store as one of versions, where it is one."""
        spec = self.spec
        if self._versions is None and spec.history_ms is not None and spec.objects is not None:
            self._versions = VersionedStore(self.store, spec.objects, spec.history_ms)
        return self._versions


@dataclass(slots=True)
class RestoreProgress:
    """How far a restore is, in offsets.

    Attributes:
        seconds: what the last restore that came to its end took; None before there was one.

    >>> RestoreProgress(total=100, done=25, started_at=0.0).seconds_left(now=10.0)
    30.0
    """

    total: int = 0
    done: int = 0
    started_at: float = 0.0
    seconds: float | None = None

    def begin(self, total: int) -> None:
        """Begin with so many offsets."""
        self.total, self.done, self.started_at = total, 0, time.monotonic()

    def end(self) -> None:
        """Keep how long it took."""
        self.seconds = time.monotonic() - self.started_at

    def text(self, now: float) -> str:
        """Return what is done and how long the rest takes.

        >>> RestoreProgress(total=2_000_000, done=500_000, started_at=0.0).text(now=10.0)
        '500,000 of 2,000,000 records (25 %), about 30 s left'
        """
        left = self.seconds_left(now)
        text = f"{self.done:,} of {self.total:,} records ({100 * self.done // max(1, self.total)} %)"
        return text if left is None else f"{text}, about {left:.0f} s left"

    def seconds_left(self, now: float) -> float | None:
        """Return an estimate of the time left; None before there is anything to tell it from."""
        if not self.done or self.done >= self.total:
            return None
        return (now - self.started_at) / self.done * (self.total - self.done)


def application_of(task: str) -> str:
    """Return the application of a task, by its name in the database.

    >>> application_of("app/0_1")
    'app'
    """
    return task.rpartition("/")[0]


class Restorer:
    """Restores the stores of an assignment, all partitions side by side.

    Args:
        interrupted: asked between chunks; true ends the restore.
        progress: moves while the restore goes on.
        open_reader: connects to what changelogs are read from.
        table_records_min: stores that lack fewer records get them as rows, others as sorted tables.
        listener: told what is restored.
    """

    def __init__(
        self,
        client: ClientConfig,
        database: StateDatabase,
        interrupted: Callable[[], bool] = lambda: False,
        progress: RestoreProgress | None = None,
        clock: Clock = SYSTEM_CLOCK,
        open_reader: Callable[[ClientConfig], ChangelogReader] = _fetcher,
        table_records_min: int = TABLE_RECORDS_MIN,
        listener: RestoreListener | None = None,
    ) -> None:
        self._listener = listener
        self._begun: dict[TopicPartition, int] = {}
        self._open_reader = open_reader
        self._client = client
        self._database = database
        self._interrupted = interrupted
        self.progress = progress or RestoreProgress()
        self._clock = clock
        self._table_records_min = table_records_min
        self._marks: dict[str, dict[str, int]] = {}
        self._told = 0.0

    def run(self, jobs: Sequence[RestoreJob]) -> None:
        """Restore until every job is at its end.

        Raises:
            RestoreInterrupted: it was told to stop.
            CorruptRecordError: a changelog is damaged.
            BrokerError: a changelog cannot be read.
        """
        open_jobs = {job.changelog: job for job in jobs if job.next_offset < job.end}
        self.progress.begin(sum(job.end - job.next_offset for job in open_jobs.values()))
        if not open_jobs:
            return
        self._marks = self._marks_of(jobs)
        for job in open_jobs.values():
            self._begin(job)
        large = {
            partition: job
            for partition, job in open_jobs.items()
            if job.spec.history_ms is None
            and not job.spec.in_memory
            and job.end - job.next_offset >= self._table_records_min
        }
        with self._open_reader(self._client) as fetcher, RestoreTables(self._database.write_table) as tables:
            later = deque(list(large)[max(LARGE_AT_ONCE_MIN, len(large) // WAVES) :])
            fetcher.assign({p: job.next_offset for p, job in open_jobs.items() if p not in later})
            if large:  # while the first answers are on their way
                self._database.write_positions(self._marks, durably=True)
            while open_jobs:
                if self._interrupted():
                    tables.end_all()
                    self._take(tables, large, wait=True)
                    raise RestoreInterrupted("The restore was interrupted; it will go on.")
                for chunk in fetcher.poll(POLL_SECONDS, POLL_BYTES):
                    if (job := open_jobs.get(chunk.partition)) is not None:
                        self._add(job, chunk, tables if chunk.partition in large else None)
                for partition, job in list(open_jobs.items()):
                    if partition in later:
                        continue
                    reached = max(job.next_offset, fetcher.position(partition))
                    # Compaction may have taken the last records before the end. Silence does not tell so.
                    if reached >= job.end or fetcher.empty_until(partition) >= job.end:
                        self._advance(job, job.end)
                        fetcher.remove([partition])
                        del open_jobs[partition]
                        self._ended(job)
                        tables.end(partition)
                        if later and partition in large:
                            fetcher.add({later[0]: large[later.popleft()].next_offset})
                self._take(tables, large)
                self._tell(jobs[0].task)
            self._take(tables, large, wait=True)
            self.progress.end()
        if large:
            give_back_freed_memory()
        if self._told:
            logger.info("Restored %s in %.0f s", application_of(jobs[0].task), self.progress.seconds)

    def _tell(self, task: str) -> None:
        """Log how far a restore is that takes long."""
        now = time.monotonic()
        wait = TOLD_EVERY_SECONDS if self._told else TOLD_FIRST_SECONDS
        if now - max(self._told, self.progress.started_at) >= wait:
            self._told = now
            logger.info("Restoring %s: %s", application_of(task), self.progress.text(now))

    def _add(self, job: RestoreJob, chunk: FetchedChunk, tables: RestoreTables | None) -> None:
        """Write a chunk, or hand it to the tables."""
        end = job.end

        def decode() -> Columns:
            return restored_columns(decode_fetched(chunk), end, job.store.codec, job.spec, job.changelog)

        self._advance(job, min(chunk.next_offset, end))
        if tables is not None:
            tables.add(job.changelog, job.store.prefix, len(chunk.records), job.next_offset, decode)
            return
        kept = self._reached(job, job.next_offset)
        crash_point("before-restored-chunk")
        if job.versions is None:
            self._database.write_restored(job.store, pairs_of(decode()), job.task, kept)
        else:
            put_versions(job.versions, decode_fetched(chunk), end)
            self._database.commit([job.store], {job.task: kept})
        crash_point("after-restored-chunk")

    def _take(self, tables: RestoreTables, jobs: Mapping[TopicPartition, RestoreJob], *, wait: bool = False) -> None:
        """Have the database take the tables that are ready."""
        for partition, next_offset, table in tables.made(wait=wait):
            job = jobs[partition]
            crash_point("before-restored-table")
            if table is not None:
                self._database.take_table(table)
            crash_point("after-restored-table")
            self._database.write_positions({job.task: self._reached(job, next_offset)})

    def _reached(self, job: RestoreJob, next_offset: int) -> dict[str, int]:
        """What the database says of a task from now on."""
        kept = self._marks[job.task]
        kept[CHANGELOG + job.spec.name] = next_offset
        return kept

    def _begin(self, job: RestoreJob) -> None:
        self._begun[job.changelog] = job.next_offset
        if self._listener is not None:
            self._listener.restore_started(job.changelog, job.spec.name, job.next_offset, job.end)

    def _ended(self, job: RestoreJob) -> None:
        if self._listener is not None:
            self._listener.restore_ended(job.changelog, job.spec.name, job.end - self._begun[job.changelog])

    def _advance(self, job: RestoreJob, offset: int) -> None:
        moved = max(0, offset - job.next_offset)
        self.progress.done += moved
        if self._listener is not None and moved:
            self._listener.batch_restored(job.changelog, job.spec.name, offset, moved)
        job.next_offset = max(job.next_offset, offset)

    def _marks_of(self, jobs: Sequence[RestoreJob]) -> dict[str, dict[str, int]]:
        """What the database says of each task while it is restored.

        The time stays that of the oldest rows, however often the restore is begun: deletions that came after them are
        in the changelog for so long only.
        """
        marks: dict[str, dict[str, int]] = {}
        now = self._clock.time_ms()
        for job in jobs:
            if job.task not in marks:
                at = self._database.positions(job.task).get(COMMITTED_AT, now)
                marks[job.task] = {RESTORING: 1, COMMITTED_AT: min(at, now)}
            marks[job.task][CHANGELOG + job.spec.name] = job.next_offset
            marks[job.task][TOPIC_ID + job.spec.name] = job.topic_id
        return marks
