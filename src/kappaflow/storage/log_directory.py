"""All partition logs of a data directory.

    <topic>-<partition>/               one log
    <topic>-<partition>.<id>-delete/   a deleted one on its way out
    recovery-point-offset-checkpoint   before which offset each log is durable
    .kafka_cleanshutdown               present when the last user closed everything
    sync-failed                        present when the last user ended because the device refused a write

Source: Kafka's layout of a log directory
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kappaflow.errors import DataDirectoryError, StorageError
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.runtime.disk import SYSTEM_DISK, Disk, replace_file
from kappaflow.storage.checkpoints import TopicPartition, read_offsets, write_offsets
from kappaflow.storage.flusher import Flusher, FlushMode, FlushPolicy
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import PRODUCER_ID_EXPIRATION_MS, LogConfig
from kappaflow.storage.write_failure import write_failure

CLEAN_SHUTDOWN_FILE = ".kafka_cleanshutdown"
RECOVERY_POINT_FILE = "recovery-point-offset-checkpoint"
SYNC_FAILED_FILE = "sync-failed"
PARTITION_METADATA_FILE = "partition.metadata"
MakeFlusher = Callable[[FlushPolicy, Callable[[str], None] | None], Flusher]
_DELETE_SUFFIX = "-delete"


class LogDirectory:
    """The partition logs below one directory; make one with `LogDirectory.open`.

    Attributes:
        path: the directory.
        was_clean: whether the last user closed everything.
        flusher: the one thread that syncs its logs.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        disk: Disk,
        flusher: Flusher,
        *,
        was_clean: bool,
        producer_id_expiration_ms: int = PRODUCER_ID_EXPIRATION_MS,
    ) -> None:
        self.path = path
        self.was_clean = was_clean
        self.flusher = flusher
        self._clock = clock
        self._disk = disk
        self._producer_id_expiration_ms = producer_id_expiration_ms
        self._logs: dict[TopicPartition, PartitionLog] = {}
        self._recovery_points = read_offsets(path / RECOVERY_POINT_FILE)

    @staticmethod
    def open(
        path: Path,
        *,
        config_of: Callable[[str], LogConfig] | None = None,
        flush: FlushPolicy | None = None,
        on_flush_failure: Callable[[str], None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        disk: Disk = SYSTEM_DISK,
        make_flusher: MakeFlusher = Flusher,
        on_recovered: Callable[[int, int, int], None] = lambda *_: None,
        producer_id_expiration_ms: int = PRODUCER_ID_EXPIRATION_MS,
    ) -> LogDirectory:
        """Open every log below `path`; after an unclean end, recover each.

        Args:
            path: an existing directory, locked by the caller.
            config_of: the settings of a topic; Kafka's defaults where left out.
            flush: when appended records become durable.
            on_flush_failure: called from another thread when a sync failed; should stop the process.
            clock: for rolls and retention.
            disk: where it is.
            make_flusher: what syncs the logs.
            on_recovered: told as logs of an unclean end are checked: how many are done, how many there are, bytes read.
            producer_id_expiration_ms: how long idle producers are remembered, in all logs.

        Raises:
            StorageError: a log cannot be opened.
        """
        marker = path / CLEAN_SHUTDOWN_FILE
        was_clean = marker.exists()
        policy = flush or FlushPolicy()
        sync_failed = path / SYNC_FAILED_FILE

        def on_failure(text: str) -> None:
            # Not synced: once power is lost, what is read comes from the device.
            with suppress(OSError):
                disk.close(disk.open(sync_failed, create=True))
            if on_flush_failure is not None:
                on_flush_failure(text)

        flusher = make_flusher(policy, on_failure)
        directory = LogDirectory(
            path, clock, disk, flusher, was_clean=was_clean, producer_id_expiration_ms=producer_id_expiration_ms
        )
        entries = [entry for entry in sorted(path.iterdir()) if entry.is_dir()]
        read_bytes = 0
        for number, entry in enumerate(entries):

            def tell(count: int, done: int = number) -> None:
                nonlocal read_bytes
                read_bytes += count
                on_recovered(done, len(entries), read_bytes)

            if entry.name.endswith(_DELETE_SUFFIX):
                shutil.rmtree(entry, ignore_errors=True)
            elif topic_partition := parse_directory_name(entry.name):
                topic, partition = topic_partition
                config = config_of(topic) if config_of else LogConfig()
                directory._open_log(topic, partition, config, clean=was_clean, on_checked=tell)
                if not was_clean:
                    on_recovered(number + 1, len(entries), read_bytes)
        if was_clean:
            disk.remove(marker)
            disk.sync_directory(path)
        directory._make_durable(refused=sync_failed.exists(), promised=policy.mode is FlushMode.GROUP)
        return directory

    def __iter__(self) -> Iterator[PartitionLog]:
        return iter(list(self._logs.values()))

    def __len__(self) -> int:
        return len(self._logs)

    def get(self, topic: str, partition: int) -> PartitionLog | None:
        """The log of a partition, None where there is none."""
        return self._logs.get((topic, partition))

    def partitions_of(self, topic: str) -> list[PartitionLog]:
        """The logs of a topic in order of their partition."""
        return sorted((log for (name, _), log in self._logs.items() if name == topic), key=lambda log: log.partition)

    def topic_ids(self) -> dict[TopicPartition, str]:
        """The topic id that each partition's directory names; partitions that name none are left out."""
        found: dict[TopicPartition, str] = {}
        for key, log in self._logs.items():
            if topic_id := _topic_id(log.directory):
                found[key] = topic_id
        return found

    def create(self, topic: str, partition: int, config: LogConfig, *, topic_id: str = "") -> PartitionLog:
        """Make the log of a partition durably, or return the one that is there and of the same topic.

        Args:
            topic: the topic's name.
            partition: the partition's number.
            config: its settings.
            topic_id: the topic's id as text, written to `partition.metadata`.

        Raises:
            StorageFullError: no space.
        """
        directory = self.path / f"{topic}-{partition}"
        if topic_id and _topic_id(directory) not in ("", topic_id):
            self.delete(topic, partition)  # what could not be deleted with an earlier topic of the name
            self._move_away(directory)
        if existing := self._logs.get((topic, partition)):
            return existing
        try:
            log = self._open_log(topic, partition, config, clean=True)
            if topic_id:
                text = f"version: 0\ntopic_id: {topic_id}\n"
                replace_file(self._disk, directory / PARTITION_METADATA_FILE, text.encode())
            self._disk.sync_directory(self.path)
        except OSError as error:
            self._logs.pop((topic, partition), None)
            shutil.rmtree(directory, ignore_errors=True)
            raise write_failure(f"cannot make {directory}", error) from error
        return log

    def delete(self, topic: str, partition: int) -> None:
        """Delete a partition's log: first renamed, which is the moment it is gone, then removed.

        Raises:
            StorageError: the directory cannot be renamed.
        """
        log = self._logs.pop((topic, partition), None)
        if log is None:
            return
        self._recovery_points.pop((topic, partition), None)
        try:
            log.release()
        finally:
            self._move_away(log.directory)

    def _move_away(self, directory: Path) -> None:
        if not directory.exists():
            return
        leaving = self.path / f"{directory.name}.{uuid.uuid4().hex}{_DELETE_SUFFIX}"
        try:
            self._disk.replace(directory, leaving)
            self._disk.sync_directory(self.path)
        except OSError as error:
            raise StorageError(f"cannot delete {directory} ({error.strerror or error})") from error
        shutil.rmtree(leaving, ignore_errors=True)

    def apply_retention(self) -> int:
        """One pass of retention over all logs; return the segments deleted.

        A log whose disk is full does not stop the pass: the others may free the space that it needs.

        Raises:
            StorageError: at least one log could not be cleaned; raised after the pass.
        """
        deleted = 0
        failure: StorageError | None = None
        for log in self:
            try:
                deleted += log.apply_retention()
            except StorageError as error:
                failure = error
        if failure is not None:
            raise failure
        return deleted

    def checkpoint(self) -> None:
        """Write the recovery points where they have moved.

        Raises:
            StorageFullError: no space; the old ones stay.
        """
        points = {key: log.recovery_point for key, log in self._logs.items()}
        if points == self._recovery_points:
            return
        try:
            write_offsets(self._disk, self.path / RECOVERY_POINT_FILE, points)
        except OSError as error:
            raise write_failure(f"cannot write recovery points to {self.path}", error) from error
        self._recovery_points = points

    def close(self, *, clean: bool = True) -> None:
        """Make everything durable, close the files and leave the mark of a clean end.

        Args:
            clean: leave the mark; not where another part of the data directory failed.

        Raises:
            StorageError: something could not be written; there is no mark, and the next start recovers.
        """
        self.flusher.close()
        if self.flusher.failure is not None:
            for log in self:
                log.release()
            return
        failure: OSError | None = None
        for log in self:
            try:
                log.close()
            except OSError as error:
                failure = error
        try:
            self.checkpoint()
            if clean and failure is None:
                replace_file(self._disk, self.path / CLEAN_SHUTDOWN_FILE, b'{"version":0}')
        except OSError as error:
            failure = error
        if failure is not None:
            raise StorageError(
                f"closing the logs in {self.path} failed ({failure.strerror or failure}); the next start recovers them"
            ) from failure

    def _make_durable(self, *, refused: bool, promised: bool) -> None:
        """Before anybody reads it: sync what an unclean end left in the page cache.

        Args:
            refused: a sync failed; the page cache takes as clean what the device does not have, so it is written again.
            promised: whether records must be durable when they are acknowledged.
        """
        if self.was_clean or not (refused or promised):
            return
        try:
            for log in self:
                if log.recovery_point < log.log_end_offset:
                    if refused:
                        log.write_again()
                    log.sync()
            if refused:
                self._disk.remove(self.path / SYNC_FAILED_FILE)
        except OSError as error:
            raise write_failure(f"cannot make durable what {self.path} holds", error) from error

    def _open_log(
        self,
        topic: str,
        partition: int,
        config: LogConfig,
        *,
        clean: bool,
        on_checked: Callable[[int], None] = lambda _: None,
    ) -> PartitionLog:
        directory = self.path / f"{topic}-{partition}"
        try:
            log = PartitionLog.open(
                directory,
                topic,
                partition,
                replace(config, producer_id_expiration_ms=self._producer_id_expiration_ms),
                clock=self._clock,
                disk=self._disk,
                flusher=self.flusher,
                clean=clean,
                recovery_point=self._recovery_points.get((topic, partition), 0),
                on_checked=on_checked,
            )
        except PermissionError as error:
            raise DataDirectoryError(f"cannot open {error.filename}: {error.strerror}") from error
        except StorageError:
            raise
        except OSError as error:
            raise write_failure(f"cannot recover {directory}", error) from error
        self._logs[topic, partition] = log
        return log


def _topic_id(directory: Path) -> str:
    """The topic id that a partition's directory names; empty where it names none."""
    path = directory / PARTITION_METADATA_FILE
    if not path.exists():
        return ""
    return dict(line.split(": ", 1) for line in path.read_text().splitlines() if ": " in line).get("topic_id", "")


def parse_directory_name(name: str) -> TopicPartition | None:
    """Topic and partition of a log's directory name.

    >>> parse_directory_name("my-topic-12")
    ('my-topic', 12)
    """
    topic, dash, partition = name.rpartition("-")
    if not dash or not topic or not partition.isdecimal():
        return None
    return topic, int(partition)
