"""The aborted transactions of cleaned segments: an entry stays for as long as its transaction has data and a marker.

An entry without a marker would make readers drop what the same producer commits later.

    entry (34 bytes)   version int16, producer id, first offset, last offset, last stable offset, int64 each
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from struct import Struct

from kappaflow.runtime.disk import Disk
from kappaflow.storage.segment import segment_path

TRANSACTION_INDEX_SUFFIX = ".txnindex"
ENTRY = Struct(">hqqqq")


def clean_transaction_index(disk: Disk, directory: Path, bases: Sequence[int], markers: Collection[int]) -> None:
    """Write the entries of the segments at `bases` whose marker is in `markers` next to the cleaned segment.

    Raises:
        OSError: the disk is full or failed.
    """
    kept = b""
    found = False
    for base in bases:
        path = segment_path(directory, base, TRANSACTION_INDEX_SUFFIX)
        if not path.exists():
            continue
        found = True
        data = path.read_bytes()
        whole = data[: len(data) // ENTRY.size * ENTRY.size]
        kept += b"".join(ENTRY.pack(*entry) for entry in ENTRY.iter_unpack(whole) if entry[3] in markers)
    if not found:
        return
    fd = disk.open(segment_path(directory, bases[0], TRANSACTION_INDEX_SUFFIX + ".cleaned"), create=True)
    try:
        disk.truncate(fd, 0)
        disk.write(fd, [kept], 0)
        disk.sync(fd)
    finally:
        disk.close(fd)
