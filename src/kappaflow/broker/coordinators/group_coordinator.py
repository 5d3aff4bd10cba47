"""The classic group protocol: join, sync, heartbeat, leave, and the rebalances they cause.

Source: KIP-62 (timeouts), KIP-345 (static members), KIP-394 (member id required), KIP-814 (skip assignment),
KIP-800 (reasons, which are only logged).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable

from kappaflow.broker.config import BrokerConfig
from kappaflow.broker.coordinators.group import Group
from kappaflow.broker.coordinators.group_members import (
    JoinCallback,
    JoinRequest,
    JoinResult,
    Member,
    SyncCallback,
    SyncResult,
    Timers,
)
from kappaflow.broker.coordinators.group_states import (
    COMMIT_ERROR,
    HEARTBEAT_ERROR,
    SYNC_ERROR,
    GroupEvent,
    GroupState,
)
from kappaflow.wire.error_codes import ErrorCode

logger = logging.getLogger(__name__)


class GroupCoordinator:
    """All groups of the broker.

    Args:
        config: session and rebalance limits.
        timers: where timers come from.
        new_member_suffix: makes member ids unique.
    """

    def __init__(
        self,
        config: BrokerConfig,
        timers: Timers,
        new_member_suffix: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._config = config
        self._timers = timers
        self._new_member_suffix = new_member_suffix
        self.groups: dict[str, Group] = {}

    # -- join ---------------------------------------------------------------------------------------------

    def join(self, request: JoinRequest, callback: JoinCallback) -> None:
        """Join a group; the callback comes when the group is complete, or at once with an error."""
        error = self.check_join(request)
        if error is None or error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL:
            # As in Kafka a group begins with the first join, even one that it refuses.
            self.groups.setdefault(request.group_id, Group(request.group_id))
        if error is not None:
            callback(JoinResult(error, request.member_id))
            return
        group = self.groups[request.group_id]
        if not self._has_room(group, request.member_id):
            # An id that was given out for this join is worth nothing any more.
            if (pending := group.pending_members.pop(request.member_id, None)) is not None:
                pending.cancel()
            callback(JoinResult(ErrorCode.GROUP_MAX_SIZE_REACHED, ""))
        elif request.member_id:
            self._join_known(group, request, callback)
        else:
            self._join_new(group, request, callback)

    def _has_room(self, group: Group, member_id: str) -> bool:
        """Whether a member that joins is not one too many; of those that join again the first ones stay."""
        limit = self._config.group_max_size
        if group.state is GroupState.PREPARING_REBALANCE:
            member = group.members.get(member_id)
            joined = sum(bool(each.awaiting_join) for each in group.members.values())
            return joined < limit or (member is not None and bool(member.awaiting_join))
        return member_id in group.members or len(group.members) < limit

    def check_request(self, request: JoinRequest) -> ErrorCode | None:
        """What is wrong with a join whatever the group is; None where nothing is."""
        if not request.group_id:
            return ErrorCode.INVALID_GROUP_ID
        low, high = self._config.group_min_session_timeout_ms, self._config.group_max_session_timeout_ms
        return None if low <= request.session_timeout_ms <= high else ErrorCode.INVALID_SESSION_TIMEOUT

    def check_join(self, request: JoinRequest) -> ErrorCode | None:
        """What is wrong with a join of a classic group, as that group is; None where nothing is."""
        if (error := self.check_request(request)) is not None:
            return error
        group = self.groups.get(request.group_id)
        if group is None:
            if request.member_id:
                return ErrorCode.UNKNOWN_MEMBER_ID
            group = Group(request.group_id)
        if not group.supports(request):
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        return None

    def _join_new(self, group: Group, request: JoinRequest, callback: JoinCallback) -> None:
        instance_id = request.group_instance_id
        member_id = f"{instance_id or request.client_id}-{self._new_member_suffix()}"
        if instance_id is not None and instance_id in group.static_members:
            self._rejoin_static(group, request, member_id, callback)
        elif instance_id is None and request.member_id_required:
            # A client that goes away before it learns its id must not stay behind as a member.
            group.pending_members[member_id] = self._timers.call_later(
                request.session_timeout_ms, lambda: self._pending_expired(group, member_id)
            )
            callback(JoinResult(ErrorCode.MEMBER_ID_REQUIRED, member_id))
        else:
            self._add_and_rebalance(group, request, member_id, callback)

    def _join_known(self, group: Group, request: JoinRequest, callback: JoinCallback) -> None:
        pending = group.pending_members.pop(request.member_id, None)
        if pending is not None:
            pending.cancel()
            self._add_and_rebalance(group, request, request.member_id, callback)
            return
        error = self._check_member(group, request.member_id, request.group_instance_id)
        if error is not None:
            callback(JoinResult(error, request.member_id))
            return
        member = group.members[request.member_id]
        unchanged = member.protocols == request.protocols
        follower = group.leader != member.member_id
        if unchanged and (
            group.state is GroupState.COMPLETING_REBALANCE or (group.state is GroupState.STABLE and follower)
        ):
            # The answer to its last join was lost; a leader that joins again wants a new assignment.
            callback(group.join_result(member))
            self._keep_alive(group, member)
            return
        self._update(group, member, request)
        member.answer_join(JoinResult(ErrorCode.UNKNOWN_MEMBER_ID, member.member_id))
        member.awaiting_join = callback
        self._rebalance(group)

    def _update(self, group: Group, member: Member, request: JoinRequest) -> None:
        member.protocols = request.protocols
        member.session_timeout_ms = request.session_timeout_ms
        member.rebalance_timeout_ms = request.rebalance_timeout_ms
        self._keep_alive(group, member)

    def _add_and_rebalance(self, group: Group, request: JoinRequest, member_id: str, callback: JoinCallback) -> None:
        member = group.add(request, member_id)
        member.awaiting_join = callback
        self._keep_alive(group, member)
        self._rebalance(group)

    def _rejoin_static(self, group: Group, request: JoinRequest, member_id: str, callback: JoinCallback) -> None:
        """A static member has restarted: it takes its old place, without a rebalance where nothing changed."""
        old_id = group.static_members[request.group_instance_id or ""]
        member = group.replace_static_member(request.group_instance_id or "", member_id)
        self._update(group, member, request)
        if group.state is GroupState.STABLE and group.select_protocol() == group.protocol_name:
            is_leader = group.leader == member_id
            result = group.join_result(member, skip_assignment=is_leader and request.can_skip_assignment)
            if is_leader and not request.can_skip_assignment:
                # An older client would assign again if it were told that it leads.
                result = JoinResult(
                    ErrorCode.NONE, member_id, group.generation_id, group.protocol_type, group.protocol_name, old_id
                )
            callback(result)
            return
        member.awaiting_join = callback
        self._rebalance(group)

    # -- rebalance ----------------------------------------------------------------------------------------

    def _rebalance(self, group: Group) -> None:
        """Start a rebalance, or see whether the running one is complete."""
        if group.state is not GroupState.PREPARING_REBALANCE:
            if group.state is GroupState.COMPLETING_REBALANCE:
                for member in group.members.values():
                    member.assignment = b""
                    member.answer_sync(SyncResult(ErrorCode.REBALANCE_IN_PROGRESS))
            initial_delay_ms = self._config.group_initial_rebalance_delay_ms
            group.gathers_first_members = group.state is GroupState.EMPTY and initial_delay_ms > 0
            delay_ms = initial_delay_ms if group.gathers_first_members else group.rebalance_timeout_ms()
            self._stop_timer(group, "sync_timer")
            group.move(GroupEvent.REBALANCE_NEEDED)
            group.join_timer = self._timers.call_later(delay_ms, lambda: self._complete_join(group))
        self._complete_join_if_all_joined(group)

    def _complete_join_if_all_joined(self, group: Group) -> None:
        if group.state is GroupState.PREPARING_REBALANCE and group.has_all_joined():
            self._complete_join(group)

    def _complete_join(self, group: Group) -> None:
        """Everybody is here, or the time is over: go on with those who are."""
        self._stop_timer(group, "join_timer")
        if group.state is not GroupState.PREPARING_REBALANCE:
            return
        group.gathers_first_members = False
        for member in [m for m in group.members.values() if not m.awaiting_join and not m.is_static]:
            group.remove(member)
        if group.members and not group.elect_joined_leader():
            # Only static members that are away: wait for them or for their sessions to end.
            group.join_timer = self._timers.call_later(group.rebalance_timeout_ms(), lambda: self._complete_join(group))
            return
        group.begin_generation()
        if not group.members:
            group.move(GroupEvent.NO_MEMBER_LEFT)
            logger.info("group %s is empty in generation %d", group.group_id, group.generation_id)
            return
        group.move(GroupEvent.ALL_JOINED)
        logger.info("group %s: generation %d with %d members", group.group_id, group.generation_id, len(group.members))
        generation = group.generation_id
        group.unsynced_members = set(group.members)
        group.sync_timer = self._timers.call_later(
            group.rebalance_timeout_ms(), lambda: self._sync_expired(group, generation)
        )
        for member in group.members.values():
            member.is_new = False
            member.answer_join(group.join_result(member))
            self._keep_alive(group, member)

    def _sync_expired(self, group: Group, generation_id: int) -> None:
        """Members that never sent SyncGroup hold up the others."""
        if group.generation_id != generation_id or not group.unsynced_members:
            return
        for member_id in tuple(group.unsynced_members):
            logger.info("group %s: %s did not ask for its assignment in time", group.group_id, member_id)
            self._remove(group, group.members[member_id])
        self._after_removal(group)

    # -- sync, heartbeat, leave ---------------------------------------------------------------------------

    def sync(
        self,
        group_id: str,
        member_id: str,
        group_instance_id: str | None,
        generation_id: int,
        protocol_type: str | None,
        protocol_name: str | None,
        assignments: Iterable[tuple[str, bytes]],
        callback: SyncCallback,
    ) -> None:
        """Hand in (leader) and wait for the assignment."""
        group, error = self._current_group(group_id, member_id, group_instance_id, generation_id)
        if error is None and group is not None:
            if protocol_type not in (None, group.protocol_type) or protocol_name not in (None, group.protocol_name):
                error = ErrorCode.INCONSISTENT_GROUP_PROTOCOL
            elif SYNC_ERROR[group.state] is not ErrorCode.NONE:
                error = SYNC_ERROR[group.state]
        if error is not None or group is None:
            callback(SyncResult(error or ErrorCode.UNKNOWN_MEMBER_ID))
            return
        member = group.members[member_id]
        self._keep_alive(group, member)
        group.unsynced_members.discard(member_id)
        if not group.unsynced_members:
            self._stop_timer(group, "sync_timer")
        if group.state is GroupState.STABLE:
            callback(group.sync_result(member))
            self._keep_alive(group, member)
            return
        member.answer_sync(SyncResult(ErrorCode.UNKNOWN_MEMBER_ID))
        member.awaiting_sync = callback
        if member_id == group.leader:
            self._assign(group, dict(assignments))

    def _assign(self, group: Group, assignments: dict[str, bytes]) -> None:
        group.move(GroupEvent.ASSIGNED)
        for member in group.members.values():
            member.assignment = assignments.get(member.member_id, b"")
            member.answer_sync(group.sync_result(member))
            self._keep_alive(group, member)

    def heartbeat(self, group_id: str, member_id: str, group_instance_id: str | None, generation_id: int) -> ErrorCode:
        """A member is alive."""
        group, error = self._current_group(group_id, member_id, group_instance_id, generation_id)
        if error is not None or group is None:
            return error or ErrorCode.UNKNOWN_MEMBER_ID
        self._keep_alive(group, group.members[member_id])
        return HEARTBEAT_ERROR[group.state]

    def leave(self, group_id: str, members: Iterable[tuple[str, str | None]]) -> list[ErrorCode]:
        """Remove members given as (member id, instance id); one error code each."""
        group = self.groups.get(group_id)
        errors: list[ErrorCode] = []
        for member_id, instance_id in members:
            errors.append(self._leave_one(group, member_id, instance_id))
        if group is not None and ErrorCode.NONE in errors:
            self._after_removal(group)
        return errors

    def _leave_one(self, group: Group | None, member_id: str, instance_id: str | None) -> ErrorCode:
        if group is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if member_id in group.pending_members:
            group.pending_members.pop(member_id).cancel()
            return ErrorCode.NONE
        if not member_id and instance_id is not None:
            # An operator removes a static member by its instance id alone.
            member_id = group.static_members.get(instance_id, "")
        error = self._check_member(group, member_id, instance_id)
        if error is not None:
            return error
        self._remove(group, group.members[member_id])
        return ErrorCode.NONE

    def check_commit(
        self,
        group_id: str,
        member_id: str,
        group_instance_id: str | None,
        generation_id: int,
        *,
        transactional: bool = False,
    ) -> ErrorCode:
        """Whether offsets may be committed in this name.

        In a transaction a producer need not say for whom, and what it saw of the group before a rebalance still counts
        while the group waits for its leader.
        """
        group = self.groups.get(group_id)
        if generation_id < 0 and (group is None or group.state is GroupState.EMPTY):
            # A consumer that assigns partitions itself uses the group only to keep offsets, whatever it calls itself.
            return ErrorCode.NONE
        if group is None:
            return ErrorCode.ILLEGAL_GENERATION
        if transactional and generation_id < 0 and not member_id and group_instance_id is None:
            return ErrorCode.NONE
        group, error = self._current_group(group_id, member_id, group_instance_id, generation_id)
        if error is not None or group is None:
            return error or ErrorCode.UNKNOWN_MEMBER_ID
        error = ErrorCode.NONE if transactional else COMMIT_ERROR[group.state]
        if error is ErrorCode.NONE:
            self._keep_alive(group, group.members[member_id])
        return error

    def check_delete(self, group_id: str) -> ErrorCode:
        """Whether a group may be forgotten: only an empty one."""
        group = self.groups.get(group_id)
        if group is None:
            return ErrorCode.GROUP_ID_NOT_FOUND
        return ErrorCode.NONE if group.state is GroupState.EMPTY else ErrorCode.NON_EMPTY_GROUP

    def delete(self, group_id: str) -> None:
        """Forget a group that `check_delete` allows to."""
        group = self.groups.pop(group_id)
        group.move(GroupEvent.DELETED)
        for timer in group.pending_members.values():
            timer.cancel()

    def release(self, group_id: str) -> None:
        """Let a group go to the consumer protocol: whoever waits for it joins again, there."""
        group = self.groups.pop(group_id)
        for name in ("join_timer", "sync_timer"):
            self._stop_timer(group, name)
        for timer in group.pending_members.values():
            timer.cancel()
        group.pending_members.clear()
        for member in group.members.values():
            member.stop_session_timer()
            member.answer_join(JoinResult(ErrorCode.REBALANCE_IN_PROGRESS, member.member_id))
            member.answer_sync(SyncResult(ErrorCode.REBALANCE_IN_PROGRESS))

    def adopt(self, group: Group, *, rebalance: bool = False) -> None:
        """Take a group from the consumer protocol, or back from it.

        Args:
            group: it, with members of the classic protocol only.
            rebalance: whether its members have to join again.
        """
        self.groups[group.group_id] = group
        for member in group.members.values():
            self._keep_alive(group, member)
        if group.state in (GroupState.PREPARING_REBALANCE, GroupState.COMPLETING_REBALANCE):
            # Nobody waits any more for what was under way.
            group.state, rebalance = GroupState.STABLE, True
        if rebalance:
            self._rebalance(group)

    def restore_empty(self, group_id: str) -> None:
        """Know a group again that has offsets from before a restart."""
        self.groups.setdefault(group_id, Group(group_id))

    # -- checks, sessions, removal ------------------------------------------------------------------------

    def _check_member(self, group: Group, member_id: str, instance_id: str | None) -> ErrorCode | None:
        if instance_id is not None:
            current = group.static_members.get(instance_id)
            if current is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            if current != member_id:
                return ErrorCode.FENCED_INSTANCE_ID
        return None if member_id in group.members else ErrorCode.UNKNOWN_MEMBER_ID

    def _current_group(
        self, group_id: str, member_id: str, instance_id: str | None, generation_id: int
    ) -> tuple[Group | None, ErrorCode | None]:
        """The group, if the member belongs to its current generation; else the error."""
        if not group_id:
            return None, ErrorCode.INVALID_GROUP_ID
        group = self.groups.get(group_id)
        if group is None:
            return None, ErrorCode.UNKNOWN_MEMBER_ID
        error = self._check_member(group, member_id, instance_id)
        if error is None and generation_id != group.generation_id:
            error = ErrorCode.ILLEGAL_GENERATION
        return group, error

    def _keep_alive(self, group: Group, member: Member) -> None:
        member.stop_session_timer()
        member.session_timer = self._timers.call_later(
            member.session_timeout_ms, lambda: self._session_expired(group, member)
        )

    def _session_expired(self, group: Group, member: Member) -> None:
        if group.members.get(member.member_id) is not member:
            return
        if member.is_waiting:
            self._keep_alive(group, member)
            return
        logger.info("group %s: the session of %s is over", group.group_id, member.member_id)
        self._remove(group, member)
        self._after_removal(group)

    def _pending_expired(self, group: Group, member_id: str) -> None:
        if group.pending_members.pop(member_id, None) is not None:
            self._complete_join_if_all_joined(group)

    def _remove(self, group: Group, member: Member) -> None:
        member.answer_join(JoinResult(ErrorCode.UNKNOWN_MEMBER_ID, ""))
        member.answer_sync(SyncResult(ErrorCode.UNKNOWN_MEMBER_ID))
        group.remove(member)

    def _after_removal(self, group: Group) -> None:
        if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
            self._rebalance(group)
        else:
            self._complete_join_if_all_joined(group)

    @staticmethod
    def _stop_timer(group: Group, name: str) -> None:
        timer = getattr(group, name)
        if timer is not None:
            timer.cancel()
            setattr(group, name, None)
