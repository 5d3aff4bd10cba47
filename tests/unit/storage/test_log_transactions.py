"""Transactions in a partition log: the stable end, the aborted index, snapshots, recovery."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from kappaflow.runtime.clock import ManualClock
from kappaflow.storage.append_errors import InvalidTransactionState
from kappaflow.storage.flusher import Flusher, FlushPolicy, Syncable
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.transaction_index import AbortedTransaction
from kappaflow.storage.transaction_markers import build_marker
from kappaflow.testing.simulation.disk import ProcessDisk, SimulatedDisk
from kappaflow.wire.record_batch import TRANSACTIONAL_BIT, build_batch

NOW_MS = 1_700_000_000_000


def data(log: PartitionLog, producer_id: int, sequence: int, *, attributes: int = TRANSACTIONAL_BIT) -> int:
    batch = build_batch(
        [(b"k", b"v" * 100)],
        timestamp_ms=NOW_MS,
        attributes=attributes,
        producer_id=producer_id,
        producer_epoch=0,
        base_sequence=sequence,
    )
    return log.append(batch).base_offset


def marker(log: PartitionLog, producer_id: int, *, committed: bool) -> int:
    batch = build_marker(producer_id, 0, committed=committed, coordinator_epoch=3, time_ms=NOW_MS)
    return log.append(batch).base_offset


def opened(path: Path, *, clean: bool = True, segment_bytes: int = 1 << 20) -> PartitionLog:
    return PartitionLog.open(path, "t", 0, LogConfig(segment_bytes=segment_bytes), clean=clean)


def aborted(log: PartitionLog) -> list[AbortedTransaction]:
    return log.aborted_transactions.overlapping(0, log.log_end_offset)


def test_the_stable_end_is_the_first_record_of_the_oldest_open_transaction(tmp_path: Path) -> None:
    log = opened(tmp_path)
    assert log.last_stable_offset == 0
    data(log, 1, 0)
    data(log, 2, 0)
    assert log.last_stable_offset == 0
    marker(log, 1, committed=True)
    assert log.last_stable_offset == 1
    marker(log, 2, committed=False)
    assert log.last_stable_offset == log.log_end_offset == 4
    assert aborted(log) == [AbortedTransaction(2, 1, 3, 4)]
    log.close()


def test_aborted_transactions_are_found_by_overlap_and_in_order_of_their_first_records(tmp_path: Path) -> None:
    log = opened(tmp_path)
    data(log, 1, 0)  # 0
    data(log, 2, 0)  # 1
    marker(log, 2, committed=False)  # 2
    marker(log, 1, committed=False)  # 3
    data(log, 3, 0)  # 4
    marker(log, 3, committed=False)  # 5
    find = log.aborted_transactions.overlapping
    assert [each.producer_id for each in find(0, 6)] == [1, 2, 3]
    assert [each.producer_id for each in find(3, 4)] == [1]
    assert [each.producer_id for each in find(0, 1)] == [1]
    assert find(0, 6)[1].last_stable_offset == 0
    log.close()


@pytest.mark.parametrize("ending", ["closed", "killed", "no index", "no snapshot", "torn index"])
def test_a_log_opened_again_knows_the_same(tmp_path: Path, ending: str) -> None:
    log = opened(tmp_path, segment_bytes=600)
    sequences = dict.fromkeys(range(4), 0)
    for number in range(40):
        producer_id = number % 4
        data(log, producer_id, sequences[producer_id])
        sequences[producer_id] += 1
        if number % 3 == 0:
            marker(log, (number * 7) % 4, committed=number % 2 == 0)
    expected = (log.last_stable_offset, log.producers.open_transactions(), aborted(log))
    assert len(log.segments) > 5
    assert expected[2]
    if ending == "closed":
        log.close()
    else:
        log.release()
    indexes = sorted(tmp_path.glob("*.txnindex"))
    if ending in ("no index", "no snapshot"):
        for path in tmp_path.glob("*.snapshot"):
            path.unlink()
    if ending == "no index":
        for path in indexes:
            path.unlink()
    if ending == "torn index":
        indexes[-1].write_bytes(indexes[-1].read_bytes() + b"\0" * 20)
    log = opened(tmp_path, clean=ending == "closed", segment_bytes=600)
    assert (log.last_stable_offset, log.producers.open_transactions(), aborted(log)) == expected
    log.delete_records(log.segment_base_offsets[3] + 1)
    assert all(each.last_offset >= log.segment_base_offsets[0] for each in aborted(log))
    assert min(int(path.name[:20]) for path in tmp_path.glob("*.txnindex")) >= log.segment_base_offsets[0]
    log.close()


def test_a_cut_log_forgets_what_was_cut(tmp_path: Path) -> None:
    log = opened(tmp_path)
    data(log, 1, 0)
    marker(log, 1, committed=False)
    data(log, 1, 1)
    log.truncate(1)
    assert aborted(log) == []
    assert log.last_stable_offset == 0
    marker(log, 1, committed=True)
    assert log.last_stable_offset == 2
    log.close()


def test_records_outside_of_an_open_transaction_are_refused(tmp_path: Path) -> None:
    log = opened(tmp_path)
    data(log, 1, 0)
    with pytest.raises(InvalidTransactionState):
        data(log, 1, 1, attributes=0)
    log.close()


def test_a_producer_with_an_open_transaction_is_not_forgotten(tmp_path: Path) -> None:
    log = PartitionLog.open(tmp_path, "t", 0, LogConfig(), clean=True, clock=ManualClock(NOW_MS))
    data(log, 1, 0)
    data(log, 2, 0, attributes=0)
    assert log.producers.expire(NOW_MS + log.config.producer_id_expiration_ms - 1) == 0
    assert log.producers.expire(NOW_MS + log.config.producer_id_expiration_ms) == 1
    assert log.last_stable_offset == 0
    log.close()


class Late(Flusher):
    """Has not come to what was asked for when power is lost."""

    def request(self, log: Syncable) -> None:
        pass


def test_an_aborted_transaction_is_not_lost_where_the_segment_ends_at_the_recovery_point(tmp_path: Path) -> None:
    seen = 0
    for seed in range(60):
        machine = SimulatedDisk(tmp_path / str(seed), Random(seed))
        disk = ProcessDisk(machine, lambda _: None, Random(seed))
        path = tmp_path / str(seed) / "t-0"

        def opened(disk: ProcessDisk = disk, path: Path = path, point: int = 0, *, clean: bool) -> PartitionLog:
            return PartitionLog.open(
                path, "t", 0, LogConfig(), disk=disk, clean=clean, recovery_point=point, flusher=Late(FlushPolicy())
            )

        log = opened(clean=True)
        data(log, 1, 0)
        marker(log, 1, committed=False)
        wanted = aborted(log)
        log.sync()  # as of the active segment: its indexes are not complete yet
        assert log.recovery_point == 2
        log.roll()
        log.release()
        disk.release()
        machine.lose_power()
        disk = ProcessDisk(machine, lambda _: None, Random(seed))
        again = opened(disk, path, 2, clean=False)
        assert again.log_end_offset == 2
        assert aborted(again) == wanted, f"seed {seed}"
        seen += len(again.segments) == 2
        again.release()
        disk.release()
    assert seen, "in none of the worlds the new segment was left"
