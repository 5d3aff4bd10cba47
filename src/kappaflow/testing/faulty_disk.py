"""A disk that fills up, tears writes and fails syncs when a test says so."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

from kappaflow.runtime.disk import ByteBuffer, OsDisk


class FaultyDisk(OsDisk):
    """The machine's disk with faults.

    Attributes:
        free_bytes: how much can still be written; None for no limit. A write beyond it writes what fits, then fails.
        sync_error: an errno with which the next and all later syncs fail; 0 for none.
        syncs: file syncs so far.
        directory_syncs: directory syncs so far.
    """

    def __init__(self) -> None:
        self.free_bytes: int | None = None
        self.sync_error = 0
        self.syncs = 0
        self.directory_syncs = 0

    def write(self, fd: int, buffers: Sequence[ByteBuffer], position: int) -> int:
        """Write all buffers, or the part that fits, and fail."""
        if self.free_bytes is None:
            return super().write(fd, buffers, position)
        data = b"".join(buffers)
        fits = data[: self.free_bytes]
        if fits:
            super().write(fd, [fits], position)
        self.free_bytes -= len(fits)
        if len(fits) < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(data)

    def sync(self, fd: int) -> None:
        """Sync, or fail."""
        self.syncs += 1
        if self.sync_error:
            raise OSError(self.sync_error, "Input/output error")
        super().sync(fd)

    def sync_directory(self, path: Path) -> None:
        """Sync, or fail."""
        self.directory_syncs += 1
        if self.sync_error:
            raise OSError(self.sync_error, "Input/output error")
        super().sync_directory(path)
