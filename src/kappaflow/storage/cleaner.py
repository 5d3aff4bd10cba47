"""Log compaction: of every key only the last record stays.

    plan (owner's thread) -> scan transactions -> map keys of the dirty part -> write cleaned segments
        -> swap them in (owner's thread, `PartitionLog.replace_segments`)

`clean_segments` reads and writes files only, so it may run in any thread while the log goes on; the log takes the
result over afterwards, or drops it where its segments have changed meanwhile.

Source: https://kafka.apache.org/documentation/#compaction
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.disk import SYSTEM_DISK, Disk
from kappaflow.storage.batch_cleaning import BatchVerdict, clean_batch, delete_horizon_ms
from kappaflow.storage.cleanable import CleaningPlan, SegmentExtent
from kappaflow.storage.index import TimeIndex
from kappaflow.storage.offset_map import OffsetMap
from kappaflow.storage.segment import MAX_RELATIVE_OFFSET, LogSegment
from kappaflow.storage.segment_swap import CLEANED_SUFFIX, CleanedSegment
from kappaflow.storage.transaction_index_cleaning import clean_transaction_index
from kappaflow.storage.transaction_scan import TransactionScan, scan_transactions
from kappaflow.wire.record_batch import RecordBatchHeader

MAX_MAP_ENTRIES = 1_000_000
OFFSETS_FILE = "cleaner-offset-checkpoint"
Pace = Callable[[], None]


@dataclass(slots=True)
class CleaningResult:
    """What one cleaning did.

    Attributes:
        cleaned: the segments to swap in, oldest first.
        end_offset: everything before it is clean now.
        bytes_read: bytes of the segments read.
        bytes_written: bytes of the segments written.
        records_removed: records that are gone.
    """

    cleaned: list[CleanedSegment] = field(default_factory=list[CleanedSegment])
    end_offset: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    records_removed: int = 0


def clean_segments(
    plan: CleaningPlan,
    *,
    disk: Disk = SYSTEM_DISK,
    max_map_entries: int = MAX_MAP_ENTRIES,
    pace: Pace = lambda: None,
) -> CleaningResult:
    """Write the cleaned segments of a plan next to the old ones.

    Args:
        plan: what to do.
        disk: where the files are.
        max_map_entries: the most keys held in memory; a larger dirty part takes several cleanings.
        pace: called after every batch; may sleep, to leave the machine to others.

    Raises:
        CorruptRecordError: a batch cannot be read.
        OSError: the disk is full, failed, or a segment is gone; the log is as before.
    """
    readers = [_reader(plan, extent, disk) for extent in plan.segments]
    cleaned: list[CleanedSegment] = []
    try:
        transactions = scan_transactions(readers, pace)
        end = plan.first_uncleanable_offset
        if transactions.first_unstable_offset is not None:
            starts = [extent.base_offset for extent in plan.segments]
            end = max((base for base in starts if base <= min(end, transactions.first_unstable_offset)), default=0)
        if end <= plan.first_dirty_offset:
            return CleaningResult(end_offset=plan.first_dirty_offset)
        offsets = OffsetMap(max_map_entries)
        dirty = (each for each in readers if each.base_offset < end)
        offsets.build(dirty, transactions, plan.first_dirty_offset, end, pace)
        result = CleaningResult(cleaned, offsets.end_offset)
        for group in _groups(plan, min(offsets.end_offset, end), end):
            _clean_group(_Cleaning(plan, disk, transactions, offsets, pace), group, readers, result)
    except BaseException:
        for each in cleaned:
            each.discard(disk)
        with suppress(OSError):
            remove_cleaned(plan.directory, disk)
        raise
    finally:
        for reader in readers:
            reader.close()
    return result


def remove_cleaned(directory: Path, disk: Disk) -> None:
    """Remove what an unfinished cleaning has left."""
    for path in directory.glob("*" + CLEANED_SUFFIX):
        disk.remove(path)


@dataclass(frozen=True, slots=True)
class _Cleaning:
    plan: CleaningPlan
    disk: Disk
    transactions: TransactionScan
    offsets: OffsetMap
    pace: Pace

    def verdict(self, header: RecordBatchHeader) -> BatchVerdict:
        """What becomes of a batch as a whole."""
        last = self.plan.producers.get(header.producer_id) if header.producer_id >= 0 else None
        keep_empty = last is not None and (
            header.last_offset == last.last_offset
            if last.last_offset >= 0
            else header.is_control and header.producer_epoch == last.epoch
        )
        if not header.is_control:
            return BatchVerdict(self.transactions.is_aborted(header), keep_empty)
        ends_empty = header.base_offset not in self.transactions.markers_with_data
        horizon = delete_horizon_ms(header)
        drop = ends_empty and horizon is not None and horizon <= self.plan.now_ms
        return BatchVerdict(drop, keep_empty, ends_empty)


def _reader(plan: CleaningPlan, extent: SegmentExtent, disk: Disk) -> LogSegment:
    """A reader of its own for each segment: the log's objects belong to another thread."""
    segment = LogSegment(disk, plan.directory, extent.base_offset, plan.config.index_interval_bytes)
    segment.size = extent.size
    segment.created_ms = extent.created_ms
    return segment


