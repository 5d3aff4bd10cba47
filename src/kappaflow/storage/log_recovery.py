"""Opening a partition's files: after a clean end by what they say, otherwise by checking them byte for byte."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kappaflow.errors import CorruptRecordError
from kappaflow.runtime.disk import Disk
from kappaflow.storage.checkpoints import LeaderEpochs
from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.producer_state import ProducerState
from kappaflow.storage.segment import LogSegment, segment_path
from kappaflow.storage.segment_swap import finish_swaps
from kappaflow.storage.transaction_index import AbortedTransaction, TransactionIndex
from kappaflow.storage.transaction_markers import ABORT, COMMIT, read_marker
from kappaflow.wire.record_batch import ByteBuffer, RecordBatchHeader

CHECKED_STEP_BYTES = 4 * 1024 * 1024
_SEGMENT_FILE = re.compile(r"(\d{20})\.(log|index|timeindex|snapshot)")
_SNAPSHOT_FILE = re.compile(r"\d{20}\.snapshot")


@dataclass(slots=True)
class LoadedLog:
    """What was found in a partition's directory.

    Attributes:
        unsynced: the segments of which not all is sure to be on the device.
    """

    segments: list[LogSegment]
    log_start_offset: int
    log_end_offset: int
    recovery_point: int
    producers: ProducerState
    aborted: TransactionIndex
    truncated_bytes: int = 0
    unsynced: list[LogSegment] = field(default_factory=list[LogSegment])


def snapshot_path(directory: Path, offset: int) -> Path:
    """The file of the producer state up to `offset`."""
    return segment_path(directory, offset, ".snapshot")


def remove_snapshots(disk: Disk, directory: Path, unwanted: Callable[[int], bool]) -> None:
    """Remove the producer snapshots whose offset is `unwanted`."""
    for offset in _snapshot_offsets(directory):
        if unwanted(offset):
            disk.remove(snapshot_path(directory, offset))


def load_segments(
    disk: Disk,
    directory: Path,
    config: LogConfig,
    stored_start: int,
    *,
    clean: bool,
    recovery_point: int,
    epochs: LeaderEpochs,
    on_checked: Callable[[int], None] = lambda _: None,
) -> LoadedLog:
    """Find the segments and where the log starts and ends; without a clean end, check and cut first.

    Args:
        disk: where it is.
        directory: the partition's own.
        config: the topic's settings.
        stored_start: where the log starts, as far as was written down.
        clean: the last user closed it.
        recovery_point: the offset before which everything was durable.
        epochs: the leader epochs, completed from the batches that are checked.
        on_checked: told, while batches are checked, how many bytes of them are since the last time.
    """
    finish_swaps(disk, directory)
    bases = _sweep(disk, directory)
    segments = [LogSegment.existing(disk, directory, base, config.index_interval_bytes) for base in bases]
    truncated = 0
    trusted_before: int | None = None
    unsynced: list[LogSegment] = []
    end_offset = max(stored_start, bases[0] if bases else 0)
    if segments:
        if not clean:
            slot = _first_to_check(bases, recovery_point)
            trusted_before = bases[slot]
            end_offset, truncated = _recover(disk, directory, segments, slot, epochs, on_checked)
            unsynced = segments[slot:]
        else:
            end_offset = _end_of_clean(segments)
    start_offset = max(stored_start, segments[0].base_offset if segments else 0)
    if start_offset > end_offset:
        # The log's records before its start were lost with the page cache; offsets must never be given twice.
        for segment in segments:
            segment.delete()
        segments, unsynced = [], []
        end_offset = start_offset
    remove_snapshots(disk, directory, lambda offset: offset > end_offset or not segments)
    epochs.truncate_from_end(end_offset)
    aborted = TransactionIndex(disk, directory)
    producers = load_producer_state(directory, segments, config, end_offset, aborted, trusted_before)
    cut = aborted.first_cut
    if cut is not None and (not unsynced or cut < unsynced[0].base_offset):
        # An index that is written again from batches is not durable, however long its segment has been.
        unsynced = [segment for segment in segments if segment.base_offset >= cut]
    durable = end_offset if clean else min(recovery_point, end_offset)
    return LoadedLog(segments, start_offset, end_offset, durable, producers, aborted, truncated, unsynced)


def load_producer_state(
    directory: Path,
    segments: list[LogSegment],
    config: LogConfig,
    end_offset: int,
    aborted: TransactionIndex,
    trusted_before: int | None = None,
) -> ProducerState:
    """The newest whole snapshot at or before `end_offset`, brought up to date from the batches after it.

    The index of aborted transactions is read, and written again for the batches after the snapshot.

    Args:
        trusted_before: after an unclean end, where the first segment begins that may not be durable: what was written
            of its producers and transactions may be gone, and is made again from its batches.
    """
    state = ProducerState(config.producer_id_expiration_ms)
    bases = [segment.base_offset for segment in segments]
    limit = end_offset if trusted_before is None else min(end_offset, trusted_before)
    damaged = aborted.first_damaged(bases)
    if damaged is not None:
        limit = min(limit, damaged)  # what the index lost is told again by the batches of its segment
    for offset in sorted(_snapshot_offsets(directory), reverse=True):
        if offset <= limit and state.read_snapshot(snapshot_path(directory, offset), offset):
            break
    start = state.end_offset
    aborted.load(bases, before_offset=start)
    for slot, segment in enumerate(segments):
        segment_end = segments[slot + 1].base_offset if slot + 1 < len(segments) else end_offset
        if segment_end <= start or segment.base_offset >= end_offset:
            continue
        position = segment.position_of(max(start, segment.base_offset))
        if position is None:
            continue
        for at, header in segment.producer_headers(position):
            state.update(header, header.base_offset, header.max_timestamp)
            if header.is_control and header.producer_id >= 0:
                batch = segment.batch_at(at, header.size)
                end_transaction(state, aborted, segment.base_offset, header, batch, header.base_offset)
    state.end_offset = end_offset
    return state


def end_transaction(
    state: ProducerState,
    aborted: TransactionIndex,
    segment_base: int,
    header: RecordBatchHeader,
    batch: ByteBuffer,
    offset: int,
) -> None:
    """Account for the marker of a control batch, written at `offset` of the segment at `segment_base`.

    Raises:
        OSError: the disk is full or failed.
    """
    kind, coordinator_epoch = read_marker(header, batch)
    if kind not in (ABORT, COMMIT):
        return
    first_offset = state.open_since(header.producer_id)
    if kind == ABORT and first_offset is not None:
        # Before the transaction counts as ended: where this fails it stays open, and its marker is written again.
        unstable = state.first_unstable_without(header.producer_id)
        stable = offset + 1 if unstable is None else unstable
        aborted.append(segment_base, AbortedTransaction(header.producer_id, first_offset, offset, stable))
    state.end_transaction(header.producer_id, coordinator_epoch=coordinator_epoch)


def _end_of_clean(segments: list[LogSegment]) -> int:
    """The log's end after a clean shutdown; a contradiction means that it was not clean after all."""
    active = segments[-1]
    try:
        return active.next_offset()
    except CorruptRecordError:
        return active.recover()[0]


