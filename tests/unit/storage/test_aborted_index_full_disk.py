"""A marker whose index entry does not fit on the disk ends nothing: readers of committed records are held back."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from kappaflow.errors import StorageError
from kappaflow.runtime.disk import OsDisk
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.transaction_markers import build_marker
from kappaflow.wire.record_batch import TRANSACTIONAL_BIT, build_batch

NOW_MS = 1_700_000_000_000


class FullForIndexes(OsDisk):
    """A disk that takes ten bytes of an entry of an aborted index, and no more, while it is full."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self._indexes: set[int] = set()

    def open(self, path: Path, *, create: bool = False, write: bool = True) -> int:
        fd = super().open(path, create=create, write=write)
        (self._indexes.add if path.suffix == ".txnindex" else self._indexes.discard)(fd)
        return fd

    def write(self, fd: int, buffers: Sequence[bytes | bytearray | memoryview], position: int) -> int:
        if self.full and fd in self._indexes:
            os.pwrite(fd, b"".join(buffers)[:10], position)
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(fd, buffers, position)


def write_in_transaction(log: PartitionLog, producer_id: int) -> None:
    batch = build_batch(
        [(b"k", b"v")],
        timestamp_ms=NOW_MS,
        attributes=TRANSACTIONAL_BIT,
        producer_id=producer_id,
        producer_epoch=0,
        base_sequence=0,
    )
    log.append(batch)


def abort(log: PartitionLog, producer_id: int) -> None:
    log.append(build_marker(producer_id, 0, committed=False, coordinator_epoch=3, time_ms=NOW_MS))


def test_a_transaction_stays_open_until_its_entry_is_written(tmp_path: Path) -> None:
    disk = FullForIndexes()
    log = PartitionLog.open(tmp_path, "t", 0, LogConfig(), disk=disk)
    write_in_transaction(log, 1)
    disk.full = True
    with pytest.raises(StorageError):
        abort(log, 1)
    assert log.last_stable_offset == 0, "what was aborted is not shown to readers of committed records"
    assert log.producers.open_since(1) == 0, "the coordinator writes the marker again"
    disk.full = False
    abort(log, 1)
    write_in_transaction(log, 2)
    abort(log, 2)
    seen = log.aborted_transactions.overlapping(0, 99)
    assert [(row.producer_id, row.first_offset) for row in seen] == [(1, 0), (2, 3)]
    log.close()
    log = PartitionLog.open(tmp_path, "t", 0, LogConfig(), disk=disk, clean=True)
    assert log.aborted_transactions.overlapping(0, 99) == seen
    log.close()
