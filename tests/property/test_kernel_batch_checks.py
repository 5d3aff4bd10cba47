"""Checking a segment in bulk: twin and native kernel agree at any damage, and recovery finds what a walk finds."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.kernel import batch_checks
from kappaflow.runtime.disk import OsDisk
from kappaflow.storage import segment as segments
from kappaflow.storage.producer_state import ProducerState
from kappaflow.storage.segment import LogSegment
from kappaflow.wire.record_batch import CONTROL_BIT, TRANSACTIONAL_BIT, build_batch, iterate_headers

BASE = 1_000


@pytest.fixture(scope="module")
def kernel(backend: str) -> Any:
    """The checks of one kernel; held against the twin."""
    return importlib.import_module("kappaflow.kernel.native_checks") if backend == "native" else batch_checks


batch_shapes = st.tuples(
    st.integers(1, 3),  # records
    st.integers(0, 60),  # bytes of a value
    st.integers(0, 2),  # offsets left out before it
    st.sampled_from([-1, 0, 0, 1, 2]),  # leader epoch
    st.integers(-1, 50),  # timestamp
    st.integers(-1, 2),  # producer
    st.integers(0, 1),  # its epoch
    st.sampled_from([0, 0, TRANSACTIONAL_BIT, TRANSACTIONAL_BIT | CONTROL_BIT]),
)


@st.composite
def logs(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Bytes of a segment and where its batches start."""
    offset, data, starts = BASE, bytearray(), [0]
    for records, size, gap, epoch, time, producer, producer_epoch, attributes in draw(
        st.lists(batch_shapes, max_size=15)
    ):
        offset += gap
        data += build_batch(
            [(None, b"v" * size)] * records,
            timestamp_ms=time,
            base_offset=offset,
            leader_epoch=epoch,
            attributes=attributes if producer >= 0 else 0,
            producer_id=producer,
            producer_epoch=producer_epoch if producer >= 0 else -1,
            base_sequence=0 if producer >= 0 else -1,
        )
        offset += records
        starts.append(len(data))
    return bytes(data), starts


@st.composite
def damaged_logs(draw: st.DrawFn) -> bytes:
    """A log as it was, cut at any byte, with any byte changed, or with a field of a header out of its range."""
    data, starts = draw(logs())
    if data and draw(st.booleans()):
        at = draw(st.integers(0, len(data) - 1) | st.sampled_from(starts[:-1]).map(lambda start: start + 8))
        data = data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at:][4:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


def _check(module: Any, data: bytes, interval: int, since: int, base_offset: int) -> Any:
    return module.check_batches(
        data,
        base_offset=base_offset,
        next_offset=base_offset,
        index_interval_bytes=interval,
        bytes_since_entry=since,
        largest=(7, base_offset),
    )


@settings(max_examples=150)
@given(damaged_logs(), st.integers(0, 400), st.integers(0, 300), st.sampled_from([BASE, BASE - 2**31 + 2, BASE + 1]))
def test_both_kernels_find_the_same(kernel: Any, data: bytes, interval: int, since: int, base_offset: int) -> None:
    expected = _check(batch_checks, data, interval, since, base_offset)
    assert _check(kernel, data, interval, since, base_offset) == expected
    assert kernel.producer_batches(data) == batch_checks.producer_batches(data)


def test_every_cut_keeps_the_batches_before_it(kernel: Any) -> None:
    batches = [build_batch([(b"k", b"v" * n)], timestamp_ms=n, base_offset=BASE + n) for n in range(4)]
    data = b"".join(batches)
    ends = [len(b"".join(batches[:n])) for n in range(5)]
    for cut in range(len(data) + 1):
        found = _check(kernel, data[:cut], 4096, 0, BASE)
        assert (found.size, found.is_bad) == (max(end for end in ends if end <= cut), False)
        assert found.next_offset == BASE + ends.index(found.size)


def test_a_changed_byte_that_the_crc_covers_ends_the_good_batches(kernel: Any) -> None:
    batch = build_batch([(b"k", b"value")], timestamp_ms=5, base_offset=BASE)
    second = build_batch([(b"k", b"value")], timestamp_ms=5, base_offset=BASE + 1)
    for at in range(17, len(second)):
        bad = bytearray(second)
        bad[at] ^= 0x40
        found = _check(kernel, batch + bytes(bad) + second, 4096, 0, BASE)
        assert (found.size, found.is_bad, found.next_offset) == (len(batch), True, BASE + 1)


@settings(max_examples=150)
@given(logs())
def test_the_batches_that_producers_need_leave_the_state_that_all_leave(
    kernel: Any, log: tuple[bytes, list[int]]
) -> None:
    data, _ = log
    wanted, walked, is_bad = kernel.producer_batches(data)
    assert (walked, is_bad) == (len(data), False)
    states = []
    for only in (None, set(wanted)):
        state = ProducerState(1 << 40)
        for at, header in iterate_headers(data):
            if only is None or at in only:
                state.update(header, header.base_offset, header.max_timestamp)
                if header.is_control:
                    state.end_transaction(header.producer_id, coordinator_epoch=3)
        states.append(_told(state))
    assert states[0] == states[1]


@pytest.mark.parametrize("bulk_bytes", [64, 300])
@settings(max_examples=60)
@given(data=damaged_logs(), interval=st.sampled_from([0, 10, 100, 4096]))
def test_recovery_in_bulk_is_recovery_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, bulk_bytes: int, data: bytes, interval: int
) -> None:
    results = []
    for limit in (1 << 40, bulk_bytes):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(segments, "BULK_BYTES", limit)
            results.append(_recovered(tmp_path_factory.mktemp("log"), data, interval))
    assert results[0] == results[1]


def _recovered(directory: Path, data: bytes, interval: int) -> object:
    (directory / f"{BASE:020d}.log").write_bytes(data)
    segment = LogSegment.existing(OsDisk(), directory, BASE, interval)
    epochs: list[tuple[int, int]] = []
    sizes: list[int] = []

    def take_up(size: int, begun: Any) -> None:
        sizes.append(size)
        epochs.extend(each for each in begun)

    end = segment.recover(take_up)
    state = ProducerState(1 << 40)
    for _, header in segment.producer_headers(0):
        state.update(header, header.base_offset, header.max_timestamp)
        if header.is_control:
            state.end_transaction(header.producer_id, coordinator_epoch=3)
    segment.close()
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    changes = [each for slot, each in enumerate(epochs) if slot == 0 or epochs[slot - 1][0] != each[0]]
    known = (segment.max_timestamp, segment.offset_of_max_timestamp, segment.first_timestamp, segment.size)
    return end, sum(sizes), changes, known, files, _told(state)


def _told(state: ProducerState) -> object:
    rows = [
        (each.producer_id, each.epoch, each.last_timestamp, each.current_txn_first_offset, list(each.batches))
        for each in state.producers()
    ]
    return rows, state.open_transactions()
