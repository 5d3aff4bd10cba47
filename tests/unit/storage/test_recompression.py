"""Topics with a codec of their own: what is stored has it, whatever was sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kappaflow.storage.append_errors import CorruptMessage, MessageTooLarge
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.record_extents import batch_body
from kappaflow.wire.compression import GZIP, LZ4, NONE, SNAPPY, ZSTD, compress
from kappaflow.wire.record_batch import (
    CONTROL_BIT,
    HEADER_SIZE,
    TRANSACTIONAL_BIT,
    build_batch,
    crc_is_valid,
    pack_batch,
    parse_header,
    read_records,
)

OpenLog = Callable[..., PartitionLog]
NOW_MS = 1_700_000_000_000
CODECS = {"uncompressed": NONE, "gzip": GZIP, "snappy": SNAPPY, "lz4": LZ4, "zstd": ZSTD}
RECORDS = [(b"k%d" % n, b"value " * 40) for n in range(20)]


def batch(codec: int = NONE, sequence: int = 0) -> bytes:
    plain = build_batch(RECORDS, timestamp_ms=NOW_MS, producer_id=7, producer_epoch=0, base_sequence=sequence)
    header = parse_header(plain)
    return pack_batch(header._replace(attributes=codec), compress(codec, plain[HEADER_SIZE:]))


@pytest.mark.parametrize("sent", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("wanted", CODECS)
@pytest.mark.parametrize("time_type", ["CreateTime", "LogAppendTime"])
def test_batches_are_stored_in_the_topics_codec(open_log: OpenLog, sent: int, wanted: str, time_type: str) -> None:
    log = open_log(LogConfig(compression_type=wanted, message_timestamp_type=time_type))
    assert log.append(batch(sent)).base_offset == 0
    assert log.append(batch(sent)).is_duplicate
    assert log.append(batch(sent, len(RECORDS))).base_offset == len(RECORDS)
    stored = log.read(0, 1_000_000)
    header = parse_header(stored)
    assert header.compression == CODECS[wanted]
    assert crc_is_valid(stored, 0, header)
    assert [(record.key, record.value) for record in read_records(stored, body=batch_body(header, stored))] == RECORDS
    assert header.producer_id == 7


def test_the_producers_codec_stays_where_the_topic_has_none(open_log: OpenLog) -> None:
    log = open_log()
    log.append(batch(SNAPPY))
    assert parse_header(log.read(0, 1_000_000)).compression == SNAPPY


def test_levels(open_log: OpenLog) -> None:
    sizes: list[int] = []
    for level in (1, 19):
        log = open_log(LogConfig(compression_type="zstd", compression_zstd_level=level))
        before = log.size_bytes
        values = [(None, str(number * number).encode()) for number in range(5_000)]
        log.append(build_batch(values, timestamp_ms=NOW_MS))
        sizes.append(log.size_bytes - before)
        log.close()
    assert sizes[1] < sizes[0]


def test_a_batch_that_is_too_large_in_the_topics_codec(open_log: OpenLog) -> None:
    packed = batch(GZIP)
    log = open_log(LogConfig(compression_type="uncompressed", max_message_bytes=len(packed) + 10))
    with pytest.raises(MessageTooLarge, match="in the topic's codec uncompressed"):
        log.append(packed)
    assert log.log_end_offset == 0


def test_records_that_cannot_be_decompressed(open_log: OpenLog) -> None:
    header = parse_header(batch())
    broken = pack_batch(header._replace(attributes=GZIP), b"not gzip at all")
    log = open_log(LogConfig(compression_type="lz4"))
    with pytest.raises(CorruptMessage, match="cannot be read"):
        log.append(broken)
    assert log.append(batch()).base_offset == 0


def test_markers_stay_as_they_are(open_log: OpenLog) -> None:
    log = open_log(LogConfig(compression_type="gzip"))
    marker = build_batch(
        [(b"\0\0\0\1", b"\0\0\0\0\0\0")], timestamp_ms=NOW_MS, attributes=CONTROL_BIT | TRANSACTIONAL_BIT,
        producer_id=7, producer_epoch=0,
    )  # fmt: skip
    log.append(marker)
    assert parse_header(log.read(0, 1_000_000)).compression == NONE
