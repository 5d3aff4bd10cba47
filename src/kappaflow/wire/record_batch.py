"""The record batch of Kafka's format version 2: its header, and batches built in plain Python.

    position  0 base offset          int64     27 base timestamp    int64
              8 length after here    int32     35 max timestamp     int64
             12 leader epoch         int32     43 producer id       int64
             16 magic (2)            int8      51 producer epoch    int16
             17 CRC-32C from 21 on   uint32    53 base sequence     int32
             21 attributes           int16     57 record count      int32
             23 last offset delta    int32     61 records

Base offset and leader epoch lie before what the CRC covers: a broker sets them without touching the rest.
Brokers read only the header; `build_batch` and `read_records` serve small internal topics and tests.

Source: https://kafka.apache.org/documentation/#recordbatch
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple, TypeAlias

from crc32c import crc32c

from kappaflow.errors import CorruptRecordError

ByteBuffer: TypeAlias = bytes | bytearray | memoryview

HEADER = Struct(">qiibIhiqqqhii")
HEADER_SIZE = HEADER.size
LOG_OVERHEAD = 12
CRC_START = 21
MAGIC = 2
MAGIC_OFFSET = 16

NO_PRODUCER_ID = -1
NO_PRODUCER_EPOCH = -1
NO_SEQUENCE = -1
NO_LEADER_EPOCH = -1

COMPRESSION_MASK = 0x07
LOG_APPEND_TIME_BIT = 0x08
TRANSACTIONAL_BIT = 0x10
CONTROL_BIT = 0x20
DELETE_HORIZON_BIT = 0x40
COMPRESSION_NAMES = ("none", "gzip", "snappy", "lz4", "zstd")

_OFFSET_LENGTH = Struct(">qi")
_PREFIX = Struct(">qii")
_CRC = Struct(">I")


class RecordBatchHeader(NamedTuple):
    """The fixed 61 bytes of a batch; timestamps in milliseconds, sizes in bytes."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return self.length + LOG_OVERHEAD

    @property
    def last_offset(self) -> int:
        """Offset of the last record."""
        return self.base_offset + self.last_offset_delta

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record; sequences go from 2^31-1 back to 0."""
        if self.base_sequence == NO_SEQUENCE:
            return NO_SEQUENCE
        return (self.base_sequence + self.last_offset_delta) & 0x7FFFFFFF

    @property
    def compression(self) -> int:
        """Codec number: an index of `COMPRESSION_NAMES` where it is known."""
        return self.attributes & COMPRESSION_MASK

    @property
    def is_control(self) -> bool:
        """Whether it holds a transaction marker instead of data."""
        return bool(self.attributes & CONTROL_BIT)

    @property
    def is_transactional(self) -> bool:
        """Whether it belongs to a transaction."""
        return bool(self.attributes & TRANSACTIONAL_BIT)

    @property
    def uses_log_append_time(self) -> bool:
        """Whether `max_timestamp` is the broker's time and holds for every record."""
        return bool(self.attributes & LOG_APPEND_TIME_BIT)


def parse_header(buffer: ByteBuffer, position: int = 0) -> RecordBatchHeader:
    """Read the header at `position`.

    Raises:
        CorruptRecordError: fewer than 61 bytes are left, or the header contradicts itself.
    """
    if len(buffer) - position < HEADER_SIZE:
        raise CorruptRecordError(
            f"a record batch needs a header of {HEADER_SIZE} bytes, {len(buffer) - position} are left"
        )
    header = RecordBatchHeader._make(HEADER.unpack_from(buffer, position))
    if header.magic != MAGIC:
        raise CorruptRecordError(f"record batch format {header.magic} is not supported; only format {MAGIC} is")
    if header.length < HEADER_SIZE - LOG_OVERHEAD:
        raise CorruptRecordError(f"record batch length {header.length} is smaller than its header")
    if header.last_offset_delta < 0 or header.record_count < 0:
        raise CorruptRecordError(
            f"record batch has last offset delta {header.last_offset_delta} and {header.record_count} records"
        )
    return header


