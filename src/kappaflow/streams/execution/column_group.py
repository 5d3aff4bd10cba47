"""The merged order of a task's input partitions, for batches.

Taking the record with the smallest timestamp among the heads, again and again, is a stable sort by each partition's
running maximum of timestamps: a record that is earlier than the one before it follows that one at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kappaflow.streams.batch import Int64s
from kappaflow.streams.execution.source_columns import SourceBatch


@dataclass(slots=True)
class _Waiting:
    """A fetched chunk of which the rows before `start` were taken."""

    source: SourceBatch
    next_offset: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """Rows [start, end) of a chunk, with their positions in the merged order.

    Attributes:
        next_offset: where the partition goes on after them.
    """

    topic: str
    source: SourceBatch
    start: int
    end: int
    ord: Int64s
    next_offset: int


class ColumnGroup:
    """Buffers of one task, one a topic; the twin of `PartitionGroup`.

    Args:
        topics: in the order of the sources; equal timestamps go in this order.
        has_more: tells whether the broker is known to have records of a topic that were not fetched yet.
    """

    def __init__(self, topics: Sequence[str], has_more: Callable[[str], bool]) -> None:
        self._queues: dict[str, deque[_Waiting]] = {topic: deque() for topic in topics}
        self._has_more = has_more
        self._next_ord = 0

    def add(self, topic: str, source: SourceBatch, next_offset: int) -> None:
        """Append a fetched chunk of a topic."""
        self._queues[topic].append(_Waiting(source, next_offset))

    def __len__(self) -> int:
        return sum(len(w.source.batch) - w.start for queue in self._queues.values() for w in queue)

    def waiting(self, topic: str) -> int:
        """How many rows of a topic wait."""
        return sum(len(w.source.batch) - w.start for w in self._queues[topic])

    def take(self) -> list[Taken]:
        """Return rows as far as their merged order is certain, each topic's in its own order."""
        orders = self._orders()
        taken = [
            part for topic, queue in self._queues.items() for part in self._take_topic(topic, queue, orders[topic])
        ]
        self._next_ord += sum(part.end - part.start for part in taken)
        return taken

    def _orders(self) -> dict[str, Int64s]:
        """Return the positions of the rows of each topic that can be taken."""
        waiting = {topic: _timestamps(queue) for topic, queue in self._queues.items()}
        base = self._next_ord
        if len(waiting) == 1:
            return {topic: base + np.arange(len(times)) for topic, times in waiting.items()}
        counts = [len(times) for times in waiting.values()]
        heads = [np.maximum.accumulate(times) if len(times) else times for times in waiting.values()]
        position = np.empty(sum(counts), np.int64)
        position[np.argsort(np.concatenate(heads), kind="stable")] = np.arange(len(position))
        orders = dict(zip(waiting, np.split(position, np.cumsum(counts)[:-1]), strict=True))
        # Behind the last row of a partition that has more, the next head is not known.
        ends = [int(o[-1]) + 1 if len(o) else 0 for topic, o in orders.items() if self._has_more(topic)]
        end = min(ends, default=len(position))
        return {topic: base + order[order < end] for topic, order in orders.items()}

    def _take_topic(self, topic: str, queue: deque[_Waiting], order: Int64s) -> list[Taken]:
        parts: list[Taken] = []
        done = 0
        while queue:
            first = queue[0]
            length = len(first.source.batch)
            count = min(length - first.start, len(order) - done)
            end = first.start + count
            whole = end == length
            if not count and not whole:
                break
            offsets = first.source.batch.offset
            next_offset = first.next_offset if whole or offsets is None else int(offsets[end - 1]) + 1
            parts.append(Taken(topic, first.source, first.start, end, order[done : done + count], next_offset))
            done += count
            if not whole:
                first.start = end
                break
            queue.popleft()
        return parts


def _timestamps(queue: deque[_Waiting]) -> Int64s:
    if not queue:
        return np.zeros(0, np.int64)
    return np.concatenate([_times(w) for w in queue])


def _times(waiting: _Waiting) -> Int64s:
    """The times by which rows are chosen; a row that cannot go on is passed at once and orders nothing."""
    times, bad = waiting.source.batch.timestamp[waiting.start :], waiting.source.bad
    return times if bad is None else np.where(bad[waiting.start :], np.iinfo(np.int64).min, times)
