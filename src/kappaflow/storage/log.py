"""The log of one partition: an append-only sequence of record batches in Kafka's file layout.

One thread appends, reads and maintains; only `sync` runs elsewhere. Record bytes stay opaque: of a batch only the
first 16 bytes are set (base offset, leader epoch), which its CRC does not cover.

    append -> validate -> producer state -> roll? -> active segment -> flusher
    read   -> segment that holds the offset -> whole batches
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from kappaflow.errors import StorageError
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.disk import SYSTEM_DISK, ByteBuffer, Disk
from kappaflow.storage.append_errors import OffsetOutOfRange
from kappaflow.storage.batch_validation import validate_batch
from kappaflow.storage.checkpoints import LeaderEpochs, read_offsets, write_offsets
from kappaflow.storage.flusher import Flusher, FlushPolicy
from kappaflow.storage.log_config import MAX_INT64, LogConfig
from kappaflow.storage.log_recovery import (
    LoadedLog,
    end_transaction,
    load_producer_state,
    load_segments,
    remove_snapshots,
    snapshot_path,
)
from kappaflow.storage.producer_state import ProducerState
from kappaflow.storage.recompression import recompressed
from kappaflow.storage.retention import expired_segments
from kappaflow.storage.roll import Incoming, roll_is_due
from kappaflow.storage.segment import LogSegment, segment_path
from kappaflow.storage.segment_swap import CleanedSegment, swap_in
from kappaflow.storage.time_lookup import OffsetAndTimestamp, lookup_timestamp
from kappaflow.storage.transaction_index_cleaning import TRANSACTION_INDEX_SUFFIX
from kappaflow.storage.write_failure import write_failure
from kappaflow.wire.record_batch import HEADER_SIZE, pack_prefix, parse_header, stamp_log_append_time

logger = logging.getLogger(__name__)
LOG_START_FILE = "log-start-offset-checkpoint"
LEADER_EPOCH_FILE = "leader-epoch-checkpoint"


class AppendResult(NamedTuple):
    """Where a batch went; `log_append_time` is -1 unless the topic uses LogAppendTime."""

    base_offset: int
    last_offset: int
    log_append_time: int
    log_start_offset: int
    is_duplicate: bool = False


class PartitionLog:
    """The log of one topic partition; make one with `PartitionLog.open`.

    Attributes:
        topic: the topic's name.
        partition: the partition's number.
        directory: where its files are.
        config: its settings; `update_config` changes them.
        flusher: call `await log.flusher.wait_durable(log, result.last_offset + 1)` before acknowledging.
        log_start_offset: the first offset that can be read.
        log_end_offset: the offset that the next record gets.
        recovery_point: everything before it is on the disk for certain.
        producers: what is known of idempotent producers.
        aborted_transactions: the transactions that were aborted.
        leader_epochs: where each leader epoch starts.
        truncated_bytes: what recovery cut off when the log was opened.
    """

    def __init__(
        self,
        directory: Path,
        topic: str,
        partition: int,
        config: LogConfig,
        loaded: LoadedLog,
        *,
        clock: Clock,
        disk: Disk,
        flusher: Flusher,
        leader_epochs: LeaderEpochs,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self._name = f"{topic}-{partition}"
        self.directory = directory
        self.config = config
        self.flusher = flusher
        self.leader_epochs = leader_epochs
        self.log_start_offset = loaded.log_start_offset
        self.log_end_offset = loaded.log_end_offset
        self.recovery_point = loaded.recovery_point
        self.truncated_bytes = loaded.truncated_bytes
        self.producers = loaded.producers
        self.aborted_transactions = loaded.aborted
        self._segments = loaded.segments
        self._bases = [segment.base_offset for segment in loaded.segments]
        self._clock = clock
        self._disk = disk
        self._unsynced_lock = threading.Lock()
        self._unsynced = loaded.unsynced[:-1]
        for segment, following in pairwise(loaded.unsynced):
            segment.companions = self._companions(segment, following.base_offset)
        self._directory_unsynced = not loaded.segments or bool(loaded.unsynced)
        self._sync_lock = threading.Lock()
        self._closed = False
        self._released = False
        if not self._segments:
            self._add_segment(self.log_end_offset)

    @staticmethod
    def open(
        directory: Path,
        topic: str,
        partition: int,
        config: LogConfig | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        disk: Disk = SYSTEM_DISK,
        flusher: Flusher | None = None,
        clean: bool = False,
        recovery_point: int = 0,
        on_checked: Callable[[int], None] = lambda _: None,
    ) -> PartitionLog:
        """Open the log in `directory`, which is made where it is missing.

        Args:
            directory: the partition's own directory.
            topic: the topic's name.
            partition: the partition's number.
            config: settings; Kafka's defaults where left out.
            clock: for log append time, rolls and retention.
            disk: where the files are.
            flusher: shared by the logs of a data directory; where left out, nothing is ever synced on append.
            clean: the last user closed it; otherwise segments from `recovery_point` on are checked byte for byte.
            recovery_point: the offset before which everything was durable.
            on_checked: told, while batches are checked, how many bytes of them are since the last time.
        """
        config = config or LogConfig()
        directory.mkdir(parents=True, exist_ok=True)
        leader_epochs = LeaderEpochs(disk, directory / LEADER_EPOCH_FILE)
        stored_start = read_offsets(directory / LOG_START_FILE).get((topic, partition), 0)
        loaded = load_segments(
            disk,
            directory,
            config,
            stored_start,
            clean=clean,
            recovery_point=recovery_point,
            epochs=leader_epochs,
            on_checked=on_checked,
        )
        return PartitionLog(
            directory,
            topic,
            partition,
            config,
            loaded,
            clock=clock,
            disk=disk,
            flusher=flusher or Flusher(FlushPolicy()),
            leader_epochs=leader_epochs,
        )

    @property
    def high_watermark(self) -> int:
        """The offset up to which consumers may read: with one replica, the log's end."""
        return self.log_end_offset

    @property
    def last_stable_offset(self) -> int:
        """The offset up to which every transaction is decided."""
        first_unstable = self.producers.first_unstable_offset
        return self.log_end_offset if first_unstable is None else max(first_unstable, self.log_start_offset)

    @property
    def flush_is_due(self) -> bool:
        """Whether as many records are not durable as the topic's flush.messages allows."""
        return self.log_end_offset - self.recovery_point >= self.config.flush_messages

    @property
    def flush_ms(self) -> int | None:
        """How long records may wait for a sync, where the topic says so."""
        return None if self.config.flush_ms >= MAX_INT64 else self.config.flush_ms

    @property
    def segments(self) -> tuple[LogSegment, ...]:
        """The segments, oldest first; the last one is active."""
        return tuple(self._segments)

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments, without their indexes."""
        return sum(segment.size for segment in self._segments)

    @property
    def segment_base_offsets(self) -> list[int]:
        """Base offset of every segment, oldest first."""
        return list(self._bases)

    # Appending

    def append(self, records: ByteBuffer, *, leader_epoch: int = 0) -> AppendResult:
        """Take one record batch, give it offsets and write it.

        The buffer may be reused as soon as this returns. A batch that an idempotent producer repeats is not written
        again: the result names the offsets that it got the first time.

        Raises:
            CorruptMessage: format, size or CRC is wrong.
            InvalidRecord: not exactly one consistent batch.
            MessageTooLarge: larger than max.message.bytes.
            UnsupportedCompressionType: unknown codec.
            InvalidTimestamp: too far from the broker's time.
            OutOfOrderSequence: an idempotent producer left out records.
            InvalidProducerEpoch: a newer epoch of the producer has written.
            StorageFullError: no space; nothing was written and reads go on.
            StorageError: the disk failed; nothing was written.
        """
        now_ms = self._clock.time_ms()
        header = validate_batch(records, self.config, now_ms)
        if self.config.compression_type != "producer" and (other := recompressed(header, records, self.config)):
            records, header = other, parse_header(other)
        if header.producer_id >= 0 and (duplicate := self.producers.check(header)) is not None:
            return AppendResult(
                duplicate.first_offset,
                duplicate.last_offset,
                duplicate.timestamp if self.config.uses_log_append_time else -1,
                self.log_start_offset,
                is_duplicate=True,
            )
        base_offset = self.log_end_offset
        last_offset = base_offset + header.last_offset_delta
        view = memoryview(records)
        if self.config.uses_log_append_time:
            timestamp = log_append_time = now_ms
            body = view[HEADER_SIZE:]
            head = stamp_log_append_time(header, body, base_offset, leader_epoch, now_ms)
        else:
            timestamp, log_append_time = header.max_timestamp, -1
            body = view[16:]
            head = pack_prefix(base_offset, header.length, leader_epoch)
        size = len(records)
        try:
            incoming = Incoming(size, last_offset, timestamp)
            segment = self._segments[-1]
            if roll_is_due(segment, incoming, self.config, now_ms, self._name):
                segment = self.roll()
            if leader_epoch > self.leader_epochs.latest:
                self.leader_epochs.assign(leader_epoch, base_offset)
            segment.append((head, body), size, last_offset, timestamp)
        except OSError as error:
            self.producers.not_written(header)
            raise self._write_failed(error) from error
        self.log_end_offset = last_offset + 1
        self.producers.update(header, base_offset, timestamp, now_ms)
        if header.is_control:
            try:
                end_transaction(
                    self.producers, self.aborted_transactions, segment.base_offset, header, records, base_offset
                )
            except OSError as error:
                raise self._write_failed(error) from error
        self.flusher.appended(self)
        return AppendResult(base_offset, last_offset, log_append_time, self.log_start_offset)

    def _write_failed(self, error: OSError) -> StorageError:
        return write_failure(f"{self._name}: cannot write to {self.directory}", error)

    def roll(self) -> LogSegment:
        """Seal the active segment and start the next one at the log's end.

        Raises:
            OSError: the disk is full or failed; the active segment stays.
        """
        sealed = self._segments[-1]
        if sealed.size == 0:
            return sealed
        crash_point("before-index-roll")
        sealed.seal()
        snapshot = snapshot_path(self.directory, self.log_end_offset)
        self.producers.write_snapshot(self._disk, snapshot, durable=False)
        sealed.companions = self._companions(sealed, self.log_end_offset)
        with self._unsynced_lock:
            self._unsynced.append(sealed)  # before the new segment shows, so that no sync can miss it
        segment = self._add_segment(self.log_end_offset)
        crash_point("after-index-roll")
        self.flusher.request(self)
        return segment

    def _companions(self, segment: LogSegment, end_offset: int) -> tuple[Path, ...]:
        """What belongs to a segment that ends before `end_offset`, beside its indexes."""
        aborted = segment_path(self.directory, segment.base_offset, TRANSACTION_INDEX_SUFFIX)
        return aborted, snapshot_path(self.directory, end_offset)

    def _add_segment(self, base_offset: int) -> LogSegment:
        segment = LogSegment.create(
            self._disk, self.directory, base_offset, self.config.index_interval_bytes, self._clock.time_ms()
        )
        self._segments.append(segment)
        self._bases.append(base_offset)
        self._directory_unsynced = True
        return segment

    # Reading

    def read(self, offset: int, max_bytes: int, *, min_one_batch: bool = True) -> bytes:
        """Whole batches, from the one that holds `offset` on, out of one segment.

        The first batch may start before `offset`. At the log's end the answer is empty.

        Args:
            offset: the first offset wanted.
            max_bytes: the most to return.
            min_one_batch: return one batch even where it is larger than `max_bytes`.

        Raises:
            OffsetOutOfRange: `offset` lies before the log's start or after its end.
        """
        if not self.log_start_offset <= offset <= self.log_end_offset:
            raise OffsetOutOfRange(
                f"offset {offset} of {self._name} lies outside {self.log_start_offset} to {self.log_end_offset}"
            )
        if offset == self.log_end_offset:
            return b""
        slot = max(bisect_right(self._bases, offset) - 1, 0)
        while slot < len(self._segments):
            data = self._segments[slot].read(offset, max_bytes, min_one_batch=min_one_batch)
            if data is not None:
                return data
            slot += 1
        return b""

    def offset_for_timestamp(self, timestamp: int) -> OffsetAndTimestamp | None:
        """The first record with a timestamp of at least `timestamp`; None where there is none.

        -1 asks for the log's end, -2 for its start, -3 for the record with the largest timestamp.
        """
        return lookup_timestamp(
            self._segments, timestamp, log_start_offset=self.log_start_offset, log_end_offset=self.log_end_offset
        )

    # Maintaining

    def update_config(self, config: LogConfig) -> None:
        """Use other settings of the topic from now on; what holds for all topics stays."""
        self.config = replace(config, producer_id_expiration_ms=self.config.producer_id_expiration_ms)

    def delete_records(self, before_offset: int) -> int:
        """Raise the log's start to `before_offset` (-1: the high watermark) for good; return the new start.

        Raises:
            OffsetOutOfRange: beyond the high watermark.
            StorageFullError: the new start cannot be written.
        """
        target = self.high_watermark if before_offset == -1 else before_offset
        if target > self.high_watermark or target < 0:
            raise OffsetOutOfRange(
                f"cannot delete records of {self._name} before offset {target}: "
                f"its high watermark is {self.high_watermark}"
            )
        if target > self.log_start_offset:
            try:
                self._move_start(target)
                self._drop_before_start()
            except OSError as error:
                raise self._write_failed(error) from error
        return self.log_start_offset

    def apply_retention(self) -> int:
        """Delete segments that are too old or too many, and forget idle producers; return the segments deleted."""
        now_ms = self._clock.time_ms()
        self.producers.expire(now_ms)
        if not self.config.deletes:
            return 0
        try:
            count = expired_segments(self._segments, self.config, now_ms)
            if not count:
                return 0
            if count == len(self._segments):
                self.roll()
            self._move_start(max(self._bases[count], self.log_start_offset))
            deleted = self._drop_before_start()
        except OSError as error:
            raise self._write_failed(error) from error
        logger.info(
            "%s-%d: %d segments past their retention are deleted; it begins at %d now",
            self.topic,
            self.partition,
            deleted,
            self.log_start_offset,
        )
        return deleted

    def _move_start(self, offset: int) -> None:
        write_offsets(self._disk, self.directory / LOG_START_FILE, {(self.topic, self.partition): offset})
        self.log_start_offset = offset
        self.leader_epochs.truncate_from_start(offset)

    def _drop_before_start(self) -> int:
        """Remove segments whose every record lies before the log's start."""
        count = 0
        while len(self._segments) > 1 and self._bases[1] <= self.log_start_offset:
            segment = self._segments.pop(0)
            del self._bases[0]
            self.aborted_transactions.drop_segment(segment.base_offset, self._bases[0])
            self._forget_unsynced(lambda each, gone=segment: each is gone)
            segment.delete()
            count += 1
        if count:
            remove_snapshots(self._disk, self.directory, lambda offset: offset < self._bases[0])
        return count

    def replace_segments(self, cleaned: CleanedSegment) -> bool:
        """Put a cleaned segment in the place of those that it was made from.

        Returns:
            False where they are not there any more, or not as they were; the cleaned one is removed then.

        Raises:
            StorageError: the disk failed.
        """
        slot = bisect_right(self._bases, cleaned.replaces[0]) - 1
        count = len(cleaned.replaces)
        old = self._segments[slot : slot + count] if slot >= 0 else []
        found = (*(each.base_offset for each in old), *self._bases[slot + count : slot + count + 1])
        expected = (*cleaned.replaces, cleaned.next_base_offset)
        if self._closed or found != expected or tuple(each.size for each in old) != cleaned.sizes:
            cleaned.discard(self._disk)
            return False
        self._forget_unsynced(lambda each: each in old)
        try:
            swap_in(self._disk, cleaned, old)
        except OSError as error:
            raise self._write_failed(error) from error
        self._segments[slot : slot + count] = [cleaned.segment]
        self._bases[slot : slot + count] = [cleaned.segment.base_offset]
        self.aborted_transactions.load(self._bases)
        self._directory_unsynced = True
        self.flusher.request(self)
        return True

    def truncate(self, offset: int) -> None:
        """Drop every batch that reaches `offset` or lies beyond it.

        Where nothing at or after the log's start remains, the log goes on there without segments or producers, as it
        would after the next start.

        Raises:
            OffsetOutOfRange: before the log's start.
        """
        if offset >= self.log_end_offset:
            return
        if offset < self.log_start_offset:
            raise OffsetOutOfRange(f"cannot truncate to {offset}: the log starts at {self.log_start_offset}")
        with self._sync_lock:
            self._cut_at(offset)

    def _cut_at(self, offset: int) -> None:
        """What `truncate` does while no sync is under way, which would find the log without segments."""
        while len(self._segments) > 1 and self._bases[-1] >= offset:
            segment = self._segments.pop()
            self._bases.pop()
            self._forget_unsynced(lambda each, gone=segment: each is gone)
            segment.delete()
        self.log_end_offset = self._segments[-1].truncate(offset)
        if self.log_end_offset < self.log_start_offset:
            self._restart_at(self.log_start_offset)
            return
        self.recovery_point = min(self.recovery_point, self.log_end_offset)
        self.leader_epochs.truncate_from_end(self.log_end_offset)
        remove_snapshots(self._disk, self.directory, lambda snapshot: snapshot > self.log_end_offset)
        self.producers = load_producer_state(
            self.directory, self._segments, self.config, self.log_end_offset, self.aborted_transactions
        )

    def _restart_at(self, offset: int) -> None:
        """Drop everything: the next record gets `offset`."""
        for segment in self._segments:
            self.aborted_transactions.drop_segment(segment.base_offset, offset)
            segment.delete()
        self._segments, self._bases = [], []
        self._forget_unsynced(lambda _: True)
        remove_snapshots(self._disk, self.directory, lambda _: True)
        self.producers = ProducerState(self.config.producer_id_expiration_ms)
        self.producers.end_offset = offset
        self.log_end_offset = offset
        self.recovery_point = min(self.recovery_point, offset)
        self.leader_epochs.truncate_from_end(offset)
        self._add_segment(offset)

    # Durability and end

    def sync(self) -> None:
        """Make everything appended so far durable; called by the flusher's thread and at the end.

        Raises:
            OSError: the disk failed.
        """
        with self._sync_lock:
            if self._released:
                return
            end_offset = self.log_end_offset
            active = self._segments[-1]
            with self._unsynced_lock:
                sealed, self._unsynced = self._unsynced, []
            for segment in sealed:
                segment.sync(indexes=True)
            active.sync()
            if self._directory_unsynced:
                self._directory_unsynced = False
                self._disk.sync_directory(self.directory)
            self.recovery_point = max(self.recovery_point, min(end_offset, self.log_end_offset))

    def write_again(self) -> None:
        """Give the device once more what the next `sync` would take it to have.

        Raises:
            OSError: the disk is full or failed.
        """
        for segment in (*self._unsynced, self._segments[-1]):
            segment.write_again()

    def _forget_unsynced(self, gone: Callable[[LogSegment], bool]) -> None:
        with self._unsynced_lock:
            self._unsynced = [segment for segment in self._unsynced if not gone(segment)]

    def close(self) -> None:
        """Write indexes and producer state, make everything durable, close the files.

        Raises:
            OSError: the disk is full or failed; the next start will recover.
        """
        if self._closed:
            return
        self._closed = True
        self.flusher.forget(self)
        try:
            path = snapshot_path(self.directory, self.log_end_offset)
            if self.recovery_point < self.log_end_offset or not path.exists():
                active = self._segments[-1]
                active.load_indexes()
                active.seal()
                active.companions = self._companions(active, self.log_end_offset)
                self.producers.write_snapshot(self._disk, path, durable=True)
                self.sync()
                active.sync(indexes=True)
            remove_snapshots(
                self._disk,
                self.directory,
                lambda offset: offset != self.log_end_offset and offset not in self._bases,
            )
        finally:
            self.release()

    def release(self) -> None:
        """Close the files without writing anything; waits for a sync that is under way."""
        self._closed = True
        self.flusher.forget(self)
        with self._sync_lock:
            self._released = True
            for segment in self._segments:
                segment.close()
