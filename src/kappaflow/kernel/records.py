"""Fetched bytes to columns: the twin that defines `decode_records`.

    buffer -> whole batches -> header, CRC -> control or aborted? skip -> records -> columns

A batch is taken or refused as a whole: every record is read to its last byte and nothing may be left over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from crc32c import crc32c

from kappaflow.errors import CorruptRecordError
from kappaflow.kernel.codecs import CodecError, decompress
from kappaflow.kernel.record_columns import RecordColumns, RecordError
from kappaflow.wire.record_batch import CRC_START, HEADER, HEADER_SIZE, LOG_OVERHEAD, MAGIC, RecordBatchHeader

Buffer = bytes | bytearray | memoryview
Headers = list[tuple[str, bytes | None]]


class _Malformed(Exception):
    """The bytes are not a record."""


@dataclass(slots=True)
class _Rows:
    offset: list[int] = field(default_factory=list)
    timestamp: list[int] = field(default_factory=list)
    key: list[bytes | None] = field(default_factory=list)
    value: list[bytes | None] = field(default_factory=list)
    headers: list[Headers] = field(default_factory=list)


def decode_records(
    buffer: Buffer,
    *,
    fetch_offset: int = 0,
    check_crc: bool = True,
    read_committed: bool = False,
    aborted: Sequence[tuple[int, int]] = (),
    with_headers: bool = False,
) -> RecordColumns:
    """Read all whole record batches of a Fetch response; a batch cut off at the end is left out.

    Args:
        buffer: the records of one partition as fetched; kept alive by columns of more than short bytes.
        fetch_offset: records below it are dropped (a batch may start earlier).
        check_crc: refuse a batch whose CRC is wrong.
        read_committed: drop the records of aborted transactions.
        aborted: (producer id, first offset) of the response's aborted transactions.
        with_headers: also give the headers.

    Returns:
        The records, without control batches; see `RecordColumns`.  Bad bytes are never an exception.
    """
    data = bytes(buffer)
    rows = _Rows()
    pending = deque(sorted((first, producer) for producer, first in aborted))
    aborted_producers: set[int] = set()
    next_offset = fetch_offset
    position = 0
    error: RecordError | None = None
    while len(data) - position >= LOG_OVERHEAD:
        try:
            header = _read_header(data, position, check_crc)
            if header is None:
                break
            batch = _Rows()
            if header.is_control:
                if read_committed and header.producer_id >= 0:
                    _take_up(pending, aborted_producers, header)
                if read_committed and _is_abort(data[position + HEADER_SIZE : position + header.size]):
                    aborted_producers.discard(header.producer_id)
            elif not (read_committed and _is_aborted(pending, aborted_producers, header)):
                _read_batch(data[position + HEADER_SIZE : position + header.size], header, fetch_offset, batch)
        except (CorruptRecordError, CodecError) as refusal:
            error = RecordError(position, str(refusal))
            break
        for name in ("offset", "timestamp", "key", "value", "headers"):
            getattr(rows, name).extend(getattr(batch, name))
        next_offset = max(next_offset, _wrap64(header.last_offset + 1))
        position += header.size
    return _columns(rows, next_offset, error, with_headers)


def _columns(rows: _Rows, next_offset: int, error: RecordError | None, with_headers: bool) -> RecordColumns:
    import pyarrow as pa

    pair = pa.struct([pa.field("key", pa.string(), nullable=False), pa.field("value", pa.binary())])
    headers = None
    if with_headers:
        structs = [[{"key": key, "value": value} for key, value in row] for row in rows.headers]
        headers = pa.array(structs, pa.list_(pa.field("item", pair, nullable=False)))
    return RecordColumns(
        offset=np.array(rows.offset, np.int64),
        timestamp=np.array(rows.timestamp, np.int64),
        key=pa.array(rows.key, pa.binary_view()),
        value=pa.array(rows.value, pa.binary_view()),
        headers=headers,
        next_offset=next_offset,
        error=error,
    )


def _read_header(data: bytes, position: int, check_crc: bool) -> RecordBatchHeader | None:
    length = int.from_bytes(data[position + 8 : position + 12], "big", signed=True)
    if length < HEADER_SIZE - LOG_OVERHEAD:
        raise CorruptRecordError(f"the batch claims a length of {length} bytes, fewer than its header has")
    if position + LOG_OVERHEAD + length > len(data):
        return None
    header = RecordBatchHeader._make(HEADER.unpack_from(data, position))
    if header.magic != MAGIC:
        raise CorruptRecordError(f"the message format is {header.magic}, only format 2 can be read")
    if check_crc:
        actual = crc32c(memoryview(data)[position + CRC_START : position + header.size])
        if actual != header.crc:
            raise CorruptRecordError(f"the CRC is {actual:08x}, the batch says {header.crc:08x}")
    if header.record_count < 0 or header.last_offset_delta < 0:
        raise CorruptRecordError("the record count or the last offset delta is negative")
    return header


def _take_up(pending: deque[tuple[int, int]], producers: set[int], header: RecordBatchHeader) -> None:
    """Take in the aborted transactions that start up to the end of this batch."""
    while pending and pending[0][0] <= header.last_offset:
        producers.add(pending.popleft()[1])


def _is_aborted(pending: deque[tuple[int, int]], producers: set[int], header: RecordBatchHeader) -> bool:
    if header.producer_id < 0:
        return False
    _take_up(pending, producers, header)
    return header.is_transactional and header.producer_id in producers


def _is_abort(body: bytes) -> bool:
    """Whether a control batch is an abort marker: its key is a version and a type, both int16; type 0 aborts."""
    try:
        key = read_record(body, 0)[2]
    except _Malformed:
        key = None
    if key is None or len(key) < 4:
        raise CorruptRecordError("the control batch holds no marker")
    return key[2:4] == b"\0\0"


def _read_batch(body: bytes, header: RecordBatchHeader, fetch_offset: int, rows: _Rows) -> None:
    if header.compression:
        body = decompress(header.compression, body)
    at = 0
    for index in range(header.record_count):
        try:
            timestamp_delta, offset_delta, key, value, headers, at = read_record(body, at)
        except _Malformed:
            raise CorruptRecordError(
                f"record {index} of the batch at offset {header.base_offset} is malformed"
            ) from None
        offset = _wrap64(header.base_offset + offset_delta)
        if offset < fetch_offset:
            continue
        timestamp = header.max_timestamp
        if not header.uses_log_append_time:
            timestamp = _wrap64(header.base_timestamp + timestamp_delta)
        rows.offset.append(offset)
        rows.timestamp.append(timestamp)
        rows.key.append(key)
        rows.value.append(value)
        rows.headers.append(headers)
    if at != len(body):
        raise CorruptRecordError(
            f"{len(body) - at} bytes follow the last record of the batch at offset {header.base_offset}"
        )


def read_record(body: bytes, at: int) -> tuple[int, int, bytes | None, bytes | None, Headers, int]:
    """Read one record: timestamp delta, offset delta, key, value, headers, and where the next record starts."""
    size, at = _read_varint(body, at, 5)
    end = at + size
    if size < 1 or end > len(body):
        raise _Malformed
    record = body[:end]
    timestamp_delta, at = _read_varint(record, at + 1, 10)
    offset_delta, at = _read_varint(record, at, 5)
    key, at = _read_field(record, at)
    value, at = _read_field(record, at)
    count, at = _read_varint(record, at, 5)
    if count < 0 or count > end - at:
        raise _Malformed
    headers: Headers = []
    for _ in range(count):
        name, at = _read_field(record, at)
        if name is None:
            raise _Malformed
        header_value, at = _read_field(record, at)
        headers.append((name.decode(errors="replace"), header_value))
    if at != end:
        raise _Malformed
    return timestamp_delta, offset_delta, key, value, headers, end


def _read_field(record: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = _read_varint(record, at, 5)
    if length < 0:
        return None, at
    end = at + length
    if end > len(record):
        raise _Malformed
    return record[at:end], end


def _read_varint(data: bytes, at: int, most_bytes: int) -> tuple[int, int]:
    """Read a zigzag varint; bits beyond 32 (of 5 bytes) or 64 (of 10) are dropped, as Kafka drops them."""
    raw = 0
    for step in range(most_bytes):
        if at >= len(data):
            raise _Malformed
        byte = data[at]
        at += 1
        raw |= (byte & 0x7F) << (7 * step)
        if byte < 0x80:
            raw &= 0xFFFFFFFF if most_bytes == 5 else 0xFFFFFFFFFFFFFFFF
            return (raw >> 1) ^ -(raw & 1), at
    raise _Malformed


def _wrap64(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63
