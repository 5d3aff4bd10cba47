"""Appending, reading, rolling, retention, truncation and full disks of one partition log."""

from __future__ import annotations

import asyncio
import errno
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kappaflow.errors import BrokerError, StorageError, StorageFullError
from kappaflow.runtime.clock import ManualClock
from kappaflow.storage import append_errors as refused
from kappaflow.storage.flusher import Flusher, FlushMode, FlushPolicy
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.testing.faulty_disk import FaultyDisk
from kappaflow.wire import compression
from kappaflow.wire.record_batch import build_batch, crc_is_valid, iterate_headers, parse_header, read_records

NOW_MS = 1_700_000_000_000
OpenLog = Callable[..., PartitionLog]
SMALL = LogConfig(segment_bytes=1_000, index_interval_bytes=150)


def batch(count: int = 1, *, time: int = NOW_MS, value: bytes = b"v" * 20, **options: int) -> bytes:
    return build_batch([(b"k", value)] * count, timestamp_ms=time, **options)  # type: ignore[arg-type]


def read_all(log: PartitionLog, max_bytes: int = 10_000) -> list[int]:
    """Base offsets of all batches, and a check that each is whole."""
    offset, bases = log.log_start_offset, []
    while offset < log.log_end_offset:
        data = log.read(offset, max_bytes)
        for position, header in iterate_headers(data):
            assert crc_is_valid(data, position, header)
            bases.append(header.base_offset)
            offset = header.last_offset + 1
    return bases


def compressed(codec: int, values: list[tuple[bytes, int]]) -> bytes:
    plain = bytearray(build_batch([(None, v) for v, _ in values], timestamp_ms=[t for _, t in values]))
    body = compression.compress(codec, plain[61:])
    out = plain[:61] + body
    struct.pack_into(">i", out, 8, len(out) - 12)
    struct.pack_into(">h", out, 21, codec)
    from crc32c import crc32c

    struct.pack_into(">I", out, 17, crc32c(memoryview(out)[21:]))
    return bytes(out)


def test_offsets_are_given_in_order(open_log: OpenLog) -> None:
    log = open_log()
    first = log.append(batch(3), leader_epoch=2)
    second = log.append(bytearray(batch(2)), leader_epoch=2)
    assert (first.base_offset, first.last_offset, first.log_append_time) == (0, 2, -1)
    assert (second.base_offset, second.last_offset) == (3, 4)
    assert log.log_end_offset == log.high_watermark == 5
    data = log.read(0, 1 << 20)
    assert [(h.base_offset, h.leader_epoch) for _, h in iterate_headers(data)] == [(0, 2), (3, 2)]


def test_a_read_returns_whole_batches_and_at_least_one(open_log: OpenLog) -> None:
    log = open_log()
    size = len(batch(3))
    for _ in range(4):
        log.append(batch(3))
    assert len(log.read(0, size * 2 + 5)) == size * 2
    assert len(log.read(4, 1)) == size
    assert log.read(4, 1, min_one_batch=False) == b""
    assert parse_header(log.read(4, size)).base_offset == 3, "an offset inside a batch brings the whole batch"
    assert log.read(12, 100) == b""
    for outside in (-1, 13):
        with pytest.raises(refused.OffsetOutOfRange) as raised:
            log.read(outside, 100)
        assert (raised.value.code, raised.value.name) == (1, "OFFSET_OUT_OF_RANGE")


def altered(position: int, layout: str, value: int, *, crc: bool = True) -> bytes:
    from crc32c import crc32c

    data = bytearray(batch(2))
    struct.pack_into(layout, data, position, value)
    if crc:
        struct.pack_into(">I", data, 17, crc32c(memoryview(data)[21:]))
    return bytes(data)


@pytest.mark.parametrize(
    ("records", "code", "name"),
    [
        (b"", 87, "INVALID_RECORD"),
        (batch()[:-1], 87, "INVALID_RECORD"),
        (batch()[:5], 87, "INVALID_RECORD"),
        (altered(16, ">b", 1), 87, "INVALID_RECORD"),
        (altered(16, ">b", 3), 2, "CORRUPT_MESSAGE"),
        (altered(80, ">b", 7, crc=False), 2, "CORRUPT_MESSAGE"),
        (batch() + batch(), 87, "INVALID_RECORD"),
        (altered(23, ">i", 2), 87, "INVALID_RECORD"),
        (altered(21, ">h", 5), 76, "UNSUPPORTED_COMPRESSION_TYPE"),
        (batch(value=b"v" * 3_000), 10, "MESSAGE_TOO_LARGE"),
        (batch(time=NOW_MS + 3_600_001), 32, "INVALID_TIMESTAMP"),
        (batch(time=NOW_MS - 1_001), 32, "INVALID_TIMESTAMP"),
    ],
)
def test_a_bad_batch_is_refused_and_changes_nothing(open_log: OpenLog, records: bytes, code: int, name: str) -> None:
    log = open_log(LogConfig(max_message_bytes=2_000, message_timestamp_before_max_ms=1_000))
    log.append(batch())
    with pytest.raises(BrokerError) as raised:
        log.append(records)
    assert (raised.value.code, raised.value.name) == (code, name)
    assert log.log_end_offset == 1
    assert log.append(batch()).base_offset == 1


