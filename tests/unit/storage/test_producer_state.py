"""Idempotent producers: duplicates, gaps, epochs, wrap-around, snapshots."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from kappaflow.runtime.clock import ManualClock
from kappaflow.storage import append_errors as refused
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.producer_state import READ_AGAIN_GRACE_MS
from kappaflow.storage.transaction_markers import build_marker
from kappaflow.wire.record_batch import build_batch

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
LAST_SEQUENCE = 2**31 - 1
OpenLog = Callable[..., PartitionLog]


def batch(sequence: int, count: int = 1, *, producer: int = 7, epoch: int = 0, time: int = NOW_MS) -> bytes:
    return build_batch(
        [(None, b"v")] * count, timestamp_ms=time, producer_id=producer, producer_epoch=epoch, base_sequence=sequence
    )


@pytest.fixture(params=["open", "reopened", "recovered", "recovered without snapshot"])
def reopen(request: pytest.FixtureRequest, open_log: OpenLog) -> Callable[[PartitionLog], PartitionLog]:
    """Every rule must hold at once, after a clean end and after a crash."""

    def again(log: PartitionLog) -> PartitionLog:
        if request.param == "open":
            return log
        log.close()
        if request.param == "recovered without snapshot":
            for path in log.directory.glob("*.snapshot"):
                path.unlink()
        return open_log(log.config, clean=request.param == "reopened")

    return again


def test_the_last_five_batches_are_answered_with_their_offsets(
    open_log: OpenLog, reopen: Callable[[PartitionLog], PartitionLog]
) -> None:
    log = open_log()
    results = [log.append(batch(2 * n, 2)) for n in range(8)]
    log = reopen(log)
    for n in range(3, 8):
        again = log.append(batch(2 * n, 2))
        assert again.is_duplicate
        assert (again.base_offset, again.last_offset) == (results[n].base_offset, results[n].last_offset)
    # What is no longer remembered is refused as anything out of order is.
    with pytest.raises(refused.OutOfOrderSequence):
        log.append(batch(4, 2))
    with pytest.raises(refused.OutOfOrderSequence) as gap:
        log.append(batch(17))
    assert gap.value.code == 45
    assert log.append(batch(16)).base_offset == 16


def test_an_epoch_that_has_only_been_ended_here_begins_at_zero(
    open_log: OpenLog, reopen: Callable[[PartitionLog], PartitionLog]
) -> None:
    log = open_log()
    log.append(build_marker(7, 1, committed=True, coordinator_epoch=0, time_ms=NOW_MS))
    log = reopen(log)
    for epoch in (1, 2):
        with pytest.raises(refused.OutOfOrderSequence):
            log.append(batch(5, 2, epoch=epoch))
    assert log.append(batch(0, 2, epoch=1)).base_offset == 1
    assert log.append(batch(2, 2, epoch=1)).base_offset == 3


def test_sequences_wrap_around(open_log: OpenLog, reopen: Callable[[PartitionLog], PartitionLog]) -> None:
    log = open_log()
    log.append(batch(LAST_SEQUENCE - 1))
    first = log.append(batch(LAST_SEQUENCE, 3))
    log = reopen(log)
    assert log.append(batch(LAST_SEQUENCE, 3)).base_offset == first.base_offset
    with pytest.raises(refused.OutOfOrderSequence):
        log.append(batch(3))
    assert log.append(batch(2)).base_offset == 4


def test_a_new_epoch_starts_at_zero(open_log: OpenLog, reopen: Callable[[PartitionLog], PartitionLog]) -> None:
    log = open_log()
    log.append(batch(0, epoch=3))
    log = reopen(log)
    with pytest.raises(refused.OutOfOrderSequence):
        log.append(batch(1, epoch=4))
    assert not log.append(batch(0, epoch=4)).is_duplicate
    with pytest.raises(refused.InvalidProducerEpoch) as raised:
        log.append(batch(1, epoch=3))
    assert raised.value.code == 47


def test_an_unknown_producer_may_start_anywhere(open_log: OpenLog) -> None:
    log = open_log()
    assert log.append(batch(1_000)).base_offset == 0
    assert log.append(batch(5, producer=8)).base_offset == 1


def test_idle_producers_are_forgotten(open_log: OpenLog, clock: ManualClock) -> None:
    log = open_log(LogConfig(producer_id_expiration_ms=1_000))
    log.append(batch(0))
    clock.advance(500)
    log.append(batch(0, producer=8, time=NOW_MS + 500))
    clock.advance(500)
    log.apply_retention()
    assert [entry.producer_id for entry in log.producers.producers()] == [8]


@pytest.mark.parametrize("clean", [True, False])
def test_a_producer_of_old_or_future_records_is_idle_by_the_clock_of_the_broker(
    open_log: OpenLog, clock: ManualClock, clean: bool
) -> None:
    config = LogConfig(producer_id_expiration_ms=DAY_MS, message_timestamp_after_max_ms=10**15)
    log = open_log(config)
    log.append(batch(0, time=0))
    log.append(batch(0, producer=8, time=NOW_MS + 1000 * DAY_MS))
    clock.advance(DAY_MS - 1)
    log.apply_retention()
    # The answer was lost, so the batch comes again: it is known.
    assert log.append(batch(0, time=0)).is_duplicate
    assert log.append(batch(1, time=0)).base_offset == 2
    clock.advance(1)
    log.apply_retention()
    assert [entry.producer_id for entry in log.producers.producers()] == [7]
    log.close()
    # How long it was idle before a restart is not known; a repeated batch comes soon or never.
    again = open_log(config, clean=clean)
    again.apply_retention()
    assert again.append(batch(1, time=0)).is_duplicate
    clock.advance(READ_AGAIN_GRACE_MS - 1)
    again.apply_retention()
    assert 7 in [entry.producer_id for entry in again.producers.producers()]
    clock.advance(1)
    again.apply_retention()
    assert 7 not in [entry.producer_id for entry in again.producers.producers()]


def test_truncation_forgets_what_was_cut(open_log: OpenLog) -> None:
    log = open_log(LogConfig(segment_bytes=200))
    for n in range(10):
        log.append(batch(n))
    log.truncate(6)
    assert log.append(batch(5)).is_duplicate
    assert log.append(batch(6)).base_offset == 6


@pytest.mark.parametrize("clean", [True, False])
def test_truncation_to_before_the_start_forgets_all_producers_as_a_start_does(open_log: OpenLog, clean: bool) -> None:
    log = open_log()
    log.append(batch(0))
    log.roll()
    log.append(batch(1))
    log.append(batch(2, 2))
    log.delete_records(3)
    log.truncate(3)  # in the middle of the last batch: what is left ends before the start
    assert (log.log_start_offset, log.log_end_offset) == (3, 3)
    assert log.producers.producers() == []
    log.close() if clean else log.release()
    again = open_log(clean=clean)
    assert again.producers.producers() == []
    assert again.append(batch(2)).base_offset == 3


def test_a_damaged_snapshot_is_passed_over(open_log: OpenLog) -> None:
    log = open_log(LogConfig(segment_bytes=300))
    for n in range(10):
        log.append(batch(n))
    log.close()
    for path in sorted(log.directory.glob("*.snapshot"))[-2:]:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    again = open_log(LogConfig(segment_bytes=300), clean=True)
    assert again.append(batch(9)).base_offset == 9


def test_snapshot_bytes(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log()
    log.append(batch(3, 2))
    log.close()
    data = (tmp_path / "t-0" / "00000000000000000002.snapshot").read_bytes()
    assert struct.unpack(">hIi qhiqiqiq", data) == (
        1,
        struct.unpack_from(">I", data, 2)[0],
        1,
        7,
        0,
        4,
        1,
        1,
        NOW_MS,
        -1,
        -1,
    )
