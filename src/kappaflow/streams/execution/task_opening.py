"""Open the tasks of an assignment: where each goes on, and what its state lacks.

    group's offsets ─┐
    local positions ─┼──▶ where input goes on, which stores are behind ──restore──▶ opened tasks
    changelog ends ──┘

Local state is used where it belongs to the changelogs that there are now, and is wiped where it does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from kappaflow.client.admin import EARLIEST, LATEST, ConfigValue, TopicDescription
from kappaflow.client.listed_offsets import ListedOffset
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.state.database import DurableStore, StateDatabase
from kappaflow.streams.execution.commit import (
    CHANGELOG,
    COMMITTED_AT,
    GROUP,
    LOCAL_ONLY,
    PROGRESS_MARK,
    RESTORING,
    TOPIC_ID,
    Changelog,
    decode_progress,
    group_marks,
)
from kappaflow.streams.execution.restore import RestoreJob
from kappaflow.streams.execution.task_assignor import TaskId
from kappaflow.streams.topology import Subtopology, Topology

logger = logging.getLogger(__name__)
DELETE_RETENTION_MS = 86_400_000
"""How long deletions stay in a changelog where the topic's setting may not be seen: Kafka's default."""


class GroupOffsets(Protocol):
    """The committed offsets of the group."""

    def fetch(
        self, partitions: Iterable[TopicPartition] | None = None, *, require_stable: bool = False
    ) -> dict[TopicPartition, CommittedOffset]:
        """Read them; with `require_stable`, wait for the end of transactions that commit some."""
        ...


class Cluster(Protocol):
    """What is asked of the cluster."""

    def list_offsets(
        self, timestamps: Mapping[TopicPartition, int], *, described: Mapping[str, TopicDescription] | None = None
    ) -> dict[TopicPartition, ListedOffset]:
        """The beginnings or ends of partitions; ends are high watermarks."""
        ...

    def describe_topics(self, names: Sequence[str] | None = None) -> dict[str, TopicDescription]:
        """Topics with their ids; those that do not exist are left out."""
        ...

    def describe_configs(self, resource: Literal["topic", "broker"], name: str) -> dict[str, ConfigValue]:
        """The settings of a topic; BrokerError where they may not be seen."""
        ...


@dataclass(slots=True)
class OpeningTask:
    """A task about to run.

    Attributes:
        name: in the database.
        positions: the next offset of each input; inputs that nobody has read yet are missing.
        progress: times and drop counts to go on with.
        changelogs: of its stores, by store.
        group: the offsets that the group has.
        topics: of its sources, those that have its partition.
        fresh: stores in memory that have nothing yet of what the changelogs have.
    """

    id: TaskId
    subtopology: Subtopology
    name: str
    stores: dict[str, DurableStore]
    positions: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    progress: dict[str, int] = field(default_factory=dict[str, int])
    changelogs: dict[str, Changelog] = field(default_factory=dict[str, Changelog])
    group: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    topics: tuple[str, ...] = ()
    fresh: frozenset[str] = frozenset()

    @property
    def inputs(self) -> list[TopicPartition]:
        """The partitions that the task reads."""
        return [TopicPartition(topic, self.id.partition) for topic in self.topics]


class TaskOpener:
    """Opens tasks.

    Args:
        restore: fills stores; returns when all are at their ends.
        exactly_once: whether the group's offsets alone say where input goes on.
    """

    def __init__(
        self,
        topology: Topology,
        database: StateDatabase,
        offsets: GroupOffsets,
        cluster: Cluster,
        restore: Callable[[Sequence[RestoreJob]], None],
        *,
        exactly_once: bool,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._topology = topology
        self._database = database
        self._offsets = offsets
        self._cluster = cluster
        self._restore = restore
        self._exactly_once = exactly_once
        self._clock = clock
        self._delete_retention: dict[str, int] = {}

    def open(self, task_ids: Sequence[TaskId]) -> list[OpeningTask]:
        """Open tasks with current stores.

        Raises:
            RestoreInterrupted: a restore was told to stop.
            BrokerError: the brokers do not answer.
        """
        self._database.keep_memory(self._topology.application_id, [self._name(task_id) for task_id in task_ids])
        counts = self._counts(task_ids)
        tasks = [self._opening(task_id, counts) for task_id in task_ids]
        inputs = [partition for task in tasks for partition in task.inputs]
        # In this order: a transaction whose offsets are decided may still write its markers into changelogs, and the
        # ends that are asked for afterwards are beyond its records.
        committed = self._offsets.fetch(inputs, require_stable=self._exactly_once) if inputs else {}
        begins, ends, ids = self._changelog_bounds(tasks)
        jobs: list[RestoreJob] = []
        for task in tasks:
            jobs += self._plan(task, committed, begins, ends, ids)
        self._restore(jobs)
        reached = {(job.task, job.spec.name): job.next_offset for job in jobs}
        for task in tasks:
            for store, changelog in task.changelogs.items():
                changelog.next_offset = reached.get((task.name, store), changelog.next_offset)
            if any(job.task == task.name for job in jobs):
                self._database.commit([], {task.name: self._restored(task)})
            for store in task.stores.values():
                if store.memory is not None:
                    store.memory.is_current = True
        return tasks

    def _counts(self, task_ids: Sequence[TaskId]) -> dict[str, int]:
        """Return the partitions of topics that are read together; they need not have equally many."""
        subs = [self._topology.subtopologies[number] for number in {each.subtopology for each in task_ids}]
        together = {topic for sub in subs if len(sub.sources) > 1 for topic in sub.sources}
        described = self._cluster.describe_topics(sorted(together)) if together else {}
        return {name: len(row.partitions) for name, row in described.items() if row.partitions}

    def _name(self, task_id: TaskId) -> str:
        return f"{self._topology.application_id}/{task_id}"

    def _opening(self, task_id: TaskId, counts: Mapping[str, int]) -> OpeningTask:
        sub = self._topology.subtopologies[task_id.subtopology]
        name, at = self._name(task_id), task_id.partition
        stores = {
            spec.name: self._database.store(name, spec.name, spec.types, in_memory=spec.in_memory)
            for spec in sub.stores
        }
        topics = tuple(topic for topic in sub.sources if counts.get(topic, at + 1) > at)
        task = OpeningTask(task_id, sub, name, stores, topics=topics)
        task.fresh = _fresh(task)
        return task

    def _changelog_bounds(
        self, tasks: Sequence[OpeningTask]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int], dict[str, int]]:
        wanted = dict.fromkeys(
            TopicPartition(self._topology.changelog_topic(spec), task.id.partition)
            for task in tasks
            for spec in task.subtopology.stores
        )
        if not wanted:
            return {}, {}, {}
        described = self._cluster.describe_topics(sorted({partition.topic for partition in wanted}))
        known = [partition for partition in wanted if partition.topic in described]

        def listed(at: int) -> dict[TopicPartition, int]:
            found = self._cluster.list_offsets(dict.fromkeys(known, at), described=described)
            return {partition: row.offset for partition, row in found.items()}

        begins, ends = listed(EARLIEST), listed(LATEST)
        return begins, ends, {name: short_id(row.topic_id) for name, row in described.items()}

    def _plan(
        self,
        task: OpeningTask,
        committed: Mapping[TopicPartition, CommittedOffset],
        begins: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        ids: Mapping[str, int],
    ) -> list[RestoreJob]:
        """Set where input goes on, and return the stores to be restored, with the local state wiped if it is no use."""
        local = self._database.positions(task.name)
        group = {p: committed[p] for p in task.inputs if p in committed}
        offsets = {p: at.offset for p, at in group.items()}
        task.group = offsets
        by_name = {local_name(p): offset for p, offset in offsets.items()}
        ahead = not self._exactly_once and is_ahead(local, by_name) and not is_set_by_others(local, by_name)
        bounds = {
            spec.name: self._bounds(task, spec.name, spec.logged, offsets, begins, ends, ids)
            for spec in task.subtopology.stores
        }
        is_new = self._exactly_once and len(group) < len(task.subtopology.sources)
        on_disk = {store: bound for store, bound in bounds.items() if store not in task.fresh}
        if local and (is_new or not self._is_usable(local, on_disk, check_positions=not ahead)):
            self._database.drop_task(task.name)
            local, ahead, task.fresh = {}, False, _fresh(task)
        if ahead:
            inputs = {local_name(p): p for p in task.inputs}
            task.positions = {p: local[name] for name, p in inputs.items() if name in local}
            task.progress = _progress_of(local)
        else:
            task.positions = offsets
            task.progress = _newest_progress(local, by_name, group)
        jobs: list[RestoreJob] = []
        for spec in task.subtopology.stores:
            changelog, begin, end = bounds[spec.name]
            is_fresh = spec.name in task.fresh
            changelog.next_offset = begin if is_fresh else local.get(CHANGELOG + spec.name, begin)
            task.changelogs[spec.name] = changelog
            if is_fresh and ahead and changelog.is_input:
                end = max(end, task.positions.get(changelog.partition, end))
            if (is_fresh or not ahead) and changelog.next_offset < end:
                store, at = task.stores[spec.name], changelog
                jobs.append(RestoreJob(task.name, spec, store, at.partition, at.topic_id, at.next_offset, end))
        return jobs

    def _bounds(
        self,
        task: OpeningTask,
        store: str,
        logged: bool,
        offsets: Mapping[TopicPartition, int],
        begins: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        ids: Mapping[str, int],
    ) -> tuple[Changelog, int, int]:
        """The changelog of a store, where it begins, and where a restore ends."""
        (spec,) = (spec for spec in task.subtopology.stores if spec.name == store)
        partition = TopicPartition(self._topology.changelog_topic(spec), task.id.partition)
        begin, end = begins.get(partition, 0), ends.get(partition, 0)
        if not logged:
            # An input topic counts as far as it was processed.
            end = min(end, offsets.get(partition, begin))
        return Changelog(partition, ids.get(partition.topic, 0), begin, is_input=not logged), begin, end

    def _is_usable(
        self, local: Mapping[str, int], bounds: Mapping[str, tuple[Changelog, int, int]], *, check_positions: bool
    ) -> bool:
        """Whether local stores and the changelogs that there are now have one history."""
        for store, (changelog, begin, end) in bounds.items():
            if TOPIC_ID + store in local and local[TOPIC_ID + store] != changelog.topic_id:
                return False
            if check_positions and not begin <= local.get(CHANGELOG + store, -1) <= end:
                return False
        if not check_positions or COMMITTED_AT not in local:
            return True
        age_ms = self._clock.time_ms() - local[COMMITTED_AT]
        behind = {
            changelog.partition.topic for store, (changelog, _, end) in bounds.items() if local[CHANGELOG + store] < end
        }
        # Deletions that were never read may be gone; half of their time is left for clocks and for the restore.
        return all(age_ms <= self._delete_retention_ms(topic) // 2 for topic in sorted(behind))

    def _delete_retention_ms(self, topic: str) -> int:
        """How long a changelog keeps deletions."""
        if topic not in self._delete_retention:
            try:
                value = self._cluster.describe_configs("topic", topic)["delete.retention.ms"].value
            except (BrokerError, KeyError) as error:
                logger.info("How long %s keeps deletions is not known, a day is taken for it: %s", topic, error)
                value = None
            self._delete_retention[topic] = DELETE_RETENTION_MS if value is None else int(value)
        return self._delete_retention[topic]

    def _restored(self, task: OpeningTask) -> dict[str, int]:
        """What the database says of a task whose stores are current."""
        kept = {local_name(partition): offset for partition, offset in task.positions.items()}
        kept |= task.progress
        kept |= group_marks(task.group)
        kept[COMMITTED_AT] = self._clock.time_ms()
        for store, changelog in task.changelogs.items():
            kept[CHANGELOG + store] = changelog.next_offset
            kept[TOPIC_ID + store] = changelog.topic_id
        return kept


def _fresh(task: OpeningTask) -> frozenset[str]:
    """Return the stores in memory that are to be restored from the beginnings of their changelogs, and empty them."""
    found = {name: store for name, store in task.stores.items() if store.memory and not store.memory.is_current}
    for store in found.values():
        store.clear()
    return frozenset(found)


def local_name(partition: TopicPartition) -> str:
    """The name of an input's position in the database."""
    return f"{partition.topic}-{partition.partition}"


