"""Where the records of one batch lie, with what compaction must know of each: key, tombstone or not, times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kappaflow.errors import CorruptRecordError
from kappaflow.wire.compression import decompress
from kappaflow.wire.record_batch import HEADER_SIZE, ByteBuffer, RecordBatchHeader


class RecordExtent(NamedTuple):
    """One record of a batch.

    Attributes:
        start: where it starts in the batch's body, its length included.
        end: where it ends.
        attributes_end: where its timestamp delta starts.
        timestamp_delta: milliseconds after the batch's base timestamp.
        offset_end: where the bytes after the timestamp delta start.
        offset_delta: offsets after the batch's base offset.
        key: its key, None where it has none.
        has_value: whether its value is not null.
    """

    start: int
    end: int
    attributes_end: int
    timestamp_delta: int
    offset_end: int
    offset_delta: int
    key: bytes | None
    has_value: bool


def batch_body(header: RecordBatchHeader, batch: ByteBuffer) -> bytes:
    """The records of a whole batch, decompressed.

    Raises:
        CorruptRecordError: they cannot be decompressed.
    """
    return decompress(header.compression, memoryview(batch)[HEADER_SIZE : header.size])


def record_extents(header: RecordBatchHeader, body: bytes) -> Iterator[RecordExtent]:
    """Yield the records of a decompressed body.

    Raises:
        CorruptRecordError: the records do not fit their lengths.
    """
    position = 0
    try:
        for _ in range(header.record_count):
            length, at = read_varint(body, position)
            end = at + length
            if length < 0 or end > len(body):
                raise IndexError
            attributes_end = at + 1
            timestamp_delta, offset_start = read_varint(body, attributes_end)
            offset_delta, at = read_varint(body, offset_start)
            key_length, at = read_varint(body, at)
            key = None
            if key_length >= 0:
                key = body[at : at + key_length]
                at += key_length
            value_length, at = read_varint(body, at)
            if at + max(value_length, 0) > end:
                raise IndexError
            yield RecordExtent(
                position, end, attributes_end, timestamp_delta, offset_start, offset_delta, key, value_length >= 0
            )
            position = end
    except IndexError:
        raise CorruptRecordError(f"a record of the batch at offset {header.base_offset} is cut") from None


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, position after it) of the zigzag varint at `at`.

    Raises:
        IndexError: it is cut, or longer than ten bytes.
    """
    byte = data[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    result, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = data[at]
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (result >> 1) ^ -(result & 1), at + 1
        shift += 7
        if shift > 63:
            raise IndexError


def varint(number: int) -> bytes:
    """A number as zigzag varint.

    >>> varint(-1), varint(300)
    (b'\\x01', b'\\xd8\\x04')
    """
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def records_without_key(header: RecordBatchHeader, batch: ByteBuffer) -> list[int]:
    """The indexes in their batch of the records that have no key.

    Raises:
        CorruptRecordError: the records cannot be read.
    """
    extents = record_extents(header, batch_body(header, batch))
    return [index for index, extent in enumerate(extents) if extent.key is None]
