"""When local state of a task is used, and when it is too old for what its changelog still tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from kappaflow.client.admin import EARLIEST, ConfigValue, TopicDescription
from kappaflow.client.listed_offsets import ListedOffset
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError
from kappaflow.runtime.clock import ManualClock
from kappaflow.state.database import StateDatabase
from kappaflow.streams.execution.commit import CHANGELOG, COMMITTED_AT
from kappaflow.streams.execution.restore import RestoreJob
from kappaflow.streams.execution.task_assignor import TaskId
from kappaflow.streams.execution.task_opening import DELETE_RETENTION_MS, TaskOpener, local_name
from kappaflow.testing.simulation.counting import APPLICATION, INPUT, STORE, topology

NOW = 1_700_000_000_000
END = 50


class Cluster:
    """One changelog of 50 records, whose deletions stay for so long; None where that may not be seen."""

    def __init__(self, delete_retention_ms: int | None) -> None:
        self._delete_retention_ms = delete_retention_ms
        self.asked = 0

    def list_offsets(
        self, timestamps: Mapping[TopicPartition, int], *, described: Mapping[str, TopicDescription] | None = None
    ) -> dict[TopicPartition, ListedOffset]:
        return {p: ListedOffset(0 if time == EARLIEST else END, -1, 0) for p, time in timestamps.items()}

    def describe_topics(self, names: Sequence[str] | None = None) -> dict[str, TopicDescription]:
        return {
            name: TopicDescription(name, str(UUID(int=7)), is_internal=False, partitions=()) for name in names or ()
        }

    def describe_configs(self, resource: str, name: str) -> dict[str, ConfigValue]:
        assert (resource, name) == ("topic", f"{APPLICATION}-{STORE}-changelog")
        self.asked += 1
        if self._delete_retention_ms is None:
            raise BrokerError(29, "TOPIC_AUTHORIZATION_FAILED", "not for you")
        return {"delete.retention.ms": ConfigValue(str(self._delete_retention_ms), False, False, False)}


class Offsets:
    """The group has read ten records."""

    def fetch(
        self, partitions: Iterable[TopicPartition] | None = None, *, require_stable: bool = False
    ) -> dict[TopicPartition, CommittedOffset]:
        return {p: CommittedOffset(10) for p in partitions or ()}


@pytest.mark.parametrize(
    ("retention_ms", "age_ms", "position", "begins_at"),
    [
        pytest.param(1_000, 500, 40, 40, id="younger-than-deletions"),
        pytest.param(1_000, 501, 40, 0, id="deletions-may-be-gone"),
        pytest.param(1_000, 10_000, END, None, id="old-but-nothing-is-missed"),
        pytest.param(10 * DELETE_RETENTION_MS, DELETE_RETENTION_MS, 40, 40, id="deletions-stay-long"),
        pytest.param(0, 1, 40, 0, id="deletions-do-not-stay"),
        pytest.param(None, DELETE_RETENTION_MS // 2, 40, 40, id="not-to-be-seen"),
        pytest.param(None, DELETE_RETENTION_MS // 2 + 1, 40, 0, id="not-to-be-seen-and-old"),
    ],
)
def test_old_state_is_used_as_long_as_its_changelog_has_all_deletions_since(
    tmp_path: Path, retention_ms: int | None, age_ms: int, position: int, begins_at: int | None
) -> None:
    database = StateDatabase(tmp_path)
    cluster = Cluster(retention_ms)
    jobs: list[RestoreJob] = []
    options: dict[str, Any] = {"exactly_once": True, "clock": ManualClock(NOW)}
    opener = TaskOpener(topology(columnar=True), database, Offsets(), cluster, jobs.extend, **options)
    task = f"{APPLICATION}/{TaskId(0, 0)}"
    local = {CHANGELOG + STORE: position, COMMITTED_AT: NOW - age_ms, local_name(TopicPartition(INPUT, 0)): 10}
    database.write_positions({task: local})
    (opened,) = opener.open([TaskId(0, 0)])
    assert [job.next_offset for job in jobs] == ([] if begins_at is None else [begins_at])
    assert opened.positions == {TopicPartition(INPUT, 0): 10}
    assert cluster.asked == (position < END), "nothing is asked where nothing is missed"
