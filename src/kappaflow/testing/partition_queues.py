"""Which record a task takes next, with Kafka Streams' own choice between records of the same time."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from kappaflow.streams.processors.time_heap import TimeHeap

Item = TypeVar("Item")


class PartitionQueues(Generic[Item]):
    """Queues by topic; `take` gives the first record of the queue whose first record is the oldest."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[tuple[int, Item]]] = {}
        self._heap = TimeHeap[str]()

    def add(self, topic: str, time: int, item: Item) -> None:
        """Put a record behind the others of its topic."""
        queue = self._queues.setdefault(topic, deque())
        queue.append((time, item))
        if len(queue) == 1:
            self._heap.add(time, topic)

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def take(self) -> Item | None:
        """Return the next record, or None."""
        if not self._heap:
            return None
        topic = self._heap.take()
        queue = self._queues[topic]
        _, item = queue.popleft()
        if queue:
            self._heap.add(queue[0][0], topic)
        return item
