"""All logs of a data directory: made, deleted, checkpointed, recovered."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kappaflow.errors import StorageError, StorageFullError
from kappaflow.runtime.clock import ManualClock
from kappaflow.runtime.disk import ByteBuffer
from kappaflow.storage import log_recovery
from kappaflow.storage.checkpoints import read_offsets
from kappaflow.storage.flusher import FlushMode, FlushPolicy
from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.log_directory import (
    CLEAN_SHUTDOWN_FILE,
    RECOVERY_POINT_FILE,
    SYNC_FAILED_FILE,
    LogDirectory,
    parse_directory_name,
)
from kappaflow.testing.faulty_disk import FaultyDisk
from kappaflow.wire.record_batch import build_batch, iterate_headers

NOW_MS = 1_700_000_000_000
GROUP = FlushPolicy(FlushMode.GROUP)


def batch(count: int = 1) -> bytes:
    return build_batch([(b"k", b"v")] * count, timestamp_ms=NOW_MS)


def test_logs_come_back_after_a_clean_end_and_after_none(tmp_path: Path) -> None:
    directory = LogDirectory.open(tmp_path)
    assert not directory.was_clean
    for partition in range(3):
        log = directory.create("my-topic", partition, LogConfig(), topic_id="dG9waWMtaWQ")
        log.append(batch(partition + 1))
    directory.close()
    assert read_offsets(tmp_path / RECOVERY_POINT_FILE) == {("my-topic", n): n + 1 for n in range(3)}
    again = LogDirectory.open(tmp_path, config_of=lambda topic: LogConfig(segment_bytes=len(topic)))
    assert again.was_clean
    assert not (tmp_path / CLEAN_SHUTDOWN_FILE).exists()
    assert [log.log_end_offset for log in again.partitions_of("my-topic")] == [1, 2, 3]
    assert again.partitions_of("my-topic")[0].config.segment_bytes == 8
    assert set(again.topic_ids().values()) == {"dG9waWMtaWQ"}
    after_crash = LogDirectory.open(tmp_path)
    assert not after_crash.was_clean
    assert [log.log_end_offset for log in after_crash.partitions_of("my-topic")] == [1, 2, 3]
    after_crash.close()


def test_deletion(tmp_path: Path) -> None:
    directory = LogDirectory.open(tmp_path)
    for partition in range(2):
        directory.create("t", partition, LogConfig()).append(batch())
    directory.delete("t", 0)
    directory.delete("t", 0)
    assert directory.get("t", 0) is None
    assert len(directory) == 1
    assert directory.create("t", 0, LogConfig()).log_end_offset == 0
    (tmp_path / "t-7.0123-delete").mkdir()
    (tmp_path / "t-7.0123-delete" / "00000000000000000000.log").write_bytes(b"x")
    directory.close()
    again = LogDirectory.open(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_dir()) == ["t-0", "t-1"]
    assert len(again) == 2
    again.close()


def test_a_full_disk_makes_no_half_topic(tmp_path: Path) -> None:
    disk = FaultyDisk()
    directory = LogDirectory.open(tmp_path, disk=disk)
    disk.free_bytes = 0
    with pytest.raises(StorageFullError):
        directory.create("t", 0, LogConfig(), topic_id="abc")
    assert not (tmp_path / "t-0").exists()
    with pytest.raises(StorageError, match="next start"):
        directory.close()
    disk.free_bytes = None
    assert not LogDirectory.open(tmp_path, disk=disk).was_clean


def test_a_retention_pass(tmp_path: Path) -> None:
    clock = ManualClock(NOW_MS)
    directory = LogDirectory.open(tmp_path, clock=clock)
    for partition in range(2):
        log = directory.create("t", partition, LogConfig(segment_bytes=100, retention_ms=1_000))
        for _ in range(5):
            log.append(batch())
    clock.advance(2_000)
    assert directory.apply_retention() == 10
    assert {log.log_start_offset for log in directory} == {5}
    directory.close()


def test_recovery_points_follow_the_flusher(tmp_path: Path) -> None:
    directory = LogDirectory.open(tmp_path, flush=FlushPolicy(FlushMode.INTERVAL, interval_ms=10_000))
    log = directory.create("t", 0, LogConfig())
    log.append(batch(4))
    directory.checkpoint()
    assert read_offsets(tmp_path / RECOVERY_POINT_FILE) == {("t", 0): 0}
    log.sync()
    directory.checkpoint()
    assert read_offsets(tmp_path / RECOVERY_POINT_FILE) == {("t", 0): 4}
    directory.close()


class RecordingDisk(FaultyDisk):
    """Says which log files are written to."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def write(self, fd: int, buffers: Sequence[ByteBuffer], position: int) -> int:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        self.written.append(f"{path.parent.name}/{path.name}")
        return super().write(fd, buffers, position)


