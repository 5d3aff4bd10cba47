"""The native record kernels behind the signatures of their twins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kappaflow.kernel import _native
from kappaflow.kernel.record_columns import (
    MAX_BATCH_BYTES,
    ArrowArray,
    EncodedBatch,
    EncodedRecords,
    Int32s,
    Int64s,
    RecordColumns,
    RecordError,
    codec_number,
)
from kappaflow.kernel.records import Buffer


def decode_records(
    buffer: Buffer,
    *,
    fetch_offset: int = 0,
    check_crc: bool = True,
    read_committed: bool = False,
    aborted: Sequence[tuple[int, int]] = (),
    with_headers: bool = False,
) -> RecordColumns:
    """See `kappaflow.kernel.records.decode_records`; keys and values are views over `buffer`, not copies."""
    offset, timestamp, key, value, headers, next_offset, error = _native.decode_records(
        buffer, fetch_offset, check_crc, read_committed, list(aborted), with_headers
    )
    return RecordColumns(
        offset=np.frombuffer(offset, np.int64),
        timestamp=np.frombuffer(timestamp, np.int64),
        key=key,
        value=value,
        headers=headers,
        next_offset=next_offset,
        error=None if error is None else RecordError(*error),
    )


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
    """See `kappaflow.kernel.record_encoding.encode_records`."""
    lists, sticky = _native.encode_records(
        key,
        value,
        np.ascontiguousarray(timestamp, np.int64),
        headers,
        codec_number(codec),
        None if partition is None else np.ascontiguousarray(partition, np.int64),
        partitions,
        sticky_partition,
        transactional,
        (producer_id, producer_epoch, base_sequence),
        max_batch_bytes,
    )
    batches: dict[int, list[EncodedBatch]] = {}
    for number, encoded in enumerate(lists):
        if encoded:
            rows = [(data, np.frombuffer(vector, np.int64)) for data, vector in encoded]
            batches[number] = [EncodedBatch(data, len(indexes), indexes) for data, indexes in rows]
    return EncodedRecords(batches, sticky)


def restamp(
    batch: bytes,
    *,
    producer_id: int,
    producer_epoch: int,
    base_sequence: int,
    transactional: bool | None = None,
) -> bytes:
    """See `kappaflow.kernel.record_encoding.restamp`."""
    return _native.restamp(batch, producer_id, producer_epoch, base_sequence, transactional)


def murmur2(key: bytes) -> int:
    """See `kappaflow.kernel.partitioner.murmur2`."""
    return _native.murmur2(key)


def murmur2_column(keys: ArrowArray) -> Int32s:
    """See `kappaflow.kernel.partitioner.murmur2_column`."""
    return np.frombuffer(_native.murmur2_column(keys), np.int32)
