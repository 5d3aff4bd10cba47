"""Small text files with offsets, in Kafka's checkpoint format: version, count, one line an entry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kappaflow.runtime.disk import Disk, replace_file

TopicPartition = tuple[str, int]


def write_offsets(disk: Disk, path: Path, offsets: Mapping[TopicPartition, int], *, durable: bool = True) -> None:
    """Write `topic partition offset` lines.

    Raises:
        OSError: the disk is full or failed; the old file stays.
    """
    lines = ["0", str(len(offsets))]
    lines += [f"{topic} {partition} {offset}" for (topic, partition), offset in sorted(offsets.items())]
    replace_file(disk, path, ("\n".join(lines) + "\n").encode(), durable=durable)


def read_offsets(path: Path) -> dict[TopicPartition, int]:
    """Read such a file; a missing or damaged one is empty: the offsets only save work."""
    entries: dict[TopicPartition, int] = {}
    try:
        lines = path.read_text().splitlines()
        if lines[0] != "0" or int(lines[1]) != len(lines) - 2:
            return {}
        for line in lines[2:]:
            topic, partition, offset = line.split(" ")
            entries[topic, int(partition)] = int(offset)
    except (OSError, ValueError, IndexError):
        return {}
    return entries


class LeaderEpochs:
    """At which offset each leader epoch of a partition starts, kept in `leader-epoch-checkpoint`."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self._entries: list[tuple[int, int]] = []
        try:
            lines = path.read_text().splitlines()
            self._entries = [(int(line.split(" ")[0]), int(line.split(" ")[1])) for line in lines[2:]]
        except (OSError, ValueError, IndexError):
            self._entries = []

    @property
    def latest(self) -> int:
        """The newest epoch, -1 where none has written."""
        return self._entries[-1][0] if self._entries else -1

    @property
    def entries(self) -> list[tuple[int, int]]:
        """(epoch, start offset), oldest first."""
        return list(self._entries)

    def assign(self, epoch: int, start_offset: int) -> None:
        """Note that batches from `start_offset` on were written under `epoch`."""
        if epoch > self.latest:
            self._entries.append((epoch, start_offset))
            self._write()

    def end_offset(self, epoch: int, log_end_offset: int) -> tuple[int, int]:
        """(the largest epoch not beyond `epoch`, the offset at which it ends); (-1, -1) where unknown.

        Source: KIP-101, KIP-279
        """
        if epoch < 0 or not self._entries or epoch > self.latest:
            return -1, -1
        found, end = -1, self._entries[0][1]
        for slot, (known, _) in enumerate(self._entries):
            if known > epoch:
                break
            found = known
            end = self._entries[slot + 1][1] if slot + 1 < len(self._entries) else log_end_offset
        return (epoch, end) if found < 0 else (found, end)

    def truncate_from_end(self, end_offset: int) -> None:
        """Drop epochs that start at or after `end_offset`."""
        kept = [entry for entry in self._entries if entry[1] < end_offset]
        if kept != self._entries:
            self._entries = kept
            self._write()

    def truncate_from_start(self, start_offset: int) -> None:
        """Drop epochs that end before `start_offset`; the one that spans it starts there."""
        later = [entry for entry in self._entries if entry[1] > start_offset]
        spanning = [entry for entry in self._entries if entry[1] <= start_offset]
        kept = ([(spanning[-1][0], start_offset)] if spanning else []) + later
        if kept != self._entries:
            self._entries = kept
            self._write()

    def _write(self) -> None:
        lines = ["0", str(len(self._entries)), *(f"{epoch} {offset}" for epoch, offset in self._entries)]
        replace_file(self._disk, self._path, ("\n".join(lines) + "\n").encode(), durable=False)
