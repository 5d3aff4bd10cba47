"""The merged order in which a task takes the records of its input partitions.

The record with the smallest timestamp among the heads goes first; ties go to the source that was added first.  While
a partition is empty but known to have more, the task waits (``max.task.idle.ms`` 0).  What has no time (records that
cannot be decoded, the end of a chunk without records) is passed as soon as it is at the head, and orders nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Entry(NamedTuple, Generic[T]):
    """Something of a partition that waits for its turn.

    Attributes:
        time: None where it has none.
        item: None at the end of a chunk.
        next_offset: where the partition goes on when this has been processed.
    """

    topic: str
    time: int | None
    item: T | None
    next_offset: int


class PartitionGroup(Generic[T]):
    """Buffers of one task, one a topic.

    Args:
        topics: in the order of the sources.
        has_more: tells whether the broker is known to have records of a topic that were not fetched yet.
    """

    def __init__(self, topics: Sequence[str], has_more: Callable[[str], bool]) -> None:
        self._queues: dict[str, deque[Entry[T]]] = {topic: deque() for topic in topics}
        self._has_more = has_more

    def add(self, topic: str, entries: Iterable[tuple[int | None, T | None, int]]) -> None:
        """Append what was fetched of a topic: time, item and next offset of each."""
        self._queues[topic].extend(Entry(topic, *entry) for entry in entries)

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def waiting(self, topic: str) -> int:
        """How many entries of a topic wait."""
        return len(self._queues[topic])

    def take(self) -> Iterator[Entry[T]]:
        """Yield entries in merged order as long as the order is certain."""
        queues = self._queues
        if len(queues) == 1:
            (queue,) = queues.values()
            while queue:
                yield queue.popleft()
            return
        while True:
            chosen: deque[Entry[T]] | None = None
            waits = False
            for topic, queue in queues.items():
                while queue and queue[0].time is None:
                    yield queue.popleft()
                if not queue:
                    waits = waits or self._has_more(topic)
                elif chosen is None or (queue[0].time or 0) < (chosen[0].time or 0):
                    chosen = queue
            if chosen is None or waits:
                return
            yield chosen.popleft()
