"""Record batches: golden bytes, headers, offsets set in place, log append time."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kappaflow.errors import CorruptRecordError
from kappaflow.wire import compression
from kappaflow.wire.record_batch import (
    CONTROL_BIT,
    HEADER_SIZE,
    build_batch,
    crc_is_valid,
    iterate_headers,
    pack_prefix,
    parse_header,
    read_records,
    stamp_log_append_time,
)

# One record (key "k", value "v", header h=1) at offset 5, epoch 3, time 1700000000000, producer 9/1/7.
GOLDEN = bytes.fromhex(
    "0000000000000005 0000003e 00000003 02 70029a1d 0000 00000000 0000018bcfe56800 0000018bcfe56800"
    " 0000000000000009 0001 00000007 00000001 18 00 00 00 02 6b 02 76 02 02 68 02 31"
)


def golden_batch() -> bytes:
    return build_batch(
        [(b"k", b"v")],
        timestamp_ms=1_700_000_000_000,
        base_offset=5,
        leader_epoch=3,
        producer_id=9,
        producer_epoch=1,
        base_sequence=7,
        headers=[("h", b"1")],
    )


def test_golden_bytes() -> None:
    batch = golden_batch()
    assert batch == GOLDEN
    assert crc_is_valid(batch, 0, parse_header(batch))


def test_bytes_are_those_of_another_implementation() -> None:
    builder_module = pytest.importorskip("kafka.record.default_records")
    builder = builder_module.DefaultRecordBatchBuilder(2, 0, False, 9, 1, 7, 1 << 20)
    builder.append(0, 1_700_000_000_000, b"k", b"v", [("h", b"1")])
    builder.append(1, 1_700_000_000_005, None, b"", [("h", b"1")])
    theirs = bytes(builder.build())
    ours = build_batch(
        [(b"k", b"v"), (None, b"")],
        timestamp_ms=[1_700_000_000_000, 1_700_000_000_005],
        producer_id=9,
        producer_epoch=1,
        base_sequence=7,
        headers=[("h", b"1")],
        leader_epoch=parse_header(theirs).leader_epoch,
    )
    assert ours == theirs


def test_the_first_bytes_are_outside_of_the_crc() -> None:
    batch = bytearray(golden_batch())
    batch[:16] = pack_prefix(1 << 40, parse_header(batch).length, 77)
    header = parse_header(batch)
    assert (header.base_offset, header.leader_epoch) == (1 << 40, 77)
    assert crc_is_valid(batch, 0, header)


def test_log_append_time_rewrites_time_and_crc() -> None:
    batch = golden_batch()
    head = stamp_log_append_time(parse_header(batch), batch[HEADER_SIZE:], 11, 4, 1_800_000_000_000)
    stamped = head + batch[HEADER_SIZE:]
    header = parse_header(stamped)
    assert header.uses_log_append_time
    assert header.max_timestamp == 1_800_000_000_000
    assert crc_is_valid(stamped, 0, header)
    assert [record.timestamp for record in read_records(stamped)] == [1_800_000_000_000]


def test_flags_and_sequences() -> None:
    batch = build_batch(
        [(b"a", None)] * 3, timestamp_ms=5, attributes=CONTROL_BIT, producer_id=1, producer_epoch=0,
        base_sequence=2**31 - 2,
    )  # fmt: skip
    header = parse_header(batch)
    assert header.is_control
    assert not header.is_transactional
    assert header.last_sequence == 0
    assert header.size == len(batch)


@pytest.mark.parametrize("length", range(HEADER_SIZE))
def test_a_cut_header_is_refused(length: int) -> None:
    with pytest.raises(CorruptRecordError, match="61 bytes"):
        parse_header(golden_batch()[:length])


@pytest.mark.parametrize(
    ("position", "layout", "value", "text"),
    [(16, ">b", 1, "format 1"), (8, ">i", 3, "length 3"), (23, ">i", -1, "delta -1"), (57, ">i", -5, "-5 records")],
)
def test_a_contradiction_in_the_header_is_refused(position: int, layout: str, value: int, text: str) -> None:
    batch = bytearray(golden_batch())
    struct.pack_into(layout, batch, position, value)
    with pytest.raises(CorruptRecordError, match=text):
        parse_header(batch)


def test_iteration_leaves_out_a_cut_batch() -> None:
    one = golden_batch()
    assert [position for position, _ in iterate_headers(one + one + one[:-1])] == [0, len(one)]


optional_bytes = st.none() | st.binary(max_size=40)
records_strategy = st.lists(st.tuples(optional_bytes, optional_bytes, st.integers(0, 2**60)), min_size=1, max_size=20)


@given(records_strategy, st.lists(st.tuples(st.text(max_size=5), optional_bytes), max_size=3))
def test_records_come_back(
    records: list[tuple[bytes | None, bytes | None, int]], headers: list[tuple[str, bytes | None]]
) -> None:
    batch = build_batch(
        [(key, value) for key, value, _ in records], timestamp_ms=[time for *_, time in records],
        base_offset=100, headers=headers,
    )  # fmt: skip
    read = list(read_records(batch))
    assert [(r.key, r.value, r.timestamp) for r in read] == records
    assert [r.offset for r in read] == list(range(100, 100 + len(records)))
    assert all(r.headers == tuple(headers) for r in read)
    assert parse_header(batch).max_timestamp == max(time for *_, time in records)


@given(st.integers(HEADER_SIZE, 73), st.integers(0, 255))
def test_damaged_records_never_escape_as_another_error(position: int, value: int) -> None:
    batch = bytearray(golden_batch())
    position = min(position, len(batch) - 1)
    batch[position] = value
    try:
        list(read_records(batch))
    except CorruptRecordError:
        return


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("data", [b"", b"x", b"hello " * 20_000], ids=["empty", "one", "long"])
def test_codecs_come_back(codec: int, data: bytes) -> None:
    assert compression.decompress(codec, memoryview(compression.compress(codec, memoryview(data)))) == data


@pytest.mark.parametrize("codec", [1, 2, 3, 4, 5])
def test_damaged_compression_is_an_error_of_ours(codec: int) -> None:
    with pytest.raises(CorruptRecordError):
        compression.decompress(codec, b"\xff\x00 not compressed")
    if codec < 5:
        whole = compression.compress(codec, b"hello " * 1000)
        with pytest.raises(CorruptRecordError):
            compression.decompress(codec, whole[: len(whole) // 2])
