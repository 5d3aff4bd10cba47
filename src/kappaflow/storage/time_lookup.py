"""Finding a record by its timestamp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kappaflow.storage.segment import LogSegment
from kappaflow.wire.record_batch import RecordBatchHeader, read_records

LATEST_TIMESTAMP = -1
EARLIEST_TIMESTAMP = -2
MAX_TIMESTAMP = -3


class OffsetAndTimestamp(NamedTuple):
    """A record's offset and timestamp; -1 as timestamp where only the offset was asked for."""

    offset: int
    timestamp: int
    leader_epoch: int = -1


def lookup_timestamp(
    segments: Sequence[LogSegment], timestamp: int, *, log_start_offset: int, log_end_offset: int
) -> OffsetAndTimestamp | None:
    """The first record at or after `timestamp`, or the end, start or newest record for -1, -2 and -3."""
    if timestamp == LATEST_TIMESTAMP:
        return OffsetAndTimestamp(log_end_offset, -1)
    if timestamp == EARLIEST_TIMESTAMP:
        return OffsetAndTimestamp(log_start_offset, -1)
    for segment in segments:
        segment.load_indexes()
    if timestamp == MAX_TIMESTAMP:
        newest = max(segments, key=lambda segment: segment.max_timestamp)
        if newest.max_timestamp < 0:
            return None
        return _search(newest, newest.max_timestamp, log_start_offset)
    for segment in segments:
        if segment.max_timestamp >= timestamp and (found := _search(segment, timestamp, log_start_offset)):
            return found
    return None


def _search(segment: LogSegment, timestamp: int, log_start_offset: int) -> OffsetAndTimestamp | None:
    start = max(segment.time_index.lookup(timestamp), log_start_offset)
    position = segment.position_of(start)
    if position is None:
        return None
    for _, header, batch in segment.batches(position):
        if header.max_timestamp < timestamp:
            continue
        found = _search_batch(header, batch, timestamp, log_start_offset)
        if found is not None:
            return found
    return None


def _search_batch(
    header: RecordBatchHeader, batch: memoryview, timestamp: int, log_start_offset: int
) -> OffsetAndTimestamp | None:
    if header.uses_log_append_time:
        return OffsetAndTimestamp(max(header.base_offset, log_start_offset), header.max_timestamp, header.leader_epoch)
    body = None
    if header.compression:
        from kappaflow.wire.compression import decompress

        body = decompress(header.compression, batch[61:])
    for record in read_records(batch, body=body):
        if record.timestamp >= timestamp and record.offset >= log_start_offset:
            return OffsetAndTimestamp(record.offset, record.timestamp, header.leader_epoch)
    return None