def _groups(plan: CleaningPlan, end_offset: int, limit: int) -> Iterator[list[tuple[SegmentExtent, int]]]:
    """Neighbouring segments that fit into one, as (segment, offset at which the next one starts)."""
    config = plan.config
    group: list[tuple[SegmentExtent, int]] = []
    size = 0
    for extent, following in zip(plan.segments, plan.segments[1:], strict=False):
        if extent.base_offset >= min(end_offset, limit):
            break
        last_offset = following.base_offset - 1
        index_bytes = (size + extent.size) // max(config.index_interval_bytes, 1) * TimeIndex.entry_size
        if group and (
            size + extent.size > config.segment_bytes
            or index_bytes > config.segment_index_bytes
            or last_offset - group[0][0].base_offset > MAX_RELATIVE_OFFSET
        ):
            yield group
            group, size = [], 0
        group.append((extent, following.base_offset))
        size += extent.size
    if group:
        yield group


def _clean_group(
    cleaning: _Cleaning, group: list[tuple[SegmentExtent, int]], readers: list[LogSegment], result: CleaningResult
) -> None:
    plan, disk = cleaning.plan, cleaning.disk
    bases = [extent.base_offset for extent, _ in group]
    members = [reader for reader in readers if reader.base_offset in bases]
    created_ms = group[-1][0].created_ms
    target = LogSegment.create(
        disk, plan.directory, bases[0], plan.config.index_interval_bytes, created_ms, CLEANED_SUFFIX
    )
    cleaned = CleanedSegment(target, tuple(bases), tuple(extent.size for extent, _ in group), group[-1][1])
    result.cleaned.append(cleaned)
    removed, changed = 0, len(group) > 1
    kept_markers: set[int] = set()
    for member in members:
        for _, header, batch in member.batches():
            cleaning.pace()
            left = clean_batch(
                header,
                batch,
                cleaning.verdict(header),
                cleaning.offsets.is_latest,
                now_ms=plan.now_ms,
                delete_retention_ms=plan.config.delete_retention_ms,
            )
            if left is None:
                removed += header.record_count
                changed = True
                continue
            removed += left.removed
            changed = changed or left.data is not batch
            target.append((left.data,), len(left.data), header.last_offset, left.max_timestamp)
            if header.is_control and header.base_offset in cleaning.transactions.markers_with_data:
                kept_markers.add(header.base_offset)
        result.bytes_read += member.size
    result.records_removed += removed
    if not changed:
        result.cleaned.pop().discard(disk)
        return
    target.seal()
    clean_transaction_index(disk, plan.directory, bases, kept_markers)
    crash_point("before-cleaned-sync")
    target.sync(indexes=True)
    with suppress(OSError):
        # Retention of a log without timestamps goes by the file's age.
        os.utime(target.path, (created_ms / 1000, created_ms / 1000))
    result.bytes_written += target.size
    crash_point("after-cleaned-sync")
