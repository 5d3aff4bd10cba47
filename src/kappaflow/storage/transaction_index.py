"""The aborted transactions of one partition, for readers of committed records only.

Every segment has its own ``.txnindex``, made with the first marker in it that aborts; all entries are held in memory.

    entry (34 bytes)   version int16 = 0, producer id, first offset, offset of the marker, last stable offset, int64

Source: KIP-98
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from kappaflow.runtime.disk import Disk
from kappaflow.storage.segment import segment_path
from kappaflow.storage.transaction_index_cleaning import ENTRY, TRANSACTION_INDEX_SUFFIX

_VERSION = 0
_FILE = re.compile(r"\d{20}\.txnindex")


class AbortedTransaction(NamedTuple):
    """One aborted transaction; `last_offset` is that of its marker."""

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


class TransactionIndex:
    """The aborted transactions of a partition, in the order of their markers.

    Args:
        disk: where the files are.
        directory: the partition's directory.
    """

    def __init__(self, disk: Disk, directory: Path) -> None:
        self._disk = disk
        self._directory = directory
        self._entries: list[AbortedTransaction] = []
        self._cut: list[int] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def first_cut(self) -> int | None:
        """The base offset of the first file that `load` cut: from there on the files are not durable."""
        return min(self._cut, default=None)

    def first_damaged(self, bases: Sequence[int]) -> int | None:
        """Return the base offset of the first segment whose file tells something that cannot be; None where none does.

        A file that grew before its content reached the disk has zeros where power was lost.

        Args:
            bases: base offsets of the segments, ascending.
        """
        for slot, base in enumerate(bases):
            path = segment_path(self._directory, base, TRANSACTION_INDEX_SUFFIX)
            if not path.exists():
                continue
            size = path.stat().st_size
            end = bases[slot + 1] if slot + 1 < len(bases) else None
            if len(_read(path, base, end)) * ENTRY.size != size:
                return base
        return None

    def load(self, bases: Sequence[int], *, before_offset: int | None = None) -> None:
        """Read the files of the segments at `bases`; remove the others.

        Args:
            bases: base offsets of the segments, ascending.
            before_offset: entries whose marker lies here or later are cut off: the log tells them again.

        Raises:
            OSError: the disk failed.
        """
        self._entries.clear()
        self._cut.clear()
        names = os.listdir(self._directory)  # noqa: PTH208 - thousands of logs are opened at start
        found = {int(name[:20]) for name in names if _FILE.fullmatch(name)}
        for base in sorted(found):
            path = segment_path(self._directory, base, TRANSACTION_INDEX_SUFFIX)
            if base in bases:
                slot = bisect_right(bases, base)
                end = bases[slot] if slot < len(bases) else None
                self._load_file(base, path, end, before_offset)
            else:
                self._disk.remove(path)

    def _load_file(self, base: int, path: Path, end: int | None, before_offset: int | None) -> None:
        kept = 0
        for entry in _read(path, base, end):
            if before_offset is not None and entry.last_offset >= before_offset:
                break
            self._entries.append(entry)
            kept += ENTRY.size
        if kept != path.stat().st_size:
            self._cut.append(base)
            fd = self._disk.open(path, create=False)
            try:
                self._disk.truncate(fd, kept)
            finally:
                self._disk.close(fd)

    def append(self, base: int, entry: AbortedTransaction) -> None:
        """Add a transaction whose marker is in the segment at `base`.

        Raises:
            OSError: the disk is full or failed.
        """
        path = segment_path(self._directory, base, TRANSACTION_INDEX_SUFFIX)
        fd = self._disk.open(path, create=True)
        try:
            # A whole number of entries: what a full disk took of one is written over.
            size = path.stat().st_size // ENTRY.size * ENTRY.size
            self._disk.write(fd, [ENTRY.pack(_VERSION, *entry)], size)
        finally:
            self._disk.close(fd)
        self._entries.append(entry)

    def overlapping(self, start_offset: int, end_offset: int) -> list[AbortedTransaction]:
        """The transactions with something in `start_offset` to before `end_offset`, by their first offsets."""
        slot = bisect_left(self._entries, start_offset, key=lambda entry: entry.last_offset)
        found = [entry for entry in self._entries[slot:] if entry.first_offset < end_offset]
        return sorted(found, key=lambda entry: entry.first_offset)

    def drop_segment(self, base: int, next_base: int) -> None:
        """Forget a segment that is deleted, with its file.

        Raises:
            OSError: the disk failed.
        """
        self._disk.remove(segment_path(self._directory, base, TRANSACTION_INDEX_SUFFIX))
        slot = bisect_right(self._entries, next_base - 1, key=lambda entry: entry.last_offset)
        del self._entries[:slot]


def _read(path: Path, base: int, end: int | None) -> list[AbortedTransaction]:
    """The entries of a file up to the first that cannot be: markers ascend and lie in the segment from `base`."""
    data = path.read_bytes()
    found: list[AbortedTransaction] = []
    before = base - 1
    for version, *numbers in ENTRY.iter_unpack(data[: len(data) // ENTRY.size * ENTRY.size]):
        entry = AbortedTransaction(*numbers)
        is_in_segment = before < entry.last_offset and (end is None or entry.last_offset < end)
        if version != _VERSION or entry.producer_id < 0 or not is_in_segment or entry.first_offset > entry.last_offset:
            break
        found.append(entry)
        before = entry.last_offset
    return found
