"""Which segments a partition log may delete."""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.segment import LogSegment


def expired_segments(segments: Sequence[LogSegment], config: LogConfig, now_ms: int) -> int:
    """How many of the oldest segments are past retention.ms or beyond retention.bytes.

    A segment's age is that of its newest record, not of its file. The active segment may be among them: the caller
    rolls first. An empty active segment never is.
    """
    by_size = _beyond_size(segments, config.retention_bytes)
    count = 0
    for slot, segment in enumerate(segments):
        if segment.size == 0 and slot == len(segments) - 1:
            break
        if slot >= by_size and not _too_old(segment, config.retention_ms, now_ms):
            break
        count += 1
    return count


def _beyond_size(segments: Sequence[LogSegment], retention_bytes: int) -> int:
    if retention_bytes < 0:
        return 0
    excess = sum(segment.size for segment in segments) - retention_bytes
    count = 0
    for segment in segments:
        if excess < segment.size or segment.size == 0:
            break
        excess -= segment.size
        count += 1
    return count


def _too_old(segment: LogSegment, retention_ms: int, now_ms: int) -> bool:
    if retention_ms < 0:
        return False
    segment.load_indexes()
    newest = segment.max_timestamp if segment.max_timestamp >= 0 else segment.created_ms
    return now_ms - newest > retention_ms
