"""What a batch must fulfil before a partition log takes it.

Header and CRC are read; records only where the topic is compacted, where timestamps may not lie far back, or to say
which records are to blame (KIP-467).

Source: https://kafka.apache.org/documentation/#recordbatch, KIP-937
"""

from __future__ import annotations

from collections.abc import Iterable

from kappaflow.errors import CorruptRecordError
from kappaflow.runtime.disk import ByteBuffer
from kappaflow.storage.append_errors import (
    CorruptMessage,
    InvalidRecord,
    InvalidTimestamp,
    MessageTooLarge,
    UnsupportedCompressionType,
)
from kappaflow.storage.log_config import MAX_INT64, LogConfig
from kappaflow.storage.record_extents import RecordExtent, batch_body, record_extents, records_without_key
from kappaflow.wire.record_batch import (
    COMPRESSION_NAMES,
    HEADER_SIZE,
    MAGIC,
    MAGIC_OFFSET,
    RecordBatchHeader,
    crc_is_valid,
    parse_header,
)


def validate_batch(records: ByteBuffer, config: LogConfig, now_ms: int) -> RecordBatchHeader:
    """Check the one batch that a produce request may hold for a partition.

    Raises:
        CorruptMessage: format, size or CRC is wrong.
        InvalidRecord: more or less than one batch, no record, or a count that contradicts the offsets.
        MessageTooLarge: larger than max.message.bytes.
        UnsupportedCompressionType: the codec number is unknown.
        InvalidTimestamp: a timestamp is too far from `now_ms`.
    """
    if len(records) < HEADER_SIZE:
        raise InvalidRecord(f"{len(records)} bytes hold no whole record batch")
    if records[MAGIC_OFFSET] < MAGIC:
        raise InvalidRecord(f"record batch format {records[MAGIC_OFFSET]} is too old; format {MAGIC} is read")
    try:
        header = parse_header(records)
    except CorruptRecordError as error:
        raise CorruptMessage(str(error)) from error
    size = header.size
    if size != len(records):
        if HEADER_SIZE <= size < len(records):
            raise InvalidRecord("a produce request may hold one record batch for a partition, this one holds more")
        if size > len(records):
            raise InvalidRecord(f"the record batch states {size} bytes, {len(records)} were sent")
        raise CorruptMessage(f"the record batch states {size} bytes, {len(records)} were sent")
    if size > config.max_message_bytes:
        raise MessageTooLarge(f"the record batch has {size} bytes, max.message.bytes is {config.max_message_bytes}")
    if not crc_is_valid(records, 0, header):
        raise CorruptMessage("the CRC of the record batch does not match its bytes")
    if header.record_count <= 0 or header.last_offset_delta != header.record_count - 1:
        raise InvalidRecord(
            f"the record batch states {header.record_count} records "
            f"but a last offset delta of {header.last_offset_delta}"
        )
    if header.compression >= len(COMPRESSION_NAMES):
        raise UnsupportedCompressionType(f"compression type {header.compression} does not exist")
    if header.producer_id >= 0 and (header.producer_epoch < 0 or (header.base_sequence < 0 and not header.is_control)):
        raise InvalidRecord(
            f"producer {header.producer_id} sent epoch {header.producer_epoch} and sequence {header.base_sequence}"
        )
    if not config.uses_log_append_time and not header.is_control:
        _check_timestamps(header, records, config, now_ms)
    if config.compacts and not header.is_control:
        _check_keys(header, records)
    return header


def _check_keys(header: RecordBatchHeader, records: ByteBuffer) -> None:
    try:
        bad = records_without_key(header, records)
    except CorruptRecordError as error:
        raise InvalidRecord(str(error)) from error
    if bad:
        raise InvalidRecord(
            f"a compacted topic takes no record without a key, and {len(bad)} of {header.record_count} have none",
            [(index, "Compacted topic cannot accept message without key.") for index in bad],
        )


def _check_timestamps(header: RecordBatchHeader, records: ByteBuffer, config: LogConfig, now_ms: int) -> None:
    latest = now_ms + config.message_timestamp_after_max_ms
    earliest = now_ms - config.message_timestamp_before_max_ms
    if header.max_timestamp <= latest and config.message_timestamp_before_max_ms == MAX_INT64:
        return
    try:
        times = [header.base_timestamp + extent.timestamp_delta for extent in _extents(header, records)]
    except CorruptRecordError as error:
        raise InvalidRecord(str(error)) from error
    bad = [
        (index, f"Timestamp {time} is not within {max(earliest, 0)} and {latest}.")
        for index, time in enumerate(times)
        if time > latest or 0 <= time < earliest
    ]
    if header.max_timestamp > latest and not bad:
        bad = [(header.record_count - 1, f"Timestamp {header.max_timestamp} is not within 0 and {latest}.")]
    if bad:
        raise InvalidTimestamp(
            f"timestamps must lie between message.timestamp.before.max.ms={config.message_timestamp_before_max_ms} "
            f"before and message.timestamp.after.max.ms={config.message_timestamp_after_max_ms} after the broker's "
            f"time {now_ms}; {len(bad)} of {header.record_count} records do not",
            bad,
        )


def _extents(header: RecordBatchHeader, records: ByteBuffer) -> Iterable[RecordExtent]:
    return record_extents(header, batch_body(header, records))
