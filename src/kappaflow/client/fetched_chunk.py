"""What a fetch brings of one partition: whole record batches as bytes, with what is needed to read them."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from kappaflow.client.topic_partition import TopicPartition

_OFFSET_LENGTH = Struct(">qi")
_LAST_OFFSET_DELTA = Struct(">i")
_HEADER_SIZE = 61
_LOG_OVERHEAD = 12


class AbortedTransaction(NamedTuple):
    """A transaction whose batches in a chunk are to be skipped, from an offset on until its abort marker."""

    producer_id: int
    first_offset: int


class FetchedChunk(NamedTuple):
    """What one fetch returned for one partition.

    Attributes:
        partition: where it is from.
        fetch_offset: the offset that was asked for; the first batch may begin before it.
        next_offset: the offset after the last whole batch.
        records: record batches; the last one may be cut and is then fetched again.
        high_watermark: the end of what is replicated.
        last_stable_offset: the end of what is decided, with ``read_committed``.
        aborted: aborted transactions within the records.
    """

    partition: TopicPartition
    fetch_offset: int
    next_offset: int
    records: bytes
    high_watermark: int
    last_stable_offset: int
    aborted: tuple[AbortedTransaction, ...] = ()


def next_offset_after(records: bytes) -> int | None:
    """The offset after the last whole batch, or None where there is none."""
    position, size, last = 0, len(records), -1
    while position + _HEADER_SIZE <= size:
        length = _OFFSET_LENGTH.unpack_from(records, position)[1]
        if position + _LOG_OVERHEAD + length > size:
            break
        last = position
        position += _LOG_OVERHEAD + length
    if last < 0:
        return None
    return _OFFSET_LENGTH.unpack_from(records, last)[0] + _LAST_OFFSET_DELTA.unpack_from(records, last + 23)[0] + 1
