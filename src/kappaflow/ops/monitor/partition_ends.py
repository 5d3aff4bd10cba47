"""Where partitions ended at the last looks, as columns: what comes a second, and how old an offset is.

Ends of 40,000 partitions at 31 looks take 10 MB. A group's lag in seconds is the age of the moment at which the
partition's end passed the committed offset, between two looks by a straight line.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kappaflow.client.topic_partition import TopicPartition

LOOKS = 31
UNKNOWN = -1


class PartitionEnds:
    """The ends at the last looks, newest last."""

    def __init__(self, looks: int = LOOKS) -> None:
        """Nothing is known yet.

        Args:
            looks: how many are kept.
        """
        self._rows: dict[TopicPartition, int] = {}
        self._free: list[int] = []
        self._times: list[int] = []
        self._ends: NDArray[np.int64] = np.full((looks, 0), UNKNOWN, np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, at_ms: int, ends: Mapping[TopicPartition, int]) -> None:
        """Note where all partitions end now; those that are not named are forgotten."""
        for gone in [name for name in self._rows if name not in ends]:
            row = self._rows.pop(gone)
            self._ends[:, row] = UNKNOWN
            self._free.append(row)
        new = [name for name in ends if name not in self._rows]
        missing = len(new) - len(self._free)
        if missing > 0:
            looks, rows = self._ends.shape
            grown = max(missing, rows // 4)
            self._ends = np.hstack([self._ends, np.full((looks, grown), UNKNOWN, np.int64)])
            self._free.extend(range(rows + grown - 1, rows - 1, -1))
        for name in new:
            self._rows[name] = self._free.pop()
        if len(self._times) == self._ends.shape[0]:
            self._times.pop(0)
            self._ends[:-1] = self._ends[1:]
        at = len(self._times)
        self._ends[at] = UNKNOWN
        self._ends[at, [self._rows[name] for name in ends]] = list(ends.values())
        self._times.append(at_ms)

    def end(self, partition: TopicPartition) -> int | None:
        """Where a partition ends by the last look; None where that is not known."""
        row = self._rows.get(partition)
        end = UNKNOWN if row is None or not self._times else int(self._ends[len(self._times) - 1, row])
        return None if end == UNKNOWN else end

    def rates(self) -> dict[TopicPartition, float]:
        """Records a second that came between the last two looks; of partitions that both know."""
        if len(self._times) < 2 or self._times[-1] <= self._times[-2]:
            return {}
        now, before = self._ends[len(self._times) - 1], self._ends[len(self._times) - 2]
        seconds = (self._times[-1] - self._times[-2]) / 1000
        # A partition that was deleted and made again ends before it did.
        rate = np.where((now >= before) & (before != UNKNOWN), (now - before) / seconds, np.nan)
        return {name: float(rate[row]) for name, row in self._rows.items() if not np.isnan(rate[row])}

    def age_seconds(self, partition: TopicPartition, committed: int) -> float | None:
        """How long ago the record at an offset came, at least; 0 where all was read, None where nothing is known."""
        row = self._rows.get(partition)
        if row is None or not self._times:
            return None
        known = [
            (at, int(end))
            for at, end in zip(self._times, self._ends[: len(self._times), row], strict=True)
            if end != UNKNOWN
        ]
        if not known:
            return None
        now = known[-1][0]
        if committed >= known[-1][1]:
            return 0.0
        for (at, end), (later, after) in zip(reversed(known[:-1]), reversed(known[1:]), strict=True):
            if end <= committed:
                part = (committed - end) / (after - end) if after > end else 0.0
                return (now - (at + part * (later - at))) / 1000
        return (now - known[0][0]) / 1000
