"""Which part of a log compaction may work on now, and whether it is worth it.

    log start ... first dirty offset ... first uncleanable offset ... end
       cleaned before     cleanable         active segment, open transactions, too young

Source: https://kafka.apache.org/documentation/#compaction, KIP-58 (min lag), KIP-354 (max lag)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig


class SegmentExtent(NamedTuple):
    """A segment at the time of planning; size in bytes."""

    base_offset: int
    size: int
    created_ms: int


class LastRecord(NamedTuple):
    """Where an active producer wrote last: the last offset of its last batch, -1 where only markers are left."""

    epoch: int
    last_offset: int


@dataclass(frozen=True, slots=True)
class CleaningPlan:
    """One cleaning of one log; it holds no open file, so that any thread may do it.

    Attributes:
        directory: where the segments are.
        segments: all of them, the active one last.
        first_dirty_offset: everything before was cleaned earlier.
        first_uncleanable_offset: everything from here on stays as it is; starts a segment.
        config: the log's settings.
        now_ms: the time.
        producers: the last records of active producers, by producer id.
        dirty_ratio: share of the cleanable bytes in all bytes before the first uncleanable offset.
        is_overdue: whether max.compaction.lag.ms asks for it whatever the ratio.
    """

    directory: Path
    segments: tuple[SegmentExtent, ...]
    first_dirty_offset: int
    first_uncleanable_offset: int
    config: LogConfig
    now_ms: int
    producers: dict[int, LastRecord]
    dirty_ratio: float
    is_overdue: bool

    @property
    def is_due(self) -> bool:
        """Whether there is enough to clean."""
        return self.is_overdue or self.dirty_ratio > self.config.min_cleanable_dirty_ratio


def plan_cleaning(log: PartitionLog, clean_offset: int, now_ms: int) -> CleaningPlan | None:
    """What cleaning would do to a log; None where it is not compacted or nothing is cleanable.

    Args:
        log: the log; called by the thread that owns it.
        clean_offset: up to where it was cleaned before, 0 where never.
        now_ms: the time.
    """
    config = log.config
    if not config.compacts:
        return None
    segments = log.segments
    extents = tuple(SegmentExtent(each.base_offset, each.size, each.created_ms) for each in segments)
    first_dirty = clean_offset if log.log_start_offset <= clean_offset <= log.log_end_offset else log.log_start_offset
    limit = min(log.last_stable_offset, segments[-1].base_offset)
    end = first_dirty
    cleanable = clean = 0
    earliest_dirty_ms: int | None = None
    for slot, segment in enumerate(segments[:-1]):
        next_base = segments[slot + 1].base_offset
        if next_base > limit:
            break
        if next_base <= first_dirty:
            clean += segment.size
            continue
        segment.load_indexes()
        if config.min_compaction_lag_ms > 0 and segment.max_timestamp > now_ms - config.min_compaction_lag_ms:
            break
        cleanable += segment.size
        end = next_base
        if segment.size and earliest_dirty_ms is None:
            earliest_dirty_ms = segment.first_batch_timestamp()
    if not cleanable:
        return None
    overdue = earliest_dirty_ms is not None and now_ms - earliest_dirty_ms > config.max_compaction_lag_ms
    producers = {
        entry.producer_id: LastRecord(entry.epoch, entry.batches[-1].last_offset if entry.batches else -1)
        for entry in log.producers.producers()
    }
    return CleaningPlan(
        log.directory,
        extents,
        first_dirty,
        end,
        config,
        now_ms,
        producers,
        cleanable / (clean + cleanable),
        overdue,
    )
