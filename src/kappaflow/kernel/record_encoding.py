"""Columns to record batches: the twin that defines `encode_records` and `restamp`."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from crc32c import crc32c

from kappaflow.kernel.codecs import compress
from kappaflow.kernel.partitioner import murmur2
from kappaflow.kernel.record_columns import (
    MAX_BATCH_BYTES,
    ArrowArray,
    EncodedBatch,
    EncodedRecords,
    Int64s,
    codec_number,
)
from kappaflow.wire.record_batch import (
    CRC_START,
    HEADER,
    HEADER_SIZE,
    LOG_OVERHEAD,
    MAGIC,
    NO_LEADER_EPOCH,
    TRANSACTIONAL_BIT,
)

_CRC = struct.Struct(">I")
_PRODUCER = struct.Struct(">qhi")


@dataclass(slots=True)
class _Stamp:
    codec: int
    transactional: bool
    producer_id: int
    producer_epoch: int
    base_sequence: int
    max_batch_bytes: int


@dataclass(slots=True)
class _Open:
    """The open batch of a partition, and those already closed."""

    sequence: int
    body: bytearray = field(default_factory=bytearray)
    rows: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    closed: list[EncodedBatch] = field(default_factory=list)

    def close(self, stamp: _Stamp) -> None:
        if not self.rows:
            return
        count = len(self.rows)
        packed = compress(stamp.codec, bytes(self.body))
        batch = bytearray(
            HEADER.pack(
                0,
                HEADER_SIZE - LOG_OVERHEAD + len(packed),
                NO_LEADER_EPOCH,
                MAGIC,
                0,
                stamp.codec | (TRANSACTIONAL_BIT if stamp.transactional else 0),
                count - 1,
                self.timestamps[0],
                max(self.timestamps),
                stamp.producer_id,
                stamp.producer_epoch,
                self.sequence,
                count,
            )
        )
        batch += packed
        _seal(batch)
        if self.sequence >= 0:
            self.sequence = (self.sequence + count) & 0x7FFFFFFF
        self.closed.append(EncodedBatch(bytes(batch), count, np.array(self.rows, np.int64)))
        self.body, self.rows, self.timestamps = bytearray(), [], []


def encode_records(
    key: ArrowArray,
    value: ArrowArray,
    timestamp: Int64s,
    *,
    headers: ArrowArray | None = None,
    codec: str = "none",
    partition: Int64s | None = None,
    partitions: int = 1,
    sticky_partition: int = 0,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    transactional: bool = False,
    max_batch_bytes: int = MAX_BATCH_BYTES,
) -> EncodedRecords:
    """Write rows as record batches, by partition.

    Args:
        key: Arrow binary or string of any layout; null is a record without key.
        value: likewise; null is a tombstone.
        timestamp: int64, milliseconds since the epoch.
        headers: Arrow list<struct<key: string, value: binary>>; a null list is no headers.
        codec: none, gzip, snappy, lz4 or zstd.
        partition: the partition of each row; None takes ``murmur2(key) & 0x7fffffff % partitions``, and keeps
            rows without key on one partition until a batch's worth of bytes went there.
        partitions: how many the topic has.
        sticky_partition: where rows without key go first; pass on `EncodedRecords.sticky_partition`.
        producer_id, producer_epoch, base_sequence: of an idempotent producer; the sequence counts on per partition.
        transactional: mark the batches as part of a transaction.
        max_batch_bytes: a batch is closed before the row that would exceed it, counted before compression; one
            row alone may be larger.

    Raises:
        UsageError: the codec is not known.
        ValueError: columns differ in length, or a partition is out of range.
    """
    stamp = _Stamp(codec_number(codec), transactional, producer_id, producer_epoch, base_sequence, max_batch_bytes)
    keys, values, times = key.to_pylist(), value.to_pylist(), np.asarray(timestamp, np.int64).tolist()
    given = None if partition is None else np.asarray(partition, np.int64).tolist()
    header_rows = None if headers is None else headers.to_pylist()
    columns = [keys, values, given, header_rows]
    if partitions < 1 or any(column is not None and len(column) != len(times) for column in columns):
        raise ValueError("columns must have the same length, and at least one partition is needed")
    open_batches = [_Open(base_sequence) for _ in range(partitions)]
    sticky, sticky_bytes, sticky_used = sticky_partition % partitions, 0, False
    for row, time in enumerate(times):
        row_key = _as_bytes(keys[row])
        sticks = given is None and row_key is None
        if given is not None:
            target = given[row]
        else:
            target = sticky if row_key is None else (murmur2(row_key) & 0x7FFFFFFF) % partitions
        if not 0 <= target < partitions:
            raise ValueError(f"row {row} names partition {target}, of {partitions}")
        tail = _field(row_key) + _field(_as_bytes(values[row])) + _headers(header_rows[row] if header_rows else None)
        written = _append(open_batches[target], row, time, tail, stamp)
        if sticks:
            sticky_used, sticky_bytes = True, sticky_bytes + written
            if sticky_bytes >= max_batch_bytes:
                sticky, sticky_bytes, sticky_used = (sticky + 1) % partitions, 0, False
    for batch in open_batches:
        batch.close(stamp)
    return EncodedRecords(
        {number: batch.closed for number, batch in enumerate(open_batches) if batch.closed},
        (sticky + 1) % partitions if sticky_used else sticky,
    )


def restamp(
    batch: bytes,
    *,
    producer_id: int,
    producer_epoch: int,
    base_sequence: int,
    transactional: bool | None = None,
) -> bytes:
    """Give a batch the identity of an idempotent producer, and the CRC that goes with it.

    Args:
        batch: one whole batch.
        producer_id, producer_epoch, base_sequence: the identity; -1 each for none.
        transactional: set or clear the transactional bit; None leaves it.

    Raises:
        ValueError: it is shorter than a batch header.
    """
    if len(batch) < HEADER_SIZE:
        raise ValueError("a record batch has at least 61 bytes")
    stamped = bytearray(batch)
    _PRODUCER.pack_into(stamped, 43, producer_id, producer_epoch, base_sequence)
    if transactional is not None:
        stamped[22] = stamped[22] & ~TRANSACTIONAL_BIT | (TRANSACTIONAL_BIT if transactional else 0)
    _seal(stamped)
    return bytes(stamped)


def _seal(batch: bytearray) -> None:
    struct.pack_into(">i", batch, 8, len(batch) - LOG_OVERHEAD)
    _CRC.pack_into(batch, 17, crc32c(memoryview(batch)[CRC_START:]))


def _append(target: _Open, row: int, time: int, tail: bytes, stamp: _Stamp) -> int:
    """Append a row, closing the open batch first where it would exceed the limit; gives the bytes written."""
    record = _record(target, time, tail)
    if target.rows and HEADER_SIZE + len(target.body) + len(record) > stamp.max_batch_bytes:
        target.close(stamp)
        record = _record(target, time, tail)
    target.body += record
    target.rows.append(row)
    target.timestamps.append(time)
    return len(record)


def _record(target: _Open, time: int, tail: bytes) -> bytes:
    base = target.timestamps[0] if target.timestamps else time
    delta = (time - base + 2**63) % 2**64 - 2**63
    record = b"\0" + varint(delta) + varint(len(target.rows)) + tail
    return varint(len(record)) + record


def _field(data: bytes | None) -> bytes:
    return varint(-1) if data is None else varint(len(data)) + data


def _headers(row: list[dict[str, bytes | str | None]] | None) -> bytes:
    pairs = [tuple(pair.values()) for pair in row or ()]
    return varint(len(pairs)) + b"".join(
        _field(_as_bytes(key) or b"") + _field(_as_bytes(value)) for key, value in pairs
    )


def _as_bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def varint(number: int) -> bytes:
    """A signed number as zigzag varint."""
    raw = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while raw >= 0x80:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)
    return bytes(out)
