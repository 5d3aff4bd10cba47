"""What a batch must fulfil before a partition log takes it; reads the header and the CRC, never a record.

Source: https://kafka.apache.org/documentation/#recordbatch, KIP-937
"""

from __future__ import annotations

from kappaflow.errors import CorruptRecordError
from kappaflow.runtime.disk import ByteBuffer
from kappaflow.storage.append_errors import (
    CorruptMessage,
    InvalidRecord,
    InvalidTimestamp,
    MessageTooLarge,
    UnsupportedCompressionType,
)
from kappaflow.storage.log_config import LogConfig
from kappaflow.wire.record_batch import (
    COMPRESSION_NAMES,
    HEADER_SIZE,
    RecordBatchHeader,
    crc_is_valid,
    parse_header,
)


def validate_batch(records: ByteBuffer, config: LogConfig, now_ms: int) -> RecordBatchHeader:
    """Check the one batch that a produce request may hold for a partition.

    Raises:
        CorruptMessage: format, size or CRC is wrong.
        InvalidRecord: more than one batch, no record, or a count that contradicts the offsets.
        MessageTooLarge: larger than max.message.bytes.
        UnsupportedCompressionType: the codec number is unknown.
        InvalidTimestamp: a timestamp is too far from `now_ms`.
    """
    try:
        header = parse_header(records)
    except CorruptRecordError as error:
        raise CorruptMessage(str(error)) from error
    size = header.size
    if size != len(records):
        if HEADER_SIZE <= size < len(records):
            raise InvalidRecord("a produce request may hold one record batch for a partition, this one holds more")
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
    if not config.uses_log_append_time:
        _check_timestamps(header, config, now_ms)
    return header


def _check_timestamps(header: RecordBatchHeader, config: LogConfig, now_ms: int) -> None:
    if header.max_timestamp - now_ms > config.message_timestamp_after_max_ms:
        raise InvalidTimestamp(
            f"timestamp {header.max_timestamp} is more than message.timestamp.after.max.ms="
            f"{config.message_timestamp_after_max_ms} after the broker's time {now_ms}"
        )
    if header.base_timestamp >= 0 and now_ms - header.base_timestamp > config.message_timestamp_before_max_ms:
        raise InvalidTimestamp(
            f"timestamp {header.base_timestamp} is more than message.timestamp.before.max.ms="
            f"{config.message_timestamp_before_max_ms} before the broker's time {now_ms}"
        )
