"""Which record a task takes next, with Java's own choice between records of the same time.

The queues of a task's partitions stand in a binary heap by the times of their first records; how equal times are
placed in it follows from the order of insertions.  Source: ``java.util.PriorityQueue``, ``PartitionGroup``.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class PartitionQueues(Generic[Item]):
    """Queues by topic; `take` gives the first record of the queue whose first record is the oldest."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[tuple[int, Item]]] = {}
        self._heap: list[str] = []

    def add(self, topic: str, time: int, item: Item) -> None:
        """Put a record behind the others of its topic."""
        queue = self._queues.setdefault(topic, deque())
        queue.append((time, item))
        if len(queue) == 1:
            self._offer(topic)

    def take(self) -> Item | None:
        """Return the next record, or None."""
        if not self._heap:
            return None
        topic = self._heap[0]
        last = self._heap.pop()
        if self._heap:
            self._sift_down(last)
        queue = self._queues[topic]
        _, item = queue.popleft()
        if queue:
            self._offer(topic)
        return item

    def _time(self, topic: str) -> int:
        return self._queues[topic][0][0]

    def _offer(self, topic: str) -> None:
        self._heap.append(topic)
        at, time = len(self._heap) - 1, self._time(topic)
        while at > 0:
            above = (at - 1) // 2
            if time >= self._time(self._heap[above]):
                break
            self._heap[at] = self._heap[above]
            at = above
        self._heap[at] = topic

    def _sift_down(self, topic: str) -> None:
        at, time, size = 0, self._time(topic), len(self._heap)
        while at < size // 2:
            child = 2 * at + 1
            if child + 1 < size and self._time(self._heap[child]) > self._time(self._heap[child + 1]):
                child += 1
            if time <= self._time(self._heap[child]):
                break
            self._heap[at] = self._heap[child]
            at = child
        self._heap[at] = topic
