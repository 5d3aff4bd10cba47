"""How long a task waits for records of a partition of which it has none: ``max.task.idle.ms``.

The record to be taken next is the earliest of all partitions; while one of them has none, it is not known.

    -1     never wait
     0     wait while the broker is known to have records that were not fetched yet
     > 0   then wait so long for the broker to get some
"""

from __future__ import annotations

from collections.abc import Callable

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock

NEVER = -1


class TaskIdling:
    """Tells whether to wait for records of a partition.

    Args:
        has_more: tells whether the broker is known to have records of a partition that were not fetched yet.
        idle_ms: how long to wait for the broker, in wall-clock time, or `NEVER`.
    """

    def __init__(self, has_more: Callable[[TopicPartition], bool], idle_ms: int, clock: Clock = SYSTEM_CLOCK) -> None:
        self._has_more = has_more
        self._idle_ms = idle_ms
        self._clock = clock
        self._until: dict[TopicPartition, float] = {}

    def arrived(self, partition: TopicPartition) -> None:
        """Records of a partition were fetched: the next wait for it begins anew."""
        self._until.pop(partition, None)

    def waits(self, partition: TopicPartition) -> bool:
        """Tell whether a task that has no records of a partition waits for some."""
        if self._idle_ms == NEVER:
            return False
        if self._has_more(partition):
            return True
        if not self._idle_ms:
            return False
        now = self._clock.monotonic_s()
        return now < self._until.setdefault(partition, now + self._idle_ms / 1000)
