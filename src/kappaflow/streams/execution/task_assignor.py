"""Which member of a query's group runs which tasks.

Subscriptions and assignments are Kafka's own, with tasks and addresses as user data: brokers and tools read them.

The unit is a task (subtopology, partition): all topics that its subtopology reads are assigned together.  A member
keeps the tasks that it has as far as that stays even, because their state is on its disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from kappaflow.client.assignors import GroupMember
from kappaflow.client.consumer_protocol import (
    Assignment,
    Subscription,
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.streams.topology import Topology


class TaskId(NamedTuple):
    """A task: printed as ``<subtopology>_<partition>``, as Kafka Streams does."""

    subtopology: int
    partition: int

    def __str__(self) -> str:
        return f"{self.subtopology}_{self.partition}"


class TaskAssignment(NamedTuple):
    """The user data of an assignment.

    Attributes:
        tasks: what the member runs.
        counts: the number of partitions of each topic of the group when it was made.
        shuts_down: whether a member has asked all of them to end.
    """

    tasks: list[TaskId]
    counts: dict[str, int]
    shuts_down: bool = False


class MemberData(NamedTuple):
    """The user data of a subscription.

    Attributes:
        application_server: URL of the member's server; empty where it has none.
        assignment: what the member has.
        shuts_down: whether it asks all members to end; said only where it is so, as earlier versions do not know it.
    """

    application_server: str
    assignment: bytes
    shuts_down: bool = False


def encode_tasks(
    tasks: Sequence[TaskId],
    partitions: Sequence[TopicPartition] = (),
    counts: Mapping[str, int] | None = None,
    *,
    shuts_down: bool = False,
) -> bytes:
    """Write an assignment.

    Args:
        partitions: what the tasks read, for tools that look at the group.
        counts: the number of partitions of each topic of the group.
        shuts_down: all members are to end.
    """
    row = TaskAssignment(list(tasks), dict(counts or {}), shuts_down)
    data = msgspec.msgpack.encode(row if shuts_down else row[:2])
    return encode_assignment(Assignment(tuple(partitions), data))


def encode_member(
    tasks: bytes, application_server: str, topics: Sequence[str] = (), *, shuts_down: bool = False
) -> bytes:
    """Write what a member tells: the address of its server, what `encode_tasks` gave, whether all are to end.

    Brokers read the topics of every member of a group of this kind, and complete no join where they cannot.
    """
    row = MemberData(application_server, tasks, shuts_down)
    return encode_subscription(Subscription(tuple(topics), msgspec.msgpack.encode(row if shuts_down else row[:2])))


def decode_member(data: bytes) -> MemberData:
    """Read what `encode_member` wrote; no bytes are a member without an address and tasks."""
    return msgspec.msgpack.decode(decode_subscription(data).user_data, type=MemberData) if data else MemberData("", b"")


def decode_tasks(data: bytes) -> list[TaskId]:
    """Read what `encode_tasks` wrote; no bytes are no tasks."""
    return _decode(data).tasks


def ends_all(assignment: bytes) -> bool:
    """Tell whether an assignment says that all members are to end."""
    return _decode(assignment).shuts_down


def _decode(data: bytes) -> TaskAssignment:
    found = decode_assignment(data).user_data
    return msgspec.msgpack.decode(found, type=TaskAssignment) if found else TaskAssignment([], {})


class TaskAssignor:
    """The assignor of a topology's group.

    Args:
        application_server: URL at which the rows in this member's state can be asked for; empty where they cannot.

    Attributes:
        name: the group protocol.
        shuts_down: whether this member asks all to end, from its next join on.
    """

    def __init__(self, topology: Topology, application_server: str = "") -> None:
        self.name = "kappaflow-tasks"
        self._application_server = application_server
        self._topology = topology
        self.shuts_down = False

    def subscription(self, topics: Sequence[str], assignment: bytes) -> bytes:
        """Tell the leader which tasks this member has, and everybody where its server is."""
        return encode_member(assignment, self._application_server, topics, shuts_down=self.shuts_down)

    def tasks(self, partitions: Mapping[str, int]) -> list[TaskId]:
        """Return all tasks of the topology for these partition counts."""
        found: list[TaskId] = []
        for sub in self._topology.task_subtopologies:
            count = max((partitions.get(topic, 0) for topic in sub.sources), default=0)
            found += [TaskId(sub.number, partition) for partition in range(count)]
        return found

    def assign(self, members: Mapping[str, GroupMember], partitions: Mapping[str, int]) -> Mapping[str, bytes]:
        """Spread the tasks; static members are ordered by their instance ids, so that the result is repeatable.

        Where a member asks all to end nobody gets one.  Source: KIP-671.
        """
        told = {member: decode_member(row.metadata) for member, row in members.items()}
        if any(row.shuts_down for row in told.values()):
            return {member: encode_tasks((), (), partitions, shuts_down=True) for member in members}
        order = sorted(members, key=lambda m: (members[m].group_instance_id or "", m))
        tasks = self.tasks(partitions)
        most = -(-len(tasks) // len(order)) if order else 0
        owned: dict[str, list[TaskId]] = {member: [] for member in order}
        free = set(tasks)
        for member in order:
            for task in decode_tasks(told[member].assignment):
                if task in free and len(owned[member]) < most:
                    owned[member].append(task)
                    free.discard(task)
        for task in sorted(free):
            member = min(order, key=lambda m: (len(owned[m]), order.index(m)))
            owned[member].append(task)
        return {member: self._assignment(sorted(list_), partitions) for member, list_ in owned.items()}

    def partition_counts(self, assignment: bytes) -> Mapping[str, int]:
        """What `assign` was given when it made this assignment."""
        return _decode(assignment).counts

    def _assignment(self, tasks: Sequence[TaskId], counts: Mapping[str, int]) -> bytes:
        read = [TopicPartition(topic, t.partition) for t in tasks for topic in self._sources(t)]
        return encode_tasks(tasks, read, counts)

    def _sources(self, task: TaskId) -> Sequence[str]:
        return tuple(next(sub.sources for sub in self._topology.subtopologies if sub.number == task.subtopology))
