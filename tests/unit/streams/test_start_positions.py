"""Where new partitions begin is committed before they are read, and nothing else with it."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from kappaflow.client.offsets import GroupGeneration
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.streams.execution.commit import OpenTask
from kappaflow.streams.execution.session import Session

OLD, NEW = TopicPartition("orders", 0), TopicPartition("orders", 1)


class Committed:
    """The offsets of a group as its brokers have them: with the text beside each."""

    def __init__(self, offsets: Mapping[TopicPartition, tuple[int, str]]) -> None:
        self.offsets = dict(offsets)

    def commit(self, offsets: Mapping[TopicPartition, int], _generation: GroupGeneration) -> None:
        self.offsets |= {partition: (offset, "") for partition, offset in offsets.items()}


def test_the_progress_beside_the_offsets_of_other_tasks_stays() -> None:
    """A topic has grown: its first partition keeps the stream time that a worker elsewhere would go on with."""
    committed = Committed({OLD: (40, "kappaflow1:progress")})
    tasks: list[Any] = [SimpleNamespace(positions={OLD: 40}), SimpleNamespace(positions={NEW: 7})]
    opened = [OpenTask(tasks[0], "app/0_0", group={OLD: 40}), OpenTask(tasks[1], "app/0_1")]
    session: Any = SimpleNamespace(opened=opened, offsets=committed, config=SimpleNamespace(exactly_once=True))
    Session._commit_start(session, GroupGeneration(3, "member"), {NEW: -2})
    assert committed.offsets == {OLD: (40, "kappaflow1:progress"), NEW: (7, "")}
    assert [each.group for each in opened] == [{OLD: 40}, {NEW: 7}]