def iterate_headers(buffer: ByteBuffer) -> Iterator[tuple[int, RecordBatchHeader]]:
    """Yield (position, header) of every whole batch; a cut batch at the end is left out.

    Raises:
        CorruptRecordError: a header contradicts itself.
    """
    position = 0
    end = len(buffer)
    while end - position >= HEADER_SIZE:
        header = parse_header(buffer, position)
        if position + header.size > end:
            return
        yield position, header
        position += header.size


def batch_extent(buffer: ByteBuffer, position: int) -> tuple[int, int]:
    """(base offset, size in bytes) of the batch at `position`; reads 12 bytes and checks nothing."""
    base_offset, length = _OFFSET_LENGTH.unpack_from(buffer, position)
    return base_offset, length + LOG_OVERHEAD


def crc_is_valid(buffer: ByteBuffer, position: int, header: RecordBatchHeader) -> bool:
    """Whether the batch's bytes have the CRC that its header states."""
    view = memoryview(buffer)[position + CRC_START : position + header.size]
    return crc32c(view) == header.crc


def pack_prefix(base_offset: int, length: int, leader_epoch: int) -> bytes:
    """The first 16 bytes of a batch: all that a broker sets when it appends."""
    return _PREFIX.pack(base_offset, length, leader_epoch)


def stamp_log_append_time(
    header: RecordBatchHeader, records: ByteBuffer, base_offset: int, leader_epoch: int, timestamp_ms: int
) -> bytes:
    """The 61 header bytes of the batch with the broker's time as time of all records, and its new CRC.

    Args:
        header: the header as the producer sent it.
        records: the bytes after the header.
        base_offset: the offset given by the broker.
        leader_epoch: the epoch of the partition's leader.
        timestamp_ms: the broker's time.
    """
    packed = bytearray(
        HEADER.pack(
            base_offset,
            header.length,
            leader_epoch,
            MAGIC,
            0,
            header.attributes | LOG_APPEND_TIME_BIT,
            header.last_offset_delta,
            header.base_timestamp,
            timestamp_ms,
            *header[9:],
        )
    )
    _CRC.pack_into(packed, 17, crc32c(records, crc32c(memoryview(packed)[CRC_START:])))
    return bytes(packed)


def pack_batch(header: RecordBatchHeader, body: ByteBuffer) -> bytes:
    """A batch with other records under its header; length and CRC are made anew.

    Args:
        header: what it states otherwise.
        body: the records, compressed as the header says.
    """
    packed = bytearray(HEADER.pack(*header._replace(length=HEADER_SIZE - LOG_OVERHEAD + len(body), crc=0)))
    packed += body
    _CRC.pack_into(packed, 17, crc32c(memoryview(packed)[CRC_START:]))
    return bytes(packed)


