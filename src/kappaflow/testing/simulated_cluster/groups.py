"""Groups of a simulated cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kappaflow.client.broker_errors import broker_error
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin import GroupListing, GroupState, MemberState
from kappaflow.testing.simulated_cluster.state import Group, State
from kappaflow.wire.error_codes import ErrorCode


class SimulatedGroups:
    """Groups and their committed offsets."""

    def __init__(self, state: State) -> None:
        self._state = state

    def list(self) -> list[GroupListing]:
        """All groups."""
        return [GroupListing(name, "consumer", g.state, "classic") for name, g in sorted(self._state.groups.items())]

    def describe(self, group_ids: Sequence[str]) -> dict[str, GroupState]:
        """Groups with their members."""
        return {group_id: self._group(group_id) for group_id in group_ids}

    def _group(self, group_id: str) -> GroupState:
        group = self._state.groups.get(group_id)
        if group is None:
            return GroupState(group_id, "Dead", "", "", 1, ())
        members = tuple(
            MemberState(member, None, member, "/127.0.0.1", tuple(sorted(partitions)))
            for member, partitions in group.members.items()
        )
        return GroupState(group_id, group.state, "consumer", "range", 1, members)

    def offsets(self, group_ids: Sequence[str]) -> dict[str, dict[TopicPartition, CommittedOffset]]:
        """All committed offsets."""
        found: dict[str, dict[TopicPartition, CommittedOffset]] = {}
        for group_id in group_ids:
            group = self._state.groups.get(group_id)
            found[group_id] = {} if group is None else {p: CommittedOffset(o) for p, o in group.offsets.items()}
        return found

    def commit(self, group_id: str, offsets: Mapping[TopicPartition, int | CommittedOffset]) -> None:
        """Set offsets of a group without members."""
        group = self._state.groups.setdefault(group_id, Group("Empty", {}, {}))
        if group.members:
            raise broker_error(ErrorCode.UNKNOWN_MEMBER_ID, f"commit offsets of group {group_id}")
        group.offsets |= {p: o.offset if isinstance(o, CommittedOffset) else o for p, o in offsets.items()}

    def delete_offsets(self, group_id: str, partitions: Sequence[TopicPartition]) -> None:
        """Forget offsets."""
        for partition in partitions:
            self._state.groups[group_id].offsets.pop(partition, None)

    def delete(self, group_id: str) -> None:
        """Delete an empty group."""
        if self._state.groups[group_id].members:
            raise broker_error(ErrorCode.NON_EMPTY_GROUP, f"delete group {group_id}")
        del self._state.groups[group_id]

    def remove_members(self, group_id: str, members: Sequence[MemberState]) -> None:
        """Take members out."""
        group = self._state.groups[group_id]
        for member in members:
            group.members.pop(member.member_id, None)
        if not group.members:
            group.state = "Empty"