def short_id(topic_id: str) -> int:
    """A topic id as a number that the database keeps; 0 where there is none."""
    return UUID(topic_id).int & (2**63 - 1) if topic_id else 0


def is_ahead(local: Mapping[str, int], committed: Mapping[str, int]) -> bool:
    """Tell whether local positions are there and at or beyond the group's: then local state is the newest there is."""
    if not local or RESTORING in local:
        return False
    return all(local.get(name, -1) >= offset for name, offset in committed.items())


def is_set_by_others(local: Mapping[str, int], committed: Mapping[str, int]) -> bool:
    """Tell whether the group's offsets are neither the local positions nor those of the commit before: then they were
    reset, and what is ahead of them is to be read again."""
    if not any(name.startswith(GROUP) for name in local):
        return False
    return any(offset not in (local.get(name), local.get(GROUP + name)) for name, offset in committed.items())


def _progress_of(local: Mapping[str, int]) -> dict[str, int]:
    return {k: v for k, v in local.items() if k.startswith(PROGRESS_MARK) and not k.startswith(LOCAL_ONLY)}


def _newest_progress(
    local: Mapping[str, int], by_name: Mapping[str, int], group: Mapping[TopicPartition, CommittedOffset]
) -> dict[str, int]:
    """The local progress where it goes with the group's offsets, else that beside the offsets, else what is left."""
    mine = _progress_of(local)
    if mine and by_name and all(local.get(name) == offset for name, offset in by_name.items()):
        return mine
    for at in group.values():
        found = decode_progress(at.metadata)
        if found:
            return found
    return mine
