"""What compaction leaves of one record batch.

A batch keeps its base offset, last offset, producer and sequences, so that offsets have gaps and never change. The
first cleaning that sees a tombstone, or a marker whose transaction has no data left, writes the time at which it may
go into the batch (in place of the base timestamp, with bit 6 of the attributes set).

Source: KIP-534 (delete horizon), KIP-98 (empty batches keep sequences)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kappaflow.storage.record_extents import RecordExtent, batch_body, record_extents, varint
from kappaflow.wire.compression import compress
from kappaflow.wire.record_batch import (
    DELETE_HORIZON_BIT,
    ByteBuffer,
    RecordBatchHeader,
    pack_batch,
)


@dataclass(frozen=True, slots=True)
class BatchVerdict:
    """What is known of a batch before its records are looked at.

    Attributes:
        drop_records: no record of it stays (an aborted transaction, a marker past its horizon).
        keep_empty: its header stays even without records: it is the last batch of an active producer.
        ends_empty_transaction: it is a marker of a transaction that has no data left.
    """

    drop_records: bool = False
    keep_empty: bool = False
    ends_empty_transaction: bool = False


@dataclass(frozen=True, slots=True)
class CleanedBatch:
    """A batch as it stays.

    Attributes:
        data: its bytes.
        max_timestamp: its largest timestamp.
        removed: how many records went.
    """

    data: ByteBuffer
    max_timestamp: int
    removed: int


def delete_horizon_ms(header: RecordBatchHeader) -> int | None:
    """When the batch's tombstones or marker may go; None where no cleaning has set it."""
    return header.base_timestamp if header.attributes & DELETE_HORIZON_BIT else None


def clean_batch(
    header: RecordBatchHeader,
    batch: ByteBuffer,
    verdict: BatchVerdict,
    is_latest: Callable[[bytes, int], bool],
    *,
    now_ms: int,
    delete_retention_ms: int,
) -> CleanedBatch | None:
    """Keep the records that are the latest of their key.

    Args:
        header: the batch's header.
        batch: its bytes; returned as they are where nothing changes.
        verdict: what is known of the batch as a whole.
        is_latest: whether the record of a key at an offset is not replaced by a later one.
        now_ms: the time.
        delete_retention_ms: how long tombstones and markers stay after the first cleaning that sees them.

    Returns:
        None where nothing of the batch stays.

    Raises:
        CorruptRecordError: the records cannot be read.
    """
    horizon = delete_horizon_ms(header)
    kept: list[RecordExtent] = []
    body = b""
    if not verdict.drop_records and header.record_count:
        body = batch_body(header, batch)
        keep_tombstones = horizon is None or now_ms < horizon
        kept = [
            extent
            for extent in record_extents(header, body)
            if header.is_control
            or (
                extent.key is not None
                and (extent.has_value or keep_tombstones)
                and is_latest(extent.key, header.base_offset + extent.offset_delta)
            )
        ]
    removed = header.record_count - len(kept)
    if not kept:
        return _empty(header, removed) if verdict.keep_empty else None
    needs_horizon = horizon is None and (
        verdict.ends_empty_transaction or (not header.is_control and not all(extent.has_value for extent in kept))
    )
    if not removed and not needs_horizon:
        return CleanedBatch(batch, header.max_timestamp, 0)
    return _rebuild(header, body, kept, removed, now_ms + delete_retention_ms if needs_horizon else None)


def _empty(header: RecordBatchHeader, removed: int) -> CleanedBatch:
    """The header alone, which keeps the producer's sequence."""
    attributes = header.attributes & ~DELETE_HORIZON_BIT
    time = header.max_timestamp
    bare = header._replace(attributes=attributes, base_timestamp=time, record_count=0)
    return CleanedBatch(pack_batch(bare, b""), time, removed)


def _rebuild(
    header: RecordBatchHeader, body: bytes, kept: Sequence[RecordExtent], removed: int, new_horizon_ms: int | None
) -> CleanedBatch:
    max_timestamp = header.max_timestamp
    if not header.uses_log_append_time:
        max_timestamp = max(header.base_timestamp + extent.timestamp_delta for extent in kept)
    base_timestamp, attributes = header.base_timestamp, header.attributes
    if new_horizon_ms is None:
        pieces = [body[extent.start : extent.end] for extent in kept]
    else:
        base_timestamp, attributes = new_horizon_ms, attributes | DELETE_HORIZON_BIT
        shift = header.base_timestamp - new_horizon_ms
        pieces = [_with_timestamp_delta(body, extent, extent.timestamp_delta + shift) for extent in kept]
    rebuilt = header._replace(
        attributes=attributes, base_timestamp=base_timestamp, max_timestamp=max_timestamp, record_count=len(kept)
    )
    return CleanedBatch(pack_batch(rebuilt, compress(header.compression, b"".join(pieces))), max_timestamp, removed)


def _with_timestamp_delta(body: bytes, extent: RecordExtent, delta: int) -> bytes:
    record = (
        body[extent.attributes_end - 1 : extent.attributes_end] + varint(delta) + body[extent.offset_end : extent.end]
    )
    return varint(len(record)) + record
