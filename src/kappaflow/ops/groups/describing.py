"""Groups with their members, and how far behind they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kappaflow.client.admin import EARLIEST, LATEST
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.admin.faces import GroupState, MemberState
from kappaflow.ops.groups import texts as _texts
from kappaflow.ops.groups.record_times import first_timestamps
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts
DEAD = "Dead"


class PartitionLag(NamedTuple):
    """One partition that a group reads.

    Attributes:
        partition: which.
        committed: the next offset to read; None where nothing was committed.
        begin: the first offset that there is.
        end: the high watermark; None where the partition has no leader.
        lag: records that are not read yet; None where one of the two is not known.
        lag_seconds: the age of the oldest record that is not read yet; 0 where there is none, None where not asked for.
        member: who reads it now.
    """

    partition: TopicPartition
    committed: int | None
    begin: int | None
    end: int | None
    lag: int | None
    lag_seconds: float | None
    member: MemberState | None


class GroupDetail(NamedTuple):
    """A group and its partitions, sorted.

    Attributes:
        group: its members.
        partitions: what it reads.
        kind: ``classic``, ``consumer``, ``share`` or ``streams``; empty where it was not listed or brokers do not say.
    """

    group: GroupState
    partitions: tuple[PartitionLag, ...]
    kind: str = ""

    @property
    def lag(self) -> int:
        """Records that are not read yet, in all."""
        return sum(row.lag or 0 for row in self.partitions)


def list_groups(session: OpsSession, names: Sequence[str] | None = None) -> list[GroupDetail]:
    """Groups with their lag in records, sorted by id.

    Args:
        session: the cluster.
        names: which; all by default.

    Raises:
        UsageError: a group that was named does not exist.
    """
    listed = {} if names is not None else {row.group_id: row for row in session.admin.groups.list()}
    wanted = list(listed if names is None else names)
    groups = session.admin.groups.describe(wanted)
    for group_id, row in listed.items():
        if groups[group_id].state == DEAD:  # share and streams groups cannot be described as consumers' are
            groups[group_id] = groups[group_id]._replace(state=row.state or DEAD, protocol_type=row.protocol_type)
    offsets = session.admin.groups.offsets(wanted)
    missing = [g for g in wanted if groups[g].state == DEAD and not offsets[g]]
    if missing and names is not None:
        raise UsageError(message("group.missing", group=missing[0]))
    readers = {g: _readers(groups[g]) for g in wanted}
    partitions = sorted({p for g in wanted for p in {*offsets[g], *readers[g]}})
    begins, ends = _ends(session, partitions)
    details: list[GroupDetail] = []
    for group_id in wanted:
        if groups[group_id].state == DEAD and not offsets[group_id]:
            continue
        rows = [
            _lag(
                p,
                None if p not in offsets[group_id] else offsets[group_id][p].offset,
                begins.get(p),
                ends.get(p),
                readers[group_id].get(p),
            )
            for p in sorted({*offsets[group_id], *readers[group_id]})
        ]
        kind = listed[group_id].kind if group_id in listed else ""
        details.append(GroupDetail(groups[group_id], tuple(rows), kind))
    return details


def describe_group(session: OpsSession, group_id: str, *, seconds: bool = True) -> GroupDetail:
    """One group with its lag in records and seconds.

    Args:
        session: the cluster.
        group_id: the group.
        seconds: whether the oldest unread record of each partition is read for its time.

    Raises:
        UsageError: there is no such group.
    """
    return describe_groups(session, [group_id], seconds=seconds)[0]


def describe_groups(
    session: OpsSession, names: Sequence[str] | None = None, *, seconds: bool = True
) -> list[GroupDetail]:
    """Groups with their lag in records and seconds, sorted by id.

    Args:
        session: the cluster.
        names: which; all by default.
        seconds: whether the oldest unread record of each partition is read for its time.

    Raises:
        UsageError: a group that was named does not exist.
    """
    details = list_groups(session, names)
    return [_with_seconds(session, detail) for detail in details] if seconds else details


def _with_seconds(session: OpsSession, detail: GroupDetail) -> GroupDetail:
    behind = {
        row.partition: max(row.committed or 0, row.begin or 0) for row in detail.partitions if row.lag and row.end
    }
    times = first_timestamps(session.context.client_config(), behind)
    now = session.clock.time_ms()
    rows = [
        row._replace(
            lag_seconds=0.0
            if row.lag == 0
            else None
            if row.partition not in times
            else max(0.0, (now - times[row.partition]) / 1000)
        )
        for row in detail.partitions
    ]
    return detail._replace(partitions=tuple(rows))


def _readers(group: GroupState) -> dict[TopicPartition, MemberState]:
    return {partition: member for member in group.members for partition in member.assignment or ()}


def _ends(
    session: OpsSession, partitions: Sequence[TopicPartition]
) -> tuple[Mapping[TopicPartition, int], Mapping[TopicPartition, int]]:
    """Where partitions begin and end; those of deleted topics are left out."""
    topics = session.admin.topics.describe({p.topic for p in partitions})
    known = {TopicPartition(p.topic, p.partition) for topic in topics.values() for p in topic.partitions}
    asked = [p for p in partitions if p in known]
    first = session.admin.topics.list_offsets(dict.fromkeys(asked, EARLIEST))
    last = session.admin.topics.list_offsets(dict.fromkeys(asked, LATEST))
    return {p: row.offset for p, row in first.items()}, {p: row.offset for p, row in last.items()}


def _lag(
    partition: TopicPartition, committed: int | None, begin: int | None, end: int | None, member: MemberState | None
) -> PartitionLag:
    lag = None
    if committed is not None and end is not None:
        lag = max(0, end - committed)
    return PartitionLag(partition, committed, begin, end, lag, None, member)
