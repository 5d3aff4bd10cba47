"""When a partition log starts its next segment."""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.segment import MAX_RELATIVE_OFFSET, LogSegment


class Incoming(NamedTuple):
    """A batch that is about to be appended."""

    size: int
    last_offset: int
    timestamp: int


def roll_is_due(active: LogSegment, incoming: Incoming, config: LogConfig, now_ms: int, log_name: str) -> bool:
    """Tell whether a batch belongs in a new segment: the active one is full, too old, or cannot hold its offsets.

    Args:
        log_name: topic and partition, by which the rolls of logs are spread over time.
    """
    if active.size == 0:
        return False
    first = active.first_timestamp
    if first is not None and first >= 0 and incoming.timestamp >= 0:
        waited_ms = incoming.timestamp - first
    else:
        waited_ms = now_ms - active.created_ms
    return (
        active.size + incoming.size > config.segment_bytes
        or waited_ms > config.roll_ms - _jitter_ms(active, config, log_name)
        or active.index_is_full(config.segment_index_bytes)
        or incoming.last_offset - active.base_offset > MAX_RELATIVE_OFFSET
    )


def _jitter_ms(segment: LogSegment, config: LogConfig, log_name: str) -> int:
    """What is taken off segment.ms, so that the logs of a topic do not all roll at once; the same for a segment."""
    most = min(config.segment_jitter_ms, config.segment_ms)
    return crc32(f"{log_name}-{segment.base_offset}".encode()) % most if most > 0 else 0
