"""The offset index and the time index of a segment, in Kafka's file layout.

    offset index entry (8 bytes)   relative offset int32, position int32
    time index entry  (12 bytes)   timestamp int64, relative offset int32

An offset entry names a batch's last offset and the position at which that batch starts. A time entry says: up
to this offset no timestamp is larger than this one. Both are sparse and ascending. New entries stay in memory
until `flush`; the file is only ever a prefix of them, which recovery completes from the log.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from struct import Struct

from kappaflow.errors import StorageError
from kappaflow.runtime.disk import Disk

_OFFSET_ENTRY = Struct(">ii")
_TIME_ENTRY = Struct(">qi")


class CorruptIndexError(StorageError):
    """An index file contradicts itself or its segment; it can be rebuilt from the segment."""


class OffsetIndex:
    """Maps offsets of one segment to positions in its file."""

    entry_size = _OFFSET_ENTRY.size

    def __init__(self, disk: Disk, path: Path, base_offset: int) -> None:
        self.path = path
        self._disk = disk
        self._base_offset = base_offset
        self._offsets = array("i")
        self._positions = array("i")
        self._persisted = 0

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def last_entry(self) -> tuple[int, int]:
        """(offset, position) of the last entry; the segment's start where there is none."""
        if not self._offsets:
            return self._base_offset, 0
        return self._base_offset + self._offsets[-1], self._positions[-1]

    def load(self, log_size: int) -> None:
        """Read the file.

        Raises:
            CorruptIndexError: it is missing, cut, out of order or points outside the log.
        """
        data = _read_file(self._disk, self.path, self.entry_size)
        numbers = array("i")
        numbers.frombytes(data)
        if sys.byteorder == "little":
            numbers.byteswap()
        offsets, positions = numbers[0::2], numbers[1::2]
        if not _strictly_ascending(offsets) or not _strictly_ascending(positions):
            raise CorruptIndexError(f"{self.path} is out of order")
        if offsets and (offsets[0] < 0 or positions[0] < 0 or positions[-1] >= log_size):
            raise CorruptIndexError(f"{self.path} points outside its segment of {log_size} bytes")
        self._offsets, self._positions = offsets, positions
        self._persisted = len(offsets)

    def append(self, offset: int, position: int) -> None:
        """Add an entry; an offset that is not larger than the last one is already covered."""
        relative = offset - self._base_offset
        if not self._offsets or (relative > self._offsets[-1] and position > self._positions[-1]):
            self._offsets.append(relative)
            self._positions.append(position)

    def lookup(self, offset: int) -> int:
        """The position of a batch at or before the one that holds `offset`."""
        slot = bisect_right(self._offsets, offset - self._base_offset) - 1
        return self._positions[slot] if slot >= 0 else 0

    def batch_start_at_or_before(self, position: int) -> int:
        """The largest known start of a batch that is not beyond `position`."""
        slot = bisect_right(self._positions, position) - 1
        return self._positions[slot] if slot >= 0 else 0

    def truncate(self, log_size: int) -> None:
        """Drop entries of batches that start at or beyond `log_size`."""
        keep = bisect_right(self._positions, log_size - 1)
        del self._offsets[keep:]
        del self._positions[keep:]
        self._persisted = min(self._persisted, keep)

    def flush(self, *, sync: bool = False) -> None:
        """Write the entries that the file lacks and cut what it has too much."""
        data = b"".join(map(_OFFSET_ENTRY.pack, self._offsets[self._persisted :], self._positions[self._persisted :]))
        _write_tail(self._disk, self.path, data, self._persisted * self.entry_size, sync=sync)
        self._persisted = len(self._offsets)


class TimeIndex:
    """Maps timestamps to offsets of one segment."""

    entry_size = _TIME_ENTRY.size

    def __init__(self, disk: Disk, path: Path, base_offset: int) -> None:
        self.path = path
        self._disk = disk
        self._base_offset = base_offset
        self._timestamps = array("q")
        self._offsets = array("i")
        self._persisted = 0

    def __len__(self) -> int:
        return len(self._timestamps)

    @property
    def last_entry(self) -> tuple[int, int]:
        """(timestamp, offset) of the last entry; (-1, base offset) where there is none."""
        if not self._timestamps:
            return -1, self._base_offset
        return self._timestamps[-1], self._base_offset + self._offsets[-1]

    def load(self) -> None:
        """Read the file.

        Raises:
            CorruptIndexError: it is missing, cut or out of order.
        """
        data = _read_file(self._disk, self.path, self.entry_size)
        timestamps, offsets = array("q"), array("i")
        for timestamp, offset in _TIME_ENTRY.iter_unpack(data):
            timestamps.append(timestamp)
            offsets.append(offset)
        if not _strictly_ascending(timestamps) or any(b < a for a, b in pairwise(offsets)):
            raise CorruptIndexError(f"{self.path} is out of order")
        if offsets and offsets[0] < 0:
            raise CorruptIndexError(f"{self.path} points before its segment")
        self._timestamps, self._offsets = timestamps, offsets
        self._persisted = len(timestamps)

    def append(self, timestamp: int, offset: int) -> None:
        """Add an entry; a timestamp that is not larger than the last one is already covered."""
        if timestamp >= 0 and (not self._timestamps or timestamp > self._timestamps[-1]):
            self._timestamps.append(timestamp)
            self._offsets.append(offset - self._base_offset)

    def lookup(self, timestamp: int) -> int:
        """An offset up to which every timestamp is smaller than `timestamp`; the base offset if none is known."""
        slot = bisect_right(self._timestamps, timestamp - 1) - 1
        return self._base_offset + (self._offsets[slot] if slot >= 0 else 0)

    def truncate(self, end_offset: int) -> None:
        """Drop entries at or beyond `end_offset`."""
        keep = len(self._offsets)
        while keep and self._base_offset + self._offsets[keep - 1] >= end_offset:
            keep -= 1
        del self._timestamps[keep:]
        del self._offsets[keep:]
        self._persisted = min(self._persisted, keep)

    def flush(self, *, sync: bool = False) -> None:
        """Write the entries that the file lacks and cut what it has too much."""
        data = b"".join(map(_TIME_ENTRY.pack, self._timestamps[self._persisted :], self._offsets[self._persisted :]))
        _write_tail(self._disk, self.path, data, self._persisted * self.entry_size, sync=sync)
        self._persisted = len(self._timestamps)


def _strictly_ascending(numbers: array[int]) -> bool:
    return all(a < b for a, b in pairwise(numbers))


def _read_file(disk: Disk, path: Path, entry_size: int) -> bytes:
    try:
        fd = disk.open(path, write=False)
    except FileNotFoundError:
        raise CorruptIndexError(f"{path} is missing") from None
    try:
        size = disk.size(fd)
        data = disk.read(fd, size, 0)
    finally:
        disk.close(fd)
    if size % entry_size or len(data) != size:
        raise CorruptIndexError(f"{path} has {size} bytes, which is not a whole number of entries")
    return data


def _write_tail(disk: Disk, path: Path, data: bytes, position: int, *, sync: bool) -> None:
    fd = disk.open(path, create=True)
    try:
        if data:
            disk.write(fd, [data], position)
        if disk.size(fd) != position + len(data):
            disk.truncate(fd, position + len(data))
        if sync:
            disk.sync(fd)
    finally:
        disk.close(fd)