def _first_to_check(bases: list[int], recovery_point: int) -> int:
    """The first segment that was not durable as a whole.

    One that ends at the recovery point may have been synced while it was active: its batches, but not its indexes.
    """
    slot = 0
    while slot + 1 < len(bases) and bases[slot + 1] < recovery_point:
        slot += 1
    return slot


def _recover(
    disk: Disk,
    directory: Path,
    segments: list[LogSegment],
    slot: int,
    epochs: LeaderEpochs,
    on_checked: Callable[[int], None],
) -> tuple[int, int]:
    """Check segments from the one at `slot` on; cut at the first bad byte and drop what follows it.

    What is cut off and dropped is gone for good: otherwise the next loss of power could bring it back, in a log that
    was closed cleanly since, or behind records that were written in its place.
    """
    end_offset, truncated = segments[slot].base_offset, 0
    epoch, checked = -1, 0  # a batch without an epoch has -1: nothing to note

    def take_up(size: int, begun: Sequence[tuple[int, int]]) -> None:
        nonlocal epoch, checked
        for leader_epoch, base_offset in begun:
            if leader_epoch != epoch:
                epoch = leader_epoch
                epochs.assign(epoch, base_offset)
        checked += size
        if checked >= CHECKED_STEP_BYTES:
            on_checked(checked)
            checked = 0

    while slot < len(segments):
        segment = segments[slot]
        end_offset, cut = segment.recover(take_up)
        truncated += cut
        slot += 1
        if cut:
            segment.sync()
            break
    for later in segments[slot:]:
        truncated += later.size
        later.delete()
    if segments[slot:]:
        disk.sync_directory(directory)
    del segments[slot:]
    on_checked(checked)
    return end_offset, truncated


def _snapshot_offsets(directory: Path) -> list[int]:
    return [int(name[:20]) for name in os.listdir(directory) if _SNAPSHOT_FILE.fullmatch(name)]  # noqa: PTH208 - thousands of logs are opened at start


def _sweep(disk: Disk, directory: Path) -> list[int]:
    """Remove unfinished writes and indexes without a log; return the segments' base offsets in order."""
    bases: set[int] = set()
    indexes: list[str] = []
    for name in os.listdir(directory):  # noqa: PTH208 - thousands of logs are opened at start
        match = _SEGMENT_FILE.fullmatch(name)
        if name.endswith(".tmp"):
            disk.remove(directory / name)
        elif match and match[2] == "log":
            bases.add(int(match[1]))
        elif match and match[2] != "snapshot":
            indexes.append(name)
    for name in indexes:
        if int(name[:20]) not in bases:
            disk.remove(directory / name)
    return sorted(bases)