class BatchRecord(NamedTuple):
    """One record of a batch, whole; null keys and values are None."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def build_batch(
    records: Sequence[tuple[bytes | None, bytes | None]],
    *,
    timestamp_ms: int | Sequence[int],
    base_offset: int = 0,
    leader_epoch: int = NO_LEADER_EPOCH,
    attributes: int = 0,
    producer_id: int = NO_PRODUCER_ID,
    producer_epoch: int = NO_PRODUCER_EPOCH,
    base_sequence: int = NO_SEQUENCE,
    headers: Sequence[tuple[str, bytes | None]] = (),
) -> bytes:
    """Build an uncompressed batch.

    Args:
        records: (key, value) pairs, at least one.
        timestamp_ms: one time for all records, or one each.
        base_offset: offset of the first record.
        leader_epoch: epoch of the partition's leader.
        attributes: `TRANSACTIONAL_BIT`, `CONTROL_BIT`, `LOG_APPEND_TIME_BIT`.
        producer_id: of an idempotent producer.
        producer_epoch: of an idempotent producer.
        base_sequence: of an idempotent producer.
        headers: the same headers for every record.
    """
    times = [timestamp_ms] * len(records) if isinstance(timestamp_ms, int) else list(timestamp_ms)
    base_timestamp = times[0]
    body = bytearray()
    for delta, ((key, value), time) in enumerate(zip(records, times, strict=True)):
        record = bytearray(b"\0")
        _put_varint(record, time - base_timestamp)
        _put_varint(record, delta)
        _put_bytes(record, key)
        _put_bytes(record, value)
        _put_varint(record, len(headers))
        for name, header_value in headers:
            _put_bytes(record, name.encode())
            _put_bytes(record, header_value)
        _put_varint(body, len(record))
        body += record
    batch = bytearray(
        HEADER.pack(
            base_offset,
            HEADER_SIZE - LOG_OVERHEAD + len(body),
            leader_epoch,
            MAGIC,
            0,
            attributes,
            len(records) - 1,
            base_timestamp,
            max(times),
            producer_id,
            producer_epoch,
            base_sequence,
            len(records),
        )
    )
    batch += body
    _CRC.pack_into(batch, 17, crc32c(memoryview(batch)[CRC_START:]))
    return bytes(batch)


def read_records(batch: ByteBuffer, position: int = 0, body: ByteBuffer | None = None) -> Iterator[BatchRecord]:
    """Yield the records of one batch.

    Args:
        batch: the buffer that holds the batch.
        position: where the batch starts.
        body: the decompressed records; needed where the batch is compressed.

    Raises:
        CorruptRecordError: the records do not fit their lengths, or are compressed and `body` is missing.
    """
    header = parse_header(batch, position)
    if body is None:
        if header.compression:
            raise CorruptRecordError("the records of this batch are compressed: decompress them first")
        body = memoryview(batch)[position + HEADER_SIZE : position + header.size]
    data = bytes(body)
    at = 0
    for _ in range(header.record_count):
        try:
            record, at = _read_record(data, at, header)
        except (IndexError, UnicodeDecodeError) as error:
            raise CorruptRecordError(f"a record of the batch at offset {header.base_offset} is cut") from error
        yield record


def _read_record(data: bytes, at: int, header: RecordBatchHeader) -> tuple[BatchRecord, int]:
    length, at = _get_varint(data, at)
    end = at + length
    if length < 0 or end > len(data):
        raise IndexError
    timestamp_delta, at = _get_varint(data, at + 1)
    offset_delta, at = _get_varint(data, at)
    key, at = _get_bytes(data, at)
    value, at = _get_bytes(data, at)
    count, at = _get_varint(data, at)
    headers: list[tuple[str, bytes | None]] = []
    for _ in range(count):
        name, at = _get_bytes(data, at)
        header_value, at = _get_bytes(data, at)
        headers.append(((name or b"").decode(), header_value))
    if at != end:
        raise IndexError
    timestamp = header.max_timestamp if header.uses_log_append_time else header.base_timestamp + timestamp_delta
    return BatchRecord(header.base_offset + offset_delta, timestamp, key, value, tuple(headers)), end


def _put_varint(out: bytearray, number: int) -> None:
    """Append a zigzag varint."""
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)


def _put_bytes(out: bytearray, data: bytes | None) -> None:
    if data is None:
        _put_varint(out, -1)
    else:
        _put_varint(out, len(data))
        out += data


def _get_varint(data: bytes, at: int) -> tuple[int, int]:
    shift = result = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (result >> 1) ^ -(result & 1), at
        shift += 7
        if shift > 63:
            raise IndexError


def _get_bytes(data: bytes, at: int) -> tuple[bytes | None, int]:
    length, at = _get_varint(data, at)
    if length < 0:
        return None, at
    end = at + length
    if end > len(data):
        raise IndexError
    return data[at:end], end
