"""Members of a consumer group that still speak the classic protocol.

They never wait: JoinGroup is answered at once, with the member epoch as the generation; the assignment comes with
SyncGroup; a heartbeat says that there is something to rejoin for. Nobody leads: the coordinator assigns.

Source: KIP-848, "Online Migration", "Supporting Both Protocols".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kappaflow.broker.coordinators.consumer_groups import conversion
from kappaflow.broker.coordinators.consumer_groups.coordinator import (
    ConsumerGroupCoordinator,
    check_instance,
    unknown_member,
)
from kappaflow.broker.coordinators.consumer_groups.edit import GroupEdit
from kappaflow.broker.coordinators.consumer_groups.group import ConsumerGroup
from kappaflow.broker.coordinators.consumer_groups.member import ClassicMembership, ConsumerMember, MemberState
from kappaflow.broker.coordinators.consumer_groups.member_timers import TimerKind
from kappaflow.broker.coordinators.consumer_groups.regex_resolver import RegexChange
from kappaflow.broker.coordinators.consumer_groups.requests import group_error
from kappaflow.broker.coordinators.consumer_protocol import (
    PROTOCOL_TYPE,
    MalformedProtocol,
    Subscription,
    read_subscription,
    write_assignment,
)
from kappaflow.broker.coordinators.group_members import JoinRequest, JoinResult, SyncResult
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode


class ClassicMembers:
    """The classic APIs over consumer groups.

    Args:
        coordinator: the consumer groups.
    """

    def __init__(self, coordinator: ConsumerGroupCoordinator) -> None:
        self._coordinator = coordinator

    # -- join ---------------------------------------------------------------------------------------------

    def join(self, request: JoinRequest) -> JoinResult:
        """Join or rejoin a consumer group that has members.

        Raises:
            BrokerError: why not.
            StorageError: what changed could not be written.
        """
        coordinator = self._coordinator
        group = coordinator.group(request.group_id)
        member_id = request.member_id or coordinator.new_member_id()
        coordinator.check_size(group, member_id)
        if not _supports(group, request):
            raise group_error(
                ErrorCode.INCONSISTENT_GROUP_PROTOCOL, f"Member {member_id}'s protocols are not supported."
            )
        if not request.member_id and request.group_instance_id is None and request.member_id_required:
            return JoinResult(ErrorCode.MEMBER_ID_REQUIRED, member_id)
        subscription = _subscription(request)
        with coordinator.editing(request.group_id) as edit:
            holder = group.static_member(request.group_instance_id)
            goes_back = holder is not None and conversion.can_go_back_with(group, holder, coordinator.config)
            before = self._member_before(edit, request, member_id)
            after = _update(before, request, subscription)
            edit.put(after)
            regex = coordinator.note_regex(edit, before, after)
            changed = before.topics != after.topics or regex is not RegexChange.NONE
            generation_id = group.epoch
            coordinator.refresh_epoch(edit, bump=changed)
            if goes_back:
                after = self._go_back(edit, after, subscription, generation_id, changed=changed)
            else:
                coordinator.update_target(edit)
                owned = conversion.topic_ids(subscription.owned, coordinator.topics)
                after = coordinator.advance(edit, after, owned, subscription_changed=changed)
                edit.when_done.append(lambda: self._watch_joined(group, request, member_id))
        return JoinResult(ErrorCode.NONE, member_id, after.epoch, PROTOCOL_TYPE, request.protocols[0][0])

    def _member_before(self, edit: GroupEdit, request: JoinRequest, member_id: str) -> ConsumerMember:
        group = edit.group
        instance_id = request.group_instance_id
        if instance_id is None:
            return group.members.get(member_id) or ConsumerMember(member_id)
        holder = group.static_member(instance_id)
        if not request.member_id:
            return self._coordinator.take_place(edit, holder, member_id) if holder else ConsumerMember(member_id)
        check_instance(holder, instance_id, member_id)
        assert holder is not None
        return holder

    def _go_back(
        self,
        edit: GroupEdit,
        member: ConsumerMember,
        subscription: Subscription,
        generation_id: int,
        *,
        changed: bool,
    ) -> ConsumerMember:
        """A static member has come back with the classic protocol, and no other member uses the new one.

        The classic group goes on from the generation before, since its next rebalance counts up by itself.
        """
        group = edit.group
        rebalance = group.assignment_epoch < group.epoch
        if not rebalance:
            owned = conversion.topic_ids(subscription.owned, self._coordinator.topics)
            member = self._coordinator.advance(edit, member, owned, subscription_changed=changed)
        conversion.hand_over(self._coordinator, edit, list(group.members.values()), generation_id, rebalance=rebalance)
        return member

    def _watch_joined(self, group: ConsumerGroup, request: JoinRequest, member_id: str) -> None:
        coordinator = self._coordinator
        coordinator.timers.stop(group.group_id, member_id, TimerKind.JOIN)
        coordinator.watch_session(group, member_id, request.session_timeout_ms)
        coordinator.fence_later(group, member_id, TimerKind.SYNC, request.rebalance_timeout_ms)

    # -- sync, heartbeat, leave ---------------------------------------------------------------------------

    def sync(
        self,
        group_id: str,
        member_id: str,
        instance_id: str | None,
        generation_id: int,
        protocol_type: str | None,
        protocol_name: str | None,
    ) -> SyncResult:
        """Give a member what it may own.

        Raises:
            BrokerError: why not.
        """
        coordinator = self._coordinator
        group = coordinator.group(group_id)
        member, classic = _classic_member(group, member_id, instance_id, generation_id)
        known_name = classic.protocols[0][0]
        if protocol_type not in (None, PROTOCOL_TYPE) or protocol_name not in (None, known_name):
            raise group_error(
                ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
                f"Member {member_id} joined with protocol {PROTOCOL_TYPE}/{known_name}, "
                f"not {protocol_type}/{protocol_name}.",
            )
        if group.assignment_epoch > member.epoch and member.state is not MemberState.UNREVOKED_PARTITIONS:
            self._expect_join(group, member)
            raise group_error(
                ErrorCode.REBALANCE_IN_PROGRESS,
                f"A new rebalance is triggered in group {group_id} and member {member_id} should rejoin to catch up.",
            )
        coordinator.timers.stop(group_id, member_id, TimerKind.SYNC)
        coordinator.watch_session(group, member_id, classic.session_timeout_ms)
        assigned = {topic_id: frozenset(epochs) for topic_id, epochs in member.assigned.items()}
        return SyncResult(
            ErrorCode.NONE,
            protocol_type,
            protocol_name,
            write_assignment(
                read_subscription(classic.protocols[0][1]).version,
                conversion.named_partitions(assigned, coordinator.topics),
            ),
        )

    def heartbeat(self, group_id: str, member_id: str, instance_id: str | None, generation_id: int) -> ErrorCode:
        """A member is alive; REBALANCE_IN_PROGRESS where there is something to rejoin for.

        Raises:
            BrokerError: why not.
        """
        coordinator = self._coordinator
        group = coordinator.group(group_id)
        member, classic = _classic_member(group, member_id, instance_id, generation_id)
        coordinator.watch_session(group, member_id, classic.session_timeout_ms)
        unreleased = member.state is MemberState.UNRELEASED_PARTITIONS
        if (
            member.epoch < group.assignment_epoch
            or member.state is MemberState.UNREVOKED_PARTITIONS
            or (unreleased and not group.waits_for_others(member))
        ):
            self._expect_join(group, member)
            return ErrorCode.REBALANCE_IN_PROGRESS
        return ErrorCode.NONE

    def _expect_join(self, group: ConsumerGroup, member: ConsumerMember) -> None:
        if not self._coordinator.timers.runs(group.group_id, member.member_id, TimerKind.JOIN):
            self._coordinator.fence_later(group, member.member_id, TimerKind.JOIN, member.rebalance_timeout_ms)

    def leave(self, group_id: str, members: Iterable[tuple[str, str | None]]) -> list[ErrorCode]:
        """Remove members given as (member id, instance id); one error code each.

        Raises:
            StorageError: it could not be written.
        """
        errors: list[ErrorCode] = []
        with self._coordinator.editing(group_id) as edit:
            gone: dict[str, ConsumerMember] = {}
            for member_id, instance_id in members:
                try:
                    member = _leaving(edit.group, member_id, instance_id)
                except BrokerError as error:
                    errors.append(ErrorCode(error.code))
                else:
                    errors.append(ErrorCode.NONE)
                    gone[member.member_id] = member
            self._coordinator.fence(edit, gone.values())
        return errors


def _supports(group: ConsumerGroup, request: JoinRequest) -> bool:
    """Whether a member with these protocols can be with the others of the classic protocol."""
    if request.protocol_type != PROTOCOL_TYPE or not request.protocols:
        return False
    others = [{name for name, _ in member.classic.protocols} for member in group.members.values() if member.classic]
    return any(all(name in names for names in others) for name, _ in request.protocols)


def _subscription(request: JoinRequest) -> Subscription:
    try:
        return read_subscription(request.protocols[0][1])
    except MalformedProtocol as error:
        raise group_error(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, str(error)) from error


def _update(member: ConsumerMember, request: JoinRequest, subscription: Subscription) -> ConsumerMember:
    return replace(
        member,
        instance_id=request.group_instance_id or member.instance_id,
        rack_id=subscription.rack_id or member.rack_id,
        rebalance_timeout_ms=request.rebalance_timeout_ms,
        topics=frozenset(subscription.topics),
        regex="",
        client_id=request.client_id,
        client_host=request.client_host,
        classic=ClassicMembership(request.session_timeout_ms, request.protocols),
    )


def _classic_member(
    group: ConsumerGroup, member_id: str, instance_id: str | None, generation_id: int
) -> tuple[ConsumerMember, ClassicMembership]:
    if instance_id is not None:
        check_instance(group.static_member(instance_id), instance_id, member_id)
    member = group.members.get(member_id)
    if member is None:
        raise unknown_member(group, member_id)
    if member.classic is None:
        raise group_error(ErrorCode.UNKNOWN_MEMBER_ID, f"Member {member_id} does not use the classic protocol.")
    if member.epoch != generation_id:
        raise group_error(
            ErrorCode.ILLEGAL_GENERATION,
            f"The request generation id {generation_id} is not equal to the member epoch {member.epoch} of member "
            f"{member_id}.",
        )
    return member, member.classic


def _leaving(group: ConsumerGroup, member_id: str, instance_id: str | None) -> ConsumerMember:
    if instance_id is None:
        if member_id not in group.members:
            raise unknown_member(group, member_id)
        return group.members[member_id]
    member = group.static_member(instance_id)
    # An operator removes a static member by its instance id alone.
    check_instance(member, instance_id, member_id or (member.member_id if member else ""))
    assert member is not None
    return member
