"""Groups of both protocols behind one face: the classic APIs reach whichever kind a group is.

Source: KIP-848, "Online Migration"; KIP-496, KIP-447 (who may commit).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kappaflow.broker.coordinators.consumer_groups.classic_members import ClassicMembers
from kappaflow.broker.coordinators.consumer_groups.coordinator import ConsumerGroupCoordinator
from kappaflow.broker.coordinators.consumer_groups.group import ConsumerGroup
from kappaflow.broker.coordinators.consumer_groups.group_states import ConsumerGroupState
from kappaflow.broker.coordinators.consumer_groups.member import ConsumerMember
from kappaflow.broker.coordinators.consumer_protocol import PROTOCOL_TYPE
from kappaflow.broker.coordinators.group_coordinator import GroupCoordinator
from kappaflow.broker.coordinators.group_members import JoinCallback, JoinRequest, JoinResult, SyncCallback, SyncResult
from kappaflow.broker.coordinators.group_states import GroupState
from kappaflow.broker.coordinators.offset_store import OffsetKey
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode

MEMBER_EPOCHS_SINCE = 9
"""The version of OffsetCommit from which on members of consumer groups may use it."""

NO_EPOCH = -1
"""Who names no member names this epoch."""


class AllGroups:
    """Every group of the broker.

    Args:
        classic: those of the classic protocol.
        consumer: those of the consumer protocol.
    """

    def __init__(self, classic: GroupCoordinator, consumer: ConsumerGroupCoordinator) -> None:
        self._classic = classic
        self._consumer = consumer
        self._classic_members = ClassicMembers(consumer)

    # -- membership ---------------------------------------------------------------------------------------

    def join(self, request: JoinRequest, callback: JoinCallback) -> None:
        """Join; the callback comes at once or when the group is complete."""
        group = self._consumer.groups.get(request.group_id)
        if group is None:
            self._classic.join(request, callback)
            return
        try:
            check = self._classic.check_request if group.members else self._classic.check_join
            if (error := check(request)) is not None:
                callback(JoinResult(error, request.member_id))
            elif group.members:
                callback(self._classic_members.join(request))
            else:
                # Nobody is there to whom the protocol matters.
                self._consumer.delete(request.group_id)
                self._classic.join(request, callback)
        except BrokerError as error:
            # Kafka names the member only in refusals of classic groups.
            callback(JoinResult(ErrorCode(error.code), ""))
        except StorageError:
            callback(JoinResult(ErrorCode.COORDINATOR_NOT_AVAILABLE, ""))

    def sync(
        self,
        group_id: str,
        member_id: str,
        instance_id: str | None,
        generation_id: int,
        protocol_type: str | None,
        protocol_name: str | None,
        assignments: Iterable[tuple[str, bytes]],
        callback: SyncCallback,
    ) -> None:
        """Hand in and get the assignment."""
        member = (group_id, member_id, instance_id, generation_id)
        if group_id not in self._consumer.groups:
            self._classic.sync(*member, protocol_type, protocol_name, assignments, callback)
            return
        try:
            callback(self._classic_members.sync(*member, protocol_type, protocol_name))
        except BrokerError as error:
            callback(SyncResult(ErrorCode(error.code)))

    def heartbeat(self, group_id: str, member_id: str, instance_id: str | None, generation_id: int) -> ErrorCode:
        """A member of the classic protocol is alive."""
        if group_id not in self._consumer.groups:
            return self._classic.heartbeat(group_id, member_id, instance_id, generation_id)
        try:
            return self._classic_members.heartbeat(group_id, member_id, instance_id, generation_id)
        except BrokerError as error:
            return ErrorCode(error.code)

    def leave(self, group_id: str, members: list[tuple[str, str | None]]) -> list[ErrorCode]:
        """Remove members given as (member id, instance id); one error code each."""
        if group_id not in self._consumer.groups:
            return self._classic.leave(group_id, members)
        try:
            return self._classic_members.leave(group_id, members)
        except StorageError:
            return [ErrorCode.COORDINATOR_NOT_AVAILABLE] * len(members)

    # -- offsets ------------------------------------------------------------------------------------------

    def check_commit(
        self,
        group_id: str,
        member_id: str,
        instance_id: str | None,
        epoch: int,
        partitions: Iterable[OffsetKey],
        *,
        api_version: int = MEMBER_EPOCHS_SINCE,
        transactional: bool = False,
    ) -> ErrorCode:
        """Whether offsets of these partitions may be committed in this name.

        Args:
            group_id: the group.
            member_id: the member.
            instance_id: its name across restarts.
            epoch: its generation or member epoch; -1 for none.
            partitions: what is to be committed.
            api_version: the version of OffsetCommit.
            transactional: whether it counts only when a transaction is committed.
        """
        group = self._consumer.groups.get(group_id)
        if group is None:
            names_member = not transactional and epoch >= 0 and api_version >= MEMBER_EPOCHS_SINCE
            if names_member and group_id not in self._classic.groups:
                return ErrorCode.GROUP_ID_NOT_FOUND
            return self._classic.check_commit(group_id, member_id, instance_id, epoch, transactional=transactional)
        nobody = epoch == NO_EPOCH and not member_id and instance_id is None
        if (epoch < 0 and not group.members) or (transactional and nobody):
            return ErrorCode.NONE
        member = group.members.get(member_id)
        if member is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if not transactional and member.classic is None and api_version < MEMBER_EPOCHS_SINCE:
            return ErrorCode.UNSUPPORTED_VERSION
        if epoch == member.epoch or (epoch < member.epoch and self._may_still_commit(member, epoch, partitions)):
            return ErrorCode.NONE
        return ErrorCode.ILLEGAL_GENERATION if transactional else _stale(member)

    def _may_still_commit(self, member: ConsumerMember, epoch: int, partitions: Iterable[OffsetKey]) -> bool:
        """Whether a member had the partitions in an epoch already, and has them still."""
        for name, number in partitions:
            topic = self._consumer.topics.by_name(name)
            given = member.assignment_epoch(topic.topic_id, number) if topic is not None else None
            if given is None or epoch < given:
                return False
        return True

    def check_fetch(self, group_id: str, member_id: str | None, epoch: int) -> ErrorCode:
        """Whether committed offsets may be read in this name."""
        group = self._consumer.groups.get(group_id)
        if group is None or (member_id is None and epoch < 0):
            return ErrorCode.NONE
        member = group.members.get(member_id or "")
        if member is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        return ErrorCode.NONE if epoch == member.epoch else _stale(member)

    def subscribed_topics(self, group_id: str) -> Collection[str]:
        """The topics that members of a group read."""
        consumer = self._consumer.groups.get(group_id)
        if consumer is not None:
            return consumer.subscribed_topics()
        classic = self._classic.groups.get(group_id)
        return (classic.subscribed_topics or ()) if classic is not None else ()

    def check_offset_delete(self, group_id: str) -> ErrorCode:
        """Whether single offsets of a group may be deleted."""
        if group_id in self._consumer.groups:
            return ErrorCode.NONE
        group = self._classic.groups.get(group_id)
        if group is None:
            return ErrorCode.GROUP_ID_NOT_FOUND
        foreign = bool(group.members) and group.protocol_type != PROTOCOL_TYPE
        return ErrorCode.NON_EMPTY_GROUP if foreign else ErrorCode.NONE

    # -- groups -------------------------------------------------------------------------------------------

    def check_delete(self, group_id: str) -> ErrorCode:
        """Whether a group may be forgotten: only an empty one."""
        group = self._consumer.groups.get(group_id)
        if group is None:
            return self._classic.check_delete(group_id)
        return ErrorCode.NONE if group.state is ConsumerGroupState.EMPTY else ErrorCode.NON_EMPTY_GROUP

    def delete(self, group_id: str) -> None:
        """Forget a group that `check_delete` allows to.

        Raises:
            StorageError: it could not be written.
        """
        if group_id in self._consumer.groups:
            self._consumer.delete(group_id)
        else:
            self._classic.delete(group_id)

    def restore_empty(self, group_id: str) -> None:
        """Know a group again that has offsets."""
        if group_id not in self._consumer.groups:
            self._classic.restore_empty(group_id)

    def empty(self) -> list[str]:
        """The ids of groups without members."""
        classic = [
            group_id
            for group_id, group in self._classic.groups.items()
            if group.state is GroupState.EMPTY and not group.pending_members
        ]
        return classic + [group_id for group_id, group in self._consumer.groups.items() if not group.members]

    def protected_topics(self, group_id: str) -> Collection[str] | None:
        """The topics whose offsets must not expire; None for all of them.

        Members that are consumers say which topics they read; others may keep offsets for what they read in a way of
        their own, and while members join nobody knows yet.
        """
        group: ConsumerGroup | None = self._consumer.groups.get(group_id)
        if group is not None:
            return group.subscribed_topics()
        classic = self._classic.groups.get(group_id)
        if classic is None or classic.state is GroupState.EMPTY:
            return ()
        return classic.subscribed_topics if classic.state is GroupState.STABLE else None


def _stale(member: ConsumerMember) -> ErrorCode:
    return ErrorCode.STALE_MEMBER_EPOCH if member.classic is None else ErrorCode.ILLEGAL_GENERATION
