"""Compaction in the background: plans and swaps on the event loop, all reading and writing in a thread.

due logs, dirtiest first -> plan (loop) -> clean (thread, paced) -> swap in (loop) -> checkpoint
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

from kappaflow.errors import CorruptRecordError
from kappaflow.runtime.clock import Clock
from kappaflow.runtime.disk import Disk
from kappaflow.storage.checkpoints import TopicPartition, read_offsets, write_offsets
from kappaflow.storage.cleanable import CleaningPlan, plan_cleaning
from kappaflow.storage.cleaner import OFFSETS_FILE, CleaningResult, clean_segments
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_directory import LogDirectory

logger = logging.getLogger(__name__)

WORK_SECONDS = 0.001
REST_PER_WORK = 1.0


class _Stopped(Exception):
    """The broker ends; the cleaning is given up."""


class LogCleaner:
    """Compacts the logs of a data directory, one at a time.

    Args:
        logs: the logs.
        clock: the time.
        disk: where they are.
    """

    def __init__(self, logs: LogDirectory, clock: Clock, disk: Disk) -> None:
        self._logs = logs
        self._clock = clock
        self._disk = disk
        self._path = logs.path / OFFSETS_FILE
        self._clean_offsets = read_offsets(self._path)
        self._cleaned_of: dict[TopicPartition, weakref.ref[PartitionLog]] = {}
        self._failed: dict[TopicPartition, int] = {}
        self._executor: ThreadPoolExecutor | None = None
        self._stopping = threading.Event()

    async def clean_due(self) -> int:
        """Clean every log that is due; return how many were cleaned.

        Raises:
            StorageError: a swap failed half-way; the broker must stop, and the next start finishes it.
        """
        cleaned = 0
        while not self._stopping.is_set() and (found := self._dirtiest()) is not None:
            cleaned += await self._clean(*found)
        return cleaned

    def stop(self) -> None:
        """Give up the cleaning that is under way, and wait until its thread has let go of the files."""
        self._stopping.set()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def _dirtiest(self) -> tuple[PartitionLog, CleaningPlan] | None:
        now_ms = self._clock.time_ms()
        found: tuple[PartitionLog, CleaningPlan] | None = None
        for log in self._logs:
            if not log.config.compacts:
                continue
            key = (log.topic, log.partition)
            try:
                self._roll_overdue(log, now_ms)
                plan = plan_cleaning(log, self._clean_offset(log), now_ms)
            except (OSError, CorruptRecordError) as error:
                logger.warning("cannot plan the cleaning of %s-%d: %s", *key, error)
                continue  # the others are cleaned nevertheless
            if plan is None or not plan.is_due or self._failed.get(key) == plan.first_uncleanable_offset:
                continue
            if found is None or (plan.is_overdue, plan.dirty_ratio) > (found[1].is_overdue, found[1].dirty_ratio):
                found = log, plan
        return found

    def _clean_offset(self, log: PartitionLog) -> int:
        """Up to where a log was cleaned; what an earlier topic of its name was says nothing."""
        key = (log.topic, log.partition)
        known = self._cleaned_of.get(key)
        if known is None:  # the first since the start goes on with what was written down
            self._cleaned_of[key] = weakref.ref(log)
        elif known() is not log:
            self._cleaned_of[key] = weakref.ref(log)
            self._clean_offsets.pop(key, None)
            self._failed.pop(key, None)
        return self._clean_offsets.get(key, 0)

    def _roll_overdue(self, log: PartitionLog, now_ms: int) -> None:
        """Close an active segment that is older than max.compaction.lag.ms although nobody writes any more."""
        active = log.segments[-1]
        first = active.first_batch_timestamp() if active.size else None
        if first is not None and 0 <= first < now_ms - log.config.max_compaction_lag_ms:
            try:
                log.roll()
            except OSError as error:
                logger.warning("cannot close the active segment of %s-%d: %s", log.topic, log.partition, error)

    async def _clean(self, log: PartitionLog, plan: CleaningPlan) -> bool:
        key = (log.topic, log.partition)
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "log-cleaner")
        started = time.monotonic()
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._executor, self._work, plan)
        except _Stopped:
            return False
        except (OSError, CorruptRecordError) as error:
            # Tried again when there is more to clean: a full disk may have space by then.
            self._failed[key] = plan.first_uncleanable_offset
            logger.warning("cannot clean %s-%d: %s", *key, error)
            return False
        if self._stopping.is_set() or self._logs.get(*key) is not log:
            for each in result.cleaned:
                each.discard(self._disk)
            return False
        if result.end_offset <= plan.first_dirty_offset:
            self._failed[key] = plan.first_uncleanable_offset
            return False
        for position, each in enumerate(result.cleaned):
            if not log.replace_segments(each):
                for later in result.cleaned[position + 1 :]:
                    later.discard(self._disk)
                return False
        self._failed.pop(key, None)
        self._clean_offsets[key] = result.end_offset
        self._write_offsets()
        logger.info(
            "cleaned %s-%d up to offset %d: %d to %d bytes, %d records removed, %.1f s",
            *(*key, result.end_offset, result.bytes_read, result.bytes_written, result.records_removed),
            time.monotonic() - started,
        )
        return True

    def _work(self, plan: CleaningPlan) -> CleaningResult:
        return clean_segments(plan, disk=self._disk, pace=_Pacer(self._stopping))

    def _write_offsets(self) -> None:
        known = {key: offset for key, offset in self._clean_offsets.items() if self._logs.get(*key) is not None}
        try:
            write_offsets(self._disk, self._path, known, durable=False)
        except OSError as error:
            logger.warning("cannot write %s: %s; clean parts are cleaned again after a restart", self._path, error)


class _Pacer:
    """Lets the interpreter go often, so that requests wait a millisecond at most for the cleaning."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._since = time.monotonic()

    def __call__(self) -> None:
        worked = time.monotonic() - self._since
        if worked < WORK_SECONDS:
            return
        if self._stopping.wait(worked * REST_PER_WORK):
            raise _Stopped
        self._since = time.monotonic()
