"""The native record kernel and its Python twin give the same columns, batches and refusals for any bytes."""

from __future__ import annotations

import importlib
import struct
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from crc32c import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.kernel import partitioner, record_encoding, records
from kappaflow.kernel.record_columns import CODECS, RecordColumns
from kappaflow.wire.record_batch import CONTROL_BIT, LOG_APPEND_TIME_BIT, TRANSACTIONAL_BIT, build_batch

HEADERS = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))


@pytest.fixture(scope="module")
def kernel(backend: str) -> Any:
    """The record functions of one kernel; held against the twins."""
    if backend == "native":
        return importlib.import_module("kappaflow.kernel.native_records")
    return SimpleNamespace(
        decode_records=records.decode_records,
        encode_records=record_encoding.encode_records,
        restamp=record_encoding.restamp,
        murmur2=partitioner.murmur2,
        murmur2_column=partitioner.murmur2_column,
    )


payloads = st.none() | st.binary(max_size=40) | st.binary(min_size=200, max_size=400)
times = st.integers(0, 10**13) | st.sampled_from([-1, 0, 2**31, 2**62])
header_lists = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=20)), max_size=3)
rows = st.lists(st.tuples(payloads, payloads, times, header_lists), max_size=40)


def columns(batch: list[tuple[Any, Any, int, Any]]) -> tuple[pa.Array, pa.Array, np.ndarray, pa.Array]:
    key = pa.array([row[0] for row in batch], pa.binary())
    value = pa.array([row[1] for row in batch], pa.binary_view())
    headers = pa.array([[{"key": k, "value": v} for k, v in row[3]] for row in batch], HEADERS)
    return key, value, np.array([row[2] for row in batch], np.int64), headers


def content(decoded: RecordColumns, message: bool = True) -> tuple[Any, ...]:
    error = decoded.error
    return (
        decoded.offset.tolist(),
        decoded.timestamp.tolist(),
        decoded.key.to_pylist(),
        decoded.value.to_pylist(),
        None if decoded.headers is None else decoded.headers.to_pylist(),
        decoded.next_offset,
        error if message or error is None else error.position,
    )


def recrc(batch: bytearray) -> bytes:
    struct.pack_into(">I", batch, 17, crc32c(bytes(batch[21:])))
    return bytes(batch)


@given(rows, st.sampled_from(sorted(CODECS)), st.integers(1, 4), st.integers(100, 3000), st.integers(0, 9))
def test_batches_round_trip_and_agree(
    kernel: Any, batch: list[Any], codec: str, partitions: int, limit: int, sticky: int
) -> None:
    key, value, timestamp, headers = columns(batch)
    options: dict[str, Any] = {
        "headers": headers,
        "codec": codec,
        "partitions": partitions,
        "sticky_partition": sticky,
        "producer_id": 7,
        "producer_epoch": 1,
        "base_sequence": 2**31 - 3,
        "max_batch_bytes": limit,
    }
    ours = kernel.encode_records(key, value, timestamp, **options)
    twin = record_encoding.encode_records(key, value, timestamp, **options)
    assert ours.sticky_partition == twin.sticky_partition
    assert list(ours.partitions) == list(twin.partitions)
    for number, batches in ours.partitions.items():
        expected = twin.partitions[number]
        assert [b.rows.tolist() for b in batches] == [b.rows.tolist() for b in expected]
        assert [b.record_count for b in batches] == [b.record_count for b in expected]
        if codec == "none":
            assert [b.data for b in batches] == [b.data for b in expected]
        for encoded in (batches, expected):
            data = b"".join(b.data for b in encoded)
            decoded = kernel.decode_records(data, with_headers=True)
            assert decoded.error is None
            assert content(decoded) == content(records.decode_records(data, with_headers=True))
            order = [index for b in batches for index in b.rows.tolist()]
            assert decoded.key.to_pylist() == [batch[index][0] for index in order]
            assert decoded.value.to_pylist() == [batch[index][1] for index in order]
            assert decoded.timestamp.tolist() == [batch[index][2] for index in order]
            assert [[tuple(p.values()) for p in row] for row in decoded.headers.to_pylist()] == [
                batch[index][3] for index in order
            ]


attribute_bits = st.sampled_from([0, TRANSACTIONAL_BIT, LOG_APPEND_TIME_BIT, TRANSACTIONAL_BIT | LOG_APPEND_TIME_BIT])
data_batch = st.tuples(
    st.lists(st.tuples(st.none() | st.binary(max_size=9), st.none() | st.binary(max_size=30)), min_size=1, max_size=4),
    attribute_bits,
    st.sampled_from([-1, 1, 2]),
)
marker = st.tuples(
    st.sampled_from([[(b"\0\0\0\0", b"")], [(b"\0\0\0\1", b"")]]),
    st.just(CONTROL_BIT | TRANSACTIONAL_BIT),
    st.sampled_from([1, 2]),
)


@given(
    st.lists(data_batch | marker, max_size=8),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 12)), max_size=3),
    st.integers(0, 12),
    st.integers(0, 80),
)
def test_logs_with_transactions_agree(
    kernel: Any,
    batches: list[Any],
    read_committed: bool,
    aborted: list[tuple[int, int]],
    fetch_offset: int,
    cut: int,
) -> None:
    log, offset = b"", 0
    for content_rows, attributes, producer in batches:
        log += build_batch(
            content_rows, timestamp_ms=offset, base_offset=offset, attributes=attributes, producer_id=producer
        )
        offset += len(content_rows)
    log = log[: max(0, len(log) - cut)]
    options: dict[str, Any] = {
        "fetch_offset": fetch_offset,
        "read_committed": read_committed,
        "aborted": aborted,
        "with_headers": True,
    }
    assert content(kernel.decode_records(log, **options)) == content(records.decode_records(log, **options))


