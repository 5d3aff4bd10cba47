"""Waiting for records of partitions that have none."""

from __future__ import annotations

import pytest

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.streams.execution.task_idling import NEVER, TaskIdling

PARTITION = TopicPartition("orders", 0)


class Clock:
    now = 100.0

    def time_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic_s(self) -> float:
        return self.now


@pytest.mark.parametrize(("idle_ms", "known", "waits"), [(NEVER, True, False), (0, True, True), (0, False, False)])
def test_what_the_broker_has_is_waited_for_unless_never(idle_ms: int, known: bool, waits: bool) -> None:
    assert TaskIdling(lambda _: known, idle_ms, Clock()).waits(PARTITION) is waits


def test_a_wait_ends_with_its_time_and_begins_anew_with_the_next_records() -> None:
    clock = Clock()
    idling = TaskIdling(lambda _: False, 500, clock)
    assert idling.waits(PARTITION)
    clock.now += 0.499
    assert idling.waits(PARTITION)
    clock.now += 0.001
    assert not idling.waits(PARTITION)
    assert not idling.waits(PARTITION), "until records come, the time that is over stays over"
    idling.arrived(PARTITION)
    assert idling.waits(PARTITION)