def test_log_append_time(open_log: OpenLog, clock: ManualClock) -> None:
    log = open_log(LogConfig(message_timestamp_type="LogAppendTime"))
    clock.advance(5)
    result = log.append(batch(2, time=7))
    assert result.log_append_time == NOW_MS + 5
    data = log.read(0, 1000)
    header = parse_header(data)
    assert crc_is_valid(data, 0, header)
    assert [r.timestamp for r in read_records(data)] == [NOW_MS + 5] * 2
    assert log.offset_for_timestamp(NOW_MS) == (0, NOW_MS + 5, 0)


@pytest.mark.parametrize(("jitter_ms", "ages"), [(0, range(1_050, 1_051)), (800, range(200, 1_051))])
def test_segments_roll_at_different_ages_where_the_topic_says_so(
    open_log: OpenLog, jitter_ms: int, ages: range
) -> None:
    log = open_log(LogConfig(segment_ms=1_000, segment_jitter_ms=jitter_ms))
    found = []
    for _ in range(8):
        log.append(batch(time=NOW_MS))
        active, age = log.segments[-1], 0
        while log.segments[-1] is active:
            age += 50
            log.append(batch(time=NOW_MS + age))
        found.append(age)
        log.roll()
    assert all(age in ages for age in found)
    assert len(set(found)) == 1 if jitter_ms == 0 else len(set(found)) > 3


