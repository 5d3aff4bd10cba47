"""Putting a cleaned segment in the place of the segments that it was made from, so that a crash loses nothing.

    1  00..0.log.cleaned   written and synced; a crash forgets it
    2  00..0.log.swap      renamed, after its .txnindex: from here on a crash finishes the swap
    3  old segments removed, oldest first, so that what a crash leaves of them still follows the cleaned ones
    4  00..0.log           renamed over the old one of the same name

What is left of old segments after a crash is whole and later than the cleaned records, so it is only cleaned again.

Source: Kafka's recovery of log segments
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.disk import Disk
from kappaflow.storage.segment import LogSegment, segment_path

CLEANED_SUFFIX = ".cleaned"
SWAP_SUFFIX = ".swap"
INDEX_SUFFIXES = (".index", ".timeindex", ".txnindex")
_SWAP_FILE = re.compile(r"(\d{20})\.log\.swap")


@dataclass(slots=True)
class CleanedSegment:
    """A cleaned segment that waits to be swapped in.

    Attributes:
        segment: it, under its temporary names.
        replaces: base offsets of the segments that it replaces.
        sizes: their sizes when they were read.
        next_base_offset: where the segment after them starts.
    """

    segment: LogSegment
    replaces: tuple[int, ...]
    sizes: tuple[int, ...]
    next_base_offset: int

    def discard(self, disk: Disk) -> None:
        """Remove its files."""
        self.segment.close()
        directory, base = self.segment.path.parent, self.segment.base_offset
        for suffix in (".log", *INDEX_SUFFIXES):
            disk.remove(segment_path(directory, base, suffix + CLEANED_SUFFIX))


def swap_in(disk: Disk, cleaned: CleanedSegment, old: list[LogSegment]) -> None:
    """Replace the files of `old` by those of `cleaned`; the cleaned segment then has its lasting names.

    Raises:
        OSError: the disk failed. Before the first rename nothing has changed; after it the next start finishes.
    """
    segment = cleaned.segment
    directory, base = segment.path.parent, segment.base_offset
    swap = segment_path(directory, base, ".log" + SWAP_SUFFIX)
    crash_point("before-swap-rename")
    transactions = segment_path(directory, base, ".txnindex")
    if (source := _with(transactions, CLEANED_SUFFIX)).exists():
        disk.replace(source, _with(transactions, SWAP_SUFFIX))
    disk.replace(segment.path, swap)
    disk.sync_directory(directory)
    crash_point("after-swap-rename")
    for each in old:
        each.close()
        for suffix in INDEX_SUFFIXES:
            disk.remove(segment_path(directory, each.base_offset, suffix))
        if each.base_offset != base:
            disk.remove(each.path)
        crash_point("after-swap-removal")
    for path in (segment.offset_index.path, segment.time_index.path):
        disk.replace(path, path.with_suffix(""))
    if (source := _with(transactions, SWAP_SUFFIX)).exists():
        disk.replace(source, transactions)
    disk.replace(swap, segment_path(directory, base, ".log"))
    segment.settle(directory)
    crash_point("after-swap")


def finish_swaps(disk: Disk, directory: Path) -> None:
    """Forget unfinished cleanings and finish the swaps that a crash interrupted.

    Raises:
        OSError: the disk is full or failed.
        CorruptRecordError: a swap file, which was durable, is damaged.
    """
    names = os.listdir(directory)  # noqa: PTH208 - thousands of logs are opened at start
    if not any(name.endswith((CLEANED_SUFFIX, SWAP_SUFFIX)) for name in names):
        return
    swaps = sorted(int(match[1]) for name in names if (match := _SWAP_FILE.fullmatch(name)))
    for name in names:
        if name.endswith(CLEANED_SUFFIX):
            disk.remove(directory / name)
    for base in swaps:
        swapped = LogSegment(disk, directory, base, 4096)
        swapped.path = segment_path(directory, base, ".log" + SWAP_SUFFIX)
        swapped.size = swapped.path.stat().st_size
        try:
            end = max((header.last_offset + 1 for _, header in swapped.headers()), default=base)
        finally:
            swapped.close()
        bases = sorted(int(name[:20]) for name in names if re.fullmatch(r"\d{20}\.log", name))
        for old in bases:
            if base < old < end:
                for suffix in (*INDEX_SUFFIXES, ".log"):
                    disk.remove(segment_path(directory, old, suffix))
        for suffix in INDEX_SUFFIXES[:2]:
            disk.remove(segment_path(directory, base, suffix))
        transactions = segment_path(directory, base, ".txnindex")
        if (source := _with(transactions, SWAP_SUFFIX)).exists():
            disk.replace(source, transactions)
        disk.replace(swapped.path, segment_path(directory, base, ".log"))
    for stale in directory.glob("*" + SWAP_SUFFIX):
        disk.remove(stale)
    if swaps:
        disk.sync_directory(directory)


def _with(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
