"""What the storage tests share: a log in a fresh directory, a clock that stands still, a disk with faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kappaflow.runtime.clock import ManualClock
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.testing.faulty_disk import FaultyDisk

NOW_MS = 1_700_000_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def open_log(tmp_path: Path, clock: ManualClock, disk: FaultyDisk) -> Callable[..., PartitionLog]:
    """Opens the log in the test's directory; call it again to reopen."""

    def open_(config: LogConfig | None = None, **options: object) -> PartitionLog:
        return PartitionLog.open(tmp_path / "t-0", "t", 0, config, clock=clock, disk=disk, **options)  # type: ignore[arg-type]

    return open_
