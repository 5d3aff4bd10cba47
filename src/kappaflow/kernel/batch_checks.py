"""Batches of a segment in bulk, for its recovery; twin of the native checks.

Source: https://kafka.apache.org/documentation/#recordbatch, KIP-98
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from kappaflow.errors import CorruptRecordError
from kappaflow.kernel.checked_batches import CheckedBatches
from kappaflow.wire.record_batch import HEADER_SIZE, RecordBatchHeader, crc_is_valid, parse_header

MAX_RELATIVE_OFFSET = 2**31 - 1
_MAX_INT64 = 2**63 - 1
_BATCHES_KEPT = 5


def check_batches(
    buffer: bytes,
    *,
    base_offset: int,
    next_offset: int,
    index_interval_bytes: int,
    bytes_since_entry: int,
    largest: tuple[int, int],
) -> CheckedBatches:
    """Check batches up to the first bad or incomplete one: header, CRC, offsets that go upwards and fit the segment.

    Args:
        buffer: bytes of the segment, from the start of a batch on.
        base_offset: the segment's.
        next_offset: the smallest offset that the first batch may have.
        index_interval_bytes: an index entry is due after more bytes than these.
        bytes_since_entry: bytes of batches before the buffer and after the last index entry.
        largest: the largest timestamp before the buffer (ms), and its offset.
    """
    at = 0
    first_timestamp: int | None = None
    entries: list[tuple[int, int, int, int]] = []
    epochs: list[tuple[int, int]] = []
    is_bad = False
    for header in _headers(buffer):
        if header is None or not _is_good(buffer, at, header, base_offset, next_offset):
            is_bad = True
            break
        if header.max_timestamp > largest[0]:
            largest = (header.max_timestamp, header.last_offset)
        if first_timestamp is None:
            first_timestamp = header.max_timestamp
        if bytes_since_entry > index_interval_bytes:
            entries.append((header.last_offset, at, *largest))
            bytes_since_entry = 0
        bytes_since_entry += header.size
        if not epochs or epochs[-1][0] != header.leader_epoch:
            epochs.append((header.leader_epoch, header.base_offset))
        next_offset = header.last_offset + 1
        at += header.size
    return CheckedBatches(at, is_bad, next_offset, bytes_since_entry, largest, first_timestamp, entries, epochs)


def producer_batches(buffer: bytes) -> tuple[list[int], int, bool]:
    """Which batches producer state depends on: to account for these alone leaves it as all of them would.

    Of each producer these are its control batches, those that change its epoch or may open a transaction, and its last
    five with data.

    Returns:
        (their positions, ascending; the bytes of whole batches that were walked; whether a header contradicts itself
        behind them).
    """
    epochs: dict[int, int] = {}
    in_transaction: set[int] = set()
    last: dict[int, deque[int]] = {}
    positions: set[int] = set()
    at = 0
    for header in _headers(buffer):
        if header is None:
            return _with_last(positions, last), at, True
        producer = header.producer_id
        if producer >= 0:
            opens = header.is_transactional and producer not in in_transaction
            if header.is_control or opens or epochs.get(producer) != header.producer_epoch:
                positions.add(at)
            epochs[producer] = header.producer_epoch
            if header.is_control:
                in_transaction.discard(producer)
            else:
                if opens:
                    in_transaction.add(producer)
                last.setdefault(producer, deque(maxlen=_BATCHES_KEPT)).append(at)
        at += header.size
    return _with_last(positions, last), at, False


def _with_last(positions: set[int], last: dict[int, deque[int]]) -> list[int]:
    return sorted(positions.union(*last.values()))


def _headers(buffer: bytes) -> Iterator[RecordBatchHeader | None]:
    """The headers of whole batches; None, as the last, for one that contradicts itself."""
    at = 0
    while len(buffer) - at >= HEADER_SIZE:
        try:
            header = parse_header(buffer, at)
        except CorruptRecordError:
            yield None
            return
        if at + header.size > len(buffer):
            return
        yield header
        at += header.size


def _is_good(buffer: bytes, at: int, header: RecordBatchHeader, base_offset: int, next_offset: int) -> bool:
    return (
        next_offset <= header.base_offset
        and header.last_offset <= _MAX_INT64
        and header.last_offset - base_offset <= MAX_RELATIVE_OFFSET
        and crc_is_valid(buffer, at, header)
    )
