"""The disk behind a small protocol, so that a test can fill it, tear writes and fail a sync.

Files are plain descriptors; every write names its position, so no call depends on a file cursor.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias

ByteBuffer: TypeAlias = bytes | bytearray | memoryview
SYNC_FILE_RANGE_WRITE = 2


class Disk(Protocol):
    """What storage does to files and directories."""

    def open(self, path: Path, *, create: bool = False, write: bool = True) -> int:
        """Open a file and return its descriptor."""
        ...

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        ...

    def size(self, fd: int) -> int:
        """Size of the file in bytes."""
        ...

    def write(self, fd: int, buffers: Sequence[ByteBuffer], position: int) -> int:
        """Write all buffers one after the other at `position`; return the bytes written."""
        ...

    def read(self, fd: int, size: int, position: int) -> bytes:
        """Read up to `size` bytes at `position`; fewer only at the end of the file."""
        ...

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        ...

    def sync(self, fd: int) -> None:
        """Make the file's data durable."""
        ...

    def sync_directory(self, path: Path) -> None:
        """Make creations, renames and removals in the directory durable."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Rename, replacing the target atomically."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file; a missing one is fine."""
        ...


class OsDisk:
    """The disk of the machine."""

    def open(self, path: Path, *, create: bool = False, write: bool = True) -> int:
        """Open a file and return its descriptor."""
        flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC
        return os.open(path, flags | (os.O_CREAT if create else 0), 0o644)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def size(self, fd: int) -> int:
        """Size of the file in bytes."""
        return os.fstat(fd).st_size

    def write(self, fd: int, buffers: Sequence[ByteBuffer], position: int) -> int:
        """Write all buffers at `position`; a short write goes on where it stopped."""
        total = 0
        for buffer in buffers:
            total += len(buffer)
        written = os.pwritev(fd, buffers, position)
        if written < total:
            rest = memoryview(b"".join(buffers))
            while written < total:
                written += os.pwrite(fd, rest[written:], position + written)
        return total

    def read(self, fd: int, size: int, position: int) -> bytes:
        """Read up to `size` bytes at `position`."""
        data = os.pread(fd, size, position)
        if 0 < len(data) < size:
            pieces = [data]
            done = len(data)
            while done < size and (more := os.pread(fd, size - done, position + done)):
                pieces.append(more)
                done += len(more)
            data = b"".join(pieces)
        return data

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """Make the file's data durable."""
        os.fdatasync(fd)

    def begin_sync(self, fd: int, position: int, size: int) -> None:
        """Have the device begin with what was written, so that a later `sync` waits for less; it promises nothing."""
        start = _start_of_writing()
        if start is not None:
            start(fd, position, size, SYNC_FILE_RANGE_WRITE)

    def sync_directory(self, path: Path) -> None:
        """Make creations, renames and removals in the directory durable."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def replace(self, source: Path, target: Path) -> None:
        """Rename, replacing the target atomically."""
        os.replace(source, target)  # noqa: PTH105 - one face for all calls

    def remove(self, path: Path) -> None:
        """Remove a file; a missing one is fine."""
        path.unlink(missing_ok=True)


@cache
def _start_of_writing() -> Callable[[int, int, int, int], int] | None:
    """Return Linux' sync_file_range; None elsewhere."""
    import ctypes  # few processes need it, and a broker starts without it

    try:
        function: Any = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function


SYSTEM_DISK = OsDisk()


def replace_file(disk: Disk, path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a whole file so that readers see the old content or the new one, never a part.

    Raises:
        OSError: the disk is full or failed; the old content stays.
    """
    temporary = path.with_name(path.name + ".tmp")
    fd = disk.open(temporary, create=True)
    try:
        disk.truncate(fd, 0)
        disk.write(fd, [data], 0)
        if durable:
            disk.sync(fd)
    except OSError:
        disk.remove(temporary)
        raise
    finally:
        disk.close(fd)
    disk.replace(temporary, path)
    if durable:
        disk.sync_directory(path.parent)