def test_what_a_device_refused_is_written_again_before_it_is_read(tmp_path: Path) -> None:
    disk = RecordingDisk()
    messages: list[str] = []
    directory = LogDirectory.open(tmp_path, flush=GROUP, disk=disk, on_flush_failure=messages.append)
    refused, untouched = (directory.create("t", partition, LogConfig()) for partition in range(2))
    untouched.append(batch())
    untouched.sync()
    directory.checkpoint()
    disk.sync_error = errno.EIO
    refused.append(batch())

    async def acknowledge() -> None:
        await directory.flusher.wait_durable(refused, 1)

    with pytest.raises(StorageError, match="may be lost"):
        asyncio.run(acknowledge())
    disk.sync_error = 0
    directory.close()
    assert len(messages) == 1
    assert not (tmp_path / CLEAN_SHUTDOWN_FILE).exists()
    assert (tmp_path / SYNC_FAILED_FILE).exists()

    disk.written.clear()
    again = LogDirectory.open(tmp_path, flush=GROUP, disk=disk)
    assert "t-0/00000000000000000000.log" in disk.written
    assert "t-1/00000000000000000000.log" not in disk.written
    assert not (tmp_path / SYNC_FAILED_FILE).exists()
    assert [log.recovery_point for log in again] == [1, 1]
    again.close()


@pytest.mark.parametrize("flush", [None, GROUP])
def test_recovered_records_are_durable_before_they_are_read_where_that_is_promised(
    tmp_path: Path, flush: FlushPolicy | None
) -> None:
    log = LogDirectory.open(tmp_path).create("t", 0, LogConfig())
    log.append(batch())
    (found,) = LogDirectory.open(tmp_path, flush=flush)
    assert found.recovery_point == (1 if flush else 0)


def test_directory_names() -> None:
    assert parse_directory_name("a-b-3") == ("a-b", 3)
    for name in ("a", "-3", "a-", "a-b", "a-3.0123-delete"):
        assert parse_directory_name(name) is None


CHILD = """
import sys, time
from pathlib import Path
from kappaflow.storage.log_directory import LogDirectory
from kappaflow.storage.log_config import LogConfig
from kappaflow.wire.record_batch import build_batch
directory = LogDirectory.open(Path(sys.argv[1]))
log = directory.create("t", 0, LogConfig(segment_bytes=600, index_interval_bytes=100))
for n in range(log.log_end_offset, log.log_end_offset + 10_000):
    batch = build_batch([(b"k", b"%d" % n)], timestamp_ms=int(time.time() * 1000))
    print(log.append(batch).base_offset, flush=True)
"""


@pytest.mark.parametrize(
    "point", ["before-index-roll:2", "before-index-flush:2", "after-index-flush:2", "after-index-roll:2"]
)
def test_a_kill_during_a_roll_loses_nothing_acknowledged(tmp_path: Path, point: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        env={**os.environ, "KAPPA_CRASH_POINT": point},
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == -signal.SIGKILL
    acknowledged = int(ended.stdout.split()[-1]) + 1
    directory = LogDirectory.open(tmp_path)
    log = directory.get("t", 0)
    assert log is not None
    assert log.log_end_offset == acknowledged
    assert log.append(batch()).base_offset == acknowledged
    directory.close()


def test_kills_at_any_moment_lose_nothing_acknowledged(tmp_path: Path) -> None:
    expected = 0
    for lines in (3, 40, 90, 17):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(lines):
            expected = int(child.stdout.readline()) + 1
        child.kill()
        for line in child.stdout:
            if line.endswith("\n"):
                expected = int(line) + 1
        child.wait(timeout=30)
        child.stdout.close()
        directory = LogDirectory.open(tmp_path)
        log = directory.get("t", 0)
        assert log is not None
        assert expected <= log.log_end_offset <= expected + 1
        found, offset = [], 0
        while offset < log.log_end_offset:
            found += [header.base_offset for _, header in iterate_headers(log.read(offset, 1_000_000))]
            offset = found[-1] + 1
        assert found == list(range(log.log_end_offset))
        directory.close()


def test_recovery_tells_how_far_it_is_within_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_recovery, "CHECKED_STEP_BYTES", 2 * len(batch()))
    directory = LogDirectory.open(tmp_path)
    for topic in ("long", "short"):
        log = directory.create(topic, 0, LogConfig())
        for _ in range(5 if topic == "long" else 1):
            log.append(batch())
    told: list[tuple[int, int, int]] = []
    LogDirectory.open(tmp_path, on_recovered=lambda *progress: told.append(progress)).close()
    size = len(batch())
    assert told == [
        (0, 2, 2 * size),
        (0, 2, 4 * size),
        (0, 2, 5 * size),
        (1, 2, 5 * size),
        (1, 2, 6 * size),
        (2, 2, 6 * size),
    ]
    told.clear()
    LogDirectory.open(tmp_path, on_recovered=lambda *progress: told.append(progress)).close()
    assert told == []