@settings(max_examples=300)
@given(
    rows.filter(bool),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=3),
    st.booleans(),
)
def test_damaged_records_are_refused_alike(
    kernel: Any, batch: list[Any], damage: list[tuple[int, int]], seal: bool
) -> None:
    key, value, timestamp, headers = columns(batch)
    (encoded,) = record_encoding.encode_records(key, value, timestamp, headers=headers).partitions[0]
    damaged = bytearray(encoded.data)
    for position, byte in damage:
        # The length stays: a batch cut off is another case.
        at = position % (len(damaged) - 12) + 12
        damaged[at] = byte
    # Timestamps beyond what Arrow's int64 holds cannot arise: they wrap as in Java.
    data = encoded.data + (recrc(damaged) if seal else bytes(damaged)) + encoded.data
    for options in ({}, {"check_crc": False}, {"with_headers": True}):
        ours, twin = kernel.decode_records(data, **options), records.decode_records(data, **options)
        compressed = bool(damaged[22] & 7)
        assert content(ours, not compressed) == content(twin, not compressed)


@given(st.sampled_from([1, 2, 3, 4]), st.binary(max_size=200), st.integers(1, 50))
def test_cut_compressed_data_is_refused_alike(kernel: Any, codec: int, payload: bytes, cut: int) -> None:
    from kappaflow.kernel import codecs

    values = pa.array([payload, payload + b"x"], pa.binary())
    times = np.zeros(2, np.int64)
    name = next(name for name, number in CODECS.items() if number == codec)
    (encoded,) = record_encoding.encode_records(pa.nulls(2), values, times, codec=name).partitions[0]
    cut_batch = bytearray(encoded.data[: max(61, len(encoded.data) - cut)])
    struct.pack_into(">i", cut_batch, 8, len(cut_batch) - 12)
    data = recrc(cut_batch)
    ours, twin = kernel.decode_records(data), records.decode_records(data)
    assert ours.error is not None
    assert content(ours, message=False) == content(twin, message=False)
    assert codecs.decompress(codec, codecs.compress(codec, payload)) == payload


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_alike(kernel: Any, data: bytes) -> None:
    assert content(kernel.decode_records(data), False) == content(records.decode_records(data), False)


@pytest.mark.parametrize(("value", "is_kept"), [(b"twelve bytes", False), (b"thirteen more", True)])
def test_only_what_does_not_fit_into_a_view_keeps_what_was_fetched(kernel: Any, value: bytes, is_kept: bool) -> None:
    data = bytes(build_batch([(b"key", value), (None, None)], timestamp_ms=1))
    before = sys.getrefcount(data)
    decoded = kernel.decode_records(data)
    is_kept = is_kept and kernel.decode_records is not records.decode_records  # the twin copies
    assert (sys.getrefcount(data) > before) == is_kept
    assert decoded.value.to_pylist() == [value, None]


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**62))
def test_varints_at_their_limits(kernel: Any, offset_delta: int, timestamp_delta: int, base: int) -> None:
    varint = record_encoding.varint
    record = b"\0" + varint(timestamp_delta) + varint(offset_delta) + varint(-1) + varint(0) + varint(0)
    batch = bytearray(build_batch([(b"k", b"v")], timestamp_ms=base, base_offset=base)[:61])
    batch += varint(len(record)) + record
    struct.pack_into(">i", batch, 8, len(batch) - 12)
    data = recrc(batch)
    options = {"fetch_offset": -(2**63)}
    ours = kernel.decode_records(data, **options)
    assert ours.error is None
    assert content(ours) == content(records.decode_records(data, **options))


@given(st.lists(st.none() | st.binary(max_size=20)))
def test_murmur2_agrees(kernel: Any, keys: list[bytes | None]) -> None:
    column = pa.array(keys, pa.binary_view())
    hashes = kernel.murmur2_column(column).tolist()
    assert hashes == partitioner.murmur2_column(column).tolist()
    assert hashes == [0 if key is None else kernel.murmur2(key) for key in keys]


@pytest.mark.parametrize(
    ("key", "expected"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"", 275646681)],
)
def test_murmur2_is_kafkas(key: bytes, expected: int) -> None:
    assert partitioner.murmur2(key) == expected


@given(rows.filter(bool), st.integers(0, 2**40), st.integers(0, 100), st.integers(0, 2**31 - 1))
def test_restamp_agrees(kernel: Any, batch: list[Any], producer: int, epoch: int, sequence: int) -> None:
    key, value, timestamp, _ = columns(batch)
    identity = {"producer_id": producer, "producer_epoch": epoch, "base_sequence": sequence}
    (plain,) = record_encoding.encode_records(key, value, timestamp).partitions[0]
    (stamped,) = record_encoding.encode_records(key, value, timestamp, transactional=True, **identity).partitions[0]
    assert kernel.restamp(plain.data, **identity, transactional=True) == stamped.data
    assert record_encoding.restamp(plain.data, **identity, transactional=True) == stamped.data
