"""The merged order in which a task takes the records of its input partitions.

The record with the smallest timestamp among the heads goes first; ties go to the source that was added first.  While
a partition is empty but known to have more, the task waits (``max.task.idle.ms`` 0).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from kappaflow.streams.execution.row_task import RawRecord


class PartitionGroup:
    """Buffers of one task, one a topic.

    Args:
        topics: in the order of the sources.
        has_more: tells whether the broker is known to have records of a topic that were not fetched yet.
    """

    def __init__(self, topics: Sequence[str], has_more: Callable[[str], bool]) -> None:
        self._queues: dict[str, deque[tuple[int, RawRecord]]] = {topic: deque() for topic in topics}
        self._has_more = has_more

    def add(self, topic: str, records: Sequence[RawRecord], times: Sequence[int] | None = None) -> None:
        """Append fetched records of a topic; `times` are used in place of their timestamps."""
        own = [record.timestamp for record in records] if times is None else times
        self._queues[topic].extend(zip(own, records, strict=True))

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def take(self) -> Iterator[RawRecord]:
        """Yield records in merged order as long as the order is certain."""
        queues = self._queues
        if len(queues) == 1:
            (queue,) = queues.values()
            while queue:
                yield queue.popleft()[1]
            return
        while True:
            chosen: deque[tuple[int, RawRecord]] | None = None
            for topic, queue in queues.items():
                if not queue:
                    if self._has_more(topic):
                        return
                    continue
                if chosen is None or queue[0][0] < chosen[0][0]:
                    chosen = queue
            if chosen is None:
                return
            yield chosen.popleft()[1]