def test_rolls_by_size_time_and_full_index(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log(SMALL)
    for _ in range(20):
        log.append(batch())
    assert log.segment_base_offsets == [0, 11]
    assert read_all(log) == read_all(log, 100) == list(range(20))
    log.update_config(LogConfig(segment_ms=1_000))
    log.append(batch(time=NOW_MS + 1_000))
    log.append(batch(time=NOW_MS + 5_000))
    assert log.segment_base_offsets[-1] == 21
    log.update_config(LogConfig(segment_index_bytes=24, index_interval_bytes=1))
    log.roll()
    segments = len(log.segment_base_offsets)
    for _ in range(30):
        log.append(batch())
    assert len(log.segment_base_offsets) > segments + 2
    names = {path.suffix for path in (tmp_path / "t-0").iterdir() if path.name.startswith("000")}
    assert names == {".log", ".index", ".timeindex", ".snapshot"}


def test_offset_for_timestamp(open_log: OpenLog) -> None:
    log = open_log(SMALL)
    assert log.offset_for_timestamp(-3) is None
    times = [100, 50, 300, 200, 400]
    for step in range(10):
        log.append(build_batch([(None, b"v" * 30)] * 5, timestamp_ms=[t + 500 * step for t in times]))
    assert log.offset_for_timestamp(-1) == (50, -1, -1)
    assert log.offset_for_timestamp(-2) == (0, -1, -1)
    assert log.offset_for_timestamp(-3) == (49, 4_900, 0)
    flat = [t + 500 * step for step in range(10) for t in times]
    for wanted in range(0, 5_000, 37):
        expected = next(((i, t, 0) for i, t in enumerate(flat) if t >= wanted), None)
        assert log.offset_for_timestamp(wanted) == expected, wanted
    log.delete_records(22)
    assert log.offset_for_timestamp(0) == (22, flat[22], 0)


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_offset_for_timestamp_in_a_compressed_batch(open_log: OpenLog, codec: int) -> None:
    log = open_log()
    log.append(compressed(codec, [(b"a", 10), (b"b", 20), (b"c", 30)]))
    assert log.offset_for_timestamp(15) == (1, 20, 0)


def test_retention_by_time_uses_record_times(open_log: OpenLog, clock: ManualClock) -> None:
    log = open_log(LogConfig(segment_bytes=500, retention_ms=10_000))
    for step in range(12):
        log.append(batch(time=NOW_MS + step * 1_000))
    bases = log.segment_base_offsets
    assert log.apply_retention() == 0
    clock.advance(15_000)
    log.apply_retention()
    survivors = [base for base, after in zip(bases, [*bases[1:], 12], strict=True) if after - 1 >= 5]
    assert log.segment_base_offsets == survivors
    assert log.log_start_offset == survivors[0] > 0
    clock.advance(60_000)
    log.apply_retention()
    assert (log.log_start_offset, log.log_end_offset) == (12, 12), "the active segment is rolled, then deleted"
    assert log.append(batch(time=NOW_MS + 70_000)).base_offset == 12
    log.close()
    assert open_log(clean=False).log_start_offset == 12


def test_retention_by_size(open_log: OpenLog) -> None:
    log = open_log(LogConfig(segment_bytes=500, retention_bytes=1_000, retention_ms=-1))
    for _ in range(40):
        log.append(batch())
    log.apply_retention()
    assert 1_000 <= log.size_bytes < 1_500
    assert read_all(log) == list(range(log.log_start_offset, 40))


@pytest.mark.parametrize(("policy", "deletes"), [("compact", False), ("compact,delete", True)])
def test_a_compacted_topic_keeps_everything(open_log: OpenLog, clock: ManualClock, policy: str, deletes: bool) -> None:
    log = open_log(LogConfig(segment_bytes=500, retention_ms=1, retention_bytes=1, cleanup_policy=policy))
    for _ in range(20):
        log.append(batch())
    clock.advance(1_000_000)
    assert (log.apply_retention() > 0) is deletes
    assert (log.log_start_offset > 0) is deletes


def test_delete_records_lasts(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log(SMALL)
    for _ in range(20):
        log.append(batch())
    assert log.delete_records(11) == 11
    assert log.delete_records(5) == 11
    with pytest.raises(refused.OffsetOutOfRange):
        log.read(10, 100)
    with pytest.raises(refused.OffsetOutOfRange):
        log.delete_records(21)
    again = open_log(SMALL, clean=False)
    assert (again.log_start_offset, again.log_end_offset) == (11, 20)
    assert again.delete_records(-1) == 20
    assert again.append(batch()).base_offset == 20


def test_truncate(open_log: OpenLog) -> None:
    for target in range(21):
        log = open_log(SMALL)
        log.truncate(0)
        for _ in range(10):
            log.append(batch(2), leader_epoch=1)
        log.truncate(target)
        assert log.log_end_offset == target - target % 2
        assert read_all(log) == list(range(0, target - 1, 2))
        assert log.append(batch(), leader_epoch=3).base_offset == target - target % 2
        log.close()


def test_a_sync_waits_for_a_truncation_under_way(open_log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(SMALL)
    log.append(batch(2))
    waited, errors = [], []

    def sync() -> None:
        try:
            log.sync()
        except Exception as error:
            errors.append(error)

    flusher = threading.Thread(target=sync)

    def remove_snapshots(*_: object) -> None:  # called when the log has no segment for a moment
        flusher.start()
        flusher.join(0.1)
        waited.append(flusher.is_alive())

    monkeypatch.setattr("kappaflow.storage.log.remove_snapshots", remove_snapshots)
    log.truncate(0)
    flusher.join(10)
    assert (waited, errors, log.recovery_point) == ([True], [], 0)


def test_leader_epochs(open_log: OpenLog) -> None:
    log = open_log(SMALL)
    for epoch in (0, 0, 2, 2, 5):
        log.append(batch(10), leader_epoch=epoch)
    assert log.leader_epochs.entries == [(0, 0), (2, 20), (5, 40)]
    ends = {epoch: log.leader_epochs.end_offset(epoch, log.log_end_offset) for epoch in (0, 1, 2, 3, 5, 6, -1)}
    assert ends == {0: (0, 20), 1: (0, 20), 2: (2, 40), 3: (2, 40), 5: (5, 50), 6: (-1, -1), -1: (-1, -1)}
    log.close()
    (log.directory / "leader-epoch-checkpoint").unlink()
    assert open_log(SMALL, clean=False).leader_epochs.entries == [(0, 0), (2, 20), (5, 40)]


def test_a_full_disk_rolls_back_and_reads_go_on(open_log: OpenLog, disk: FaultyDisk) -> None:
    log = open_log(SMALL)
    while log.size_bytes < 700:
        log.append(batch())
    kept = log.log_end_offset
    for free in range(0, len(batch()) + 60, 7):
        disk.free_bytes = free
        with pytest.raises(StorageFullError, match="Free space"):
            log.append(batch(value=b"v" * 200))
        assert log.log_end_offset == kept
        assert read_all(log) == list(range(kept))
    disk.free_bytes = None
    assert log.append(batch()).base_offset == kept
    for _ in range(30):
        log.append(batch())
    log.close()
    for clean in (True, False):
        again = open_log(SMALL, clean=clean)
        assert read_all(again) == list(range(kept + 31))
        assert again.truncated_bytes == 0


def test_group_commit_shares_a_sync(open_log: OpenLog, disk: FaultyDisk) -> None:
    flusher = Flusher(FlushPolicy(FlushMode.GROUP))
    log = open_log(flusher=flusher)

    async def produce() -> int:
        end = log.append(batch()).last_offset + 1
        await flusher.wait_durable(log, end)
        assert log.recovery_point >= end
        return end

    async def many() -> list[int]:
        return await asyncio.gather(*(produce() for _ in range(50)))

    assert sorted(asyncio.run(many())) == list(range(1, 51))
    assert disk.syncs < 10
    flusher.close()


@pytest.mark.parametrize(
    ("policy", "flush_ms"),
    [
        (FlushPolicy(FlushMode.INTERVAL, interval_ms=5), None),
        (FlushPolicy(FlushMode.INTERVAL, interval_ms=60_000), 5),
        (FlushPolicy(), 5),
        (FlushPolicy(), 0),
    ],
)
def test_what_is_due_is_synced_without_being_asked(policy: FlushPolicy, flush_ms: int | None) -> None:
    flusher = Flusher(policy)
    open_gate = threading.Event()
    open_gate.set()
    slow, due = Gate([], open_gate), Gate([], open_gate)
    slow.flush_ms = 60_000
    due.flush_ms = flush_ms
    flusher.appended(slow)
    flusher.appended(due)
    assert due.entered.wait(10)
    flusher.close()


def test_a_log_has_the_deadline_of_its_topic(open_log: OpenLog) -> None:
    assert open_log().flush_ms is None
    assert open_log(LogConfig.from_topic_config({"flush.ms": "250"})).flush_ms == 250


def test_without_a_policy_nothing_waits(open_log: OpenLog, disk: FaultyDisk) -> None:
    log = open_log()

    async def produce() -> None:
        await log.flusher.wait_durable(log, log.append(batch()).last_offset + 1)

    asyncio.run(produce())
    assert disk.syncs == 0


class Gate:
    """A log whose syncs can be held up, and are counted in rounds."""

    recovery_point = 0
    flush_is_due = False
    flush_ms: int | None = None

    def __init__(self, rounds: list[int], gate: threading.Event) -> None:
        self._rounds, self._gate = rounds, gate
        self.entered = threading.Event()

    def sync(self) -> None:
        self.entered.set()
        assert self._gate.wait(10)
        self._rounds.append(id(self))


def test_logs_of_one_request_share_a_sync_and_one_that_is_deleted_meanwhile_is_answered() -> None:
    flusher = Flusher(FlushPolicy(FlushMode.GROUP))
    rounds: list[int] = []
    gate = threading.Event()
    first, second, deleted = (Gate(rounds, gate) for _ in range(3))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        earlier = flusher.wait_durable(first, 1)
        assert await loop.run_in_executor(None, first.entered.wait, 10)
        # The thread is busy: what these ask for is asked for before any of them is waited for.
        waiting = [flusher.wait_durable(first, 2), flusher.wait_durable(second, 1)]
        gate.set()
        await asyncio.wait_for(asyncio.gather(earlier, *waiting), 10)
        assert rounds == [id(first), id(first), id(second)]
        gate.clear()
        second.entered.clear()
        last = [flusher.wait_durable(second, 2)]
        assert await loop.run_in_executor(None, second.entered.wait, 10)
        last.append(flusher.wait_durable(deleted, 1))
        flusher.forget(deleted)
        gate.set()
        await asyncio.wait_for(asyncio.gather(*last), 10)

    asyncio.run(scenario())
    flusher.close()
    assert id(deleted) not in rounds


def test_flush_messages_syncs_every_so_many_records_before_they_are_acknowledged(
    open_log: OpenLog, disk: FaultyDisk
) -> None:
    log = open_log(LogConfig(flush_messages=3))
    durable: list[int] = []

    async def produce() -> None:
        for _ in range(7):
            await log.flusher.wait_durable(log, log.append(batch()).last_offset + 1)
            durable.append(log.recovery_point)

    asyncio.run(produce())
    log.flusher.close()
    assert durable == [0, 0, 3, 3, 3, 6, 6]


def test_a_failed_sync_is_fatal(open_log: OpenLog, disk: FaultyDisk) -> None:
    messages: list[str] = []
    flusher = Flusher(FlushPolicy(FlushMode.GROUP), messages.append)
    log = open_log(flusher=flusher)
    disk.sync_error = errno.EIO

    async def produce() -> None:
        await flusher.wait_durable(log, log.append(batch()).last_offset + 1)

    for _ in range(2):
        with pytest.raises(StorageError, match="may be lost"):
            asyncio.run(produce())
    disk.sync_error = 0
    with pytest.raises(StorageError):
        asyncio.run(produce())
    assert len(messages) == 1
    flusher.close()
