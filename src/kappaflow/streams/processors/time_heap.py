"""A queue by time whose order of equal times is Java's.

Kafka Streams leaves open which of two records or scheduled calls of the same time comes first; what it does follows
from the binary heap of ``java.util.PriorityQueue``, and is what its users see.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")


class TimeHeap(Generic[Item]):
    """Items by time.

    >>> heap = TimeHeap()
    >>> for item in "abc":
    ...     heap.add(0, item)
    >>> heap.take(), heap.take(), heap.take()
    ('a', 'c', 'b')
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, Item]] = []

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def first_time(self) -> int | None:
        """The time of the next item; None where there is none."""
        return self._heap[0][0] if self._heap else None

    def add(self, time: int, item: Item) -> None:
        """Add an item."""
        entry, heap = (time, item), self._heap
        heap.append(entry)
        at = len(heap) - 1
        while at > 0:
            above = (at - 1) // 2
            if time >= heap[above][0]:
                break
            heap[at] = heap[above]
            at = above
        heap[at] = entry

    def take(self) -> Item:
        """Take the next item; there is one."""
        heap = self._heap
        first = heap[0][1]
        last = heap.pop()
        if heap:
            at, size = 0, len(heap)
            while at < size // 2:
                child = 2 * at + 1
                if child + 1 < size and heap[child][0] > heap[child + 1][0]:
                    child += 1
                if last[0] <= heap[child][0]:
                    break
                heap[at] = heap[child]
                at = child
            heap[at] = last
        return first
