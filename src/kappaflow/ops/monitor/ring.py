"""A ring of rows on disk: one row of 32-bit floats a step of time, the oldest one overwritten.

    header   magic, step, slots, capacity
    times    one number a slot: the ms since the epoch at which its row was written, 0 while it is being written
    rows     slots x capacity floats, row after row

A look writes one row, which is one write at one place, whatever the number of series; its size never changes. A crash
in the middle of a write leaves a slot whose time is 0, which does not count.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kappaflow.errors import StorageError
from kappaflow.ops.monitor import texts as _texts
from kappaflow.runtime.messages import message

assert _texts

MAGIC = b"KAPPARNG"
HEADER = struct.Struct("<8sqqq")
HEADER_BYTES = 64


class Ring:
    """The rows of one resolution."""

    def __init__(self, path: Path, step_ms: int, slots: int, capacity: int, *, write: bool = True) -> None:
        """Open the file, or make it; one of another shape is laid out anew, with what fits of it.

        Args:
            path: the file.
            step_ms: the time that a row stands for.
            slots: how many rows are kept.
            capacity: floats in a row.
            write: whether rows will be written; the file must exist where not.

        Raises:
            StorageError: the file cannot be read or made.
        """
        self.path = path
        try:
            kept = _shape(path) if path.exists() else None
            if not write:
                if kept is None:
                    raise StorageError(message("time_store.not_ours", path=path))
                step_ms, slots, capacity = kept
            elif kept != (step_ms, slots, capacity):
                _lay_out(path, step_ms, slots, capacity, kept)
            self.step_ms, self.slots, self.capacity = step_ms, slots, capacity
            mode = "r+" if write else "r"
            self._times = np.memmap(path, np.int64, mode, HEADER_BYTES, (slots,))
            self._rows = np.memmap(path, np.float32, mode, HEADER_BYTES + 8 * slots, (slots, capacity))
        except OSError as error:
            raise StorageError(message("time_store.unusable", path=path, error=error)) from error

    def write(self, at_ms: int, row: NDArray[np.float32]) -> None:
        """Write the row of the step that a time is in; a second one of the same step replaces the first."""
        slot = (at_ms // self.step_ms) % self.slots
        self._times[slot] = 0
        self._rows[slot, : len(row)] = row
        self._rows[slot, len(row) :] = np.nan
        self._times[slot] = at_ms

    def read(self, column: int, since_ms: int, until_ms: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The times and values of one column, oldest first; rows without a value are left out."""
        times = np.asarray(self._times)
        values = np.asarray(self._rows[:, column])
        good = (times > 0) & (times >= since_ms) & (times <= until_ms) & ~np.isnan(values)
        order = np.argsort(times[good], kind="stable")
        return times[good][order], values[good][order]

    def flush(self) -> None:
        """Make what was written durable."""
        self._rows.flush()
        self._times.flush()

    def close(self) -> None:
        """Let the file go."""
        del self._rows, self._times

    def bytes(self) -> int:
        """The size of the file."""
        return HEADER_BYTES + 8 * self.slots + 4 * self.slots * self.capacity


def _shape(path: Path) -> tuple[int, int, int] | None:
    with path.open("rb") as file:
        raw = file.read(HEADER.size)
    if len(raw) < HEADER.size:
        return None
    magic, step_ms, slots, capacity = HEADER.unpack(raw)
    whole = HEADER_BYTES + 8 * slots + 4 * slots * capacity
    return (step_ms, slots, capacity) if magic == MAGIC and path.stat().st_size == whole else None


def _lay_out(path: Path, step_ms: int, slots: int, capacity: int, kept: tuple[int, int, int] | None) -> None:
    """Write the file of a shape, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(HEADER.pack(MAGIC, step_ms, slots, capacity))
        file.truncate(HEADER_BYTES + 8 * slots + 4 * slots * capacity)
    if kept is not None:
        _copy(path, kept, temporary, (step_ms, slots, capacity))
    descriptor = os.open(temporary, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    temporary.replace(path)


def _copy(source: Path, before: tuple[int, int, int], target: Path, after: tuple[int, int, int]) -> None:
    """Take rows over; of several that fall into one slot the newest."""
    old_times = np.memmap(source, np.int64, "r", HEADER_BYTES, (before[1],))
    old_rows = np.memmap(source, np.float32, "r", HEADER_BYTES + 8 * before[1], (before[1], before[2]))
    times = np.memmap(target, np.int64, "r+", HEADER_BYTES, (after[1],))
    rows = np.memmap(target, np.float32, "r+", HEADER_BYTES + 8 * after[1], (after[1], after[2]))
    width = min(before[2], after[2])
    for slot in np.argsort(old_times, kind="stable"):
        at_ms = int(old_times[slot])
        if at_ms:
            place = (at_ms // after[0]) % after[1]
            rows[place, :width] = old_rows[slot, :width]
            rows[place, width:] = np.nan
            times[place] = at_ms
    rows.flush()
