"""Consumer groups: heartbeats, and everything that follows from them.

heartbeat -> member added or changed -> group epoch -> target -> the member's next step towards it -> journal -> answer

Source: KIP-848; KIP-1101 (hash of the topics instead of their metadata); KIP-1251 (commits by assignment epoch).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from kappaflow.broker.config import BrokerConfig
from kappaflow.broker.coordinators.consumer_groups import conversion
from kappaflow.broker.coordinators.consumer_groups.assignors import ASSIGNORS, AssignmentProblem
from kappaflow.broker.coordinators.consumer_groups.assignors.problem import SubscribedMember
from kappaflow.broker.coordinators.consumer_groups.changes import (
    ResolvedRegex,
    SetAssignmentEpoch,
    SetEpoch,
    SetTarget,
    from_row,
    to_row,
)
from kappaflow.broker.coordinators.consumer_groups.edit import GroupEdit
from kappaflow.broker.coordinators.consumer_groups.group import ConsumerGroup, TopicDirectory
from kappaflow.broker.coordinators.consumer_groups.member import (
    LEAVING_STATIC_EPOCH,
    ConsumerMember,
    MemberState,
    contains,
)
from kappaflow.broker.coordinators.consumer_groups.member_timers import MemberTimers, TimerKind
from kappaflow.broker.coordinators.consumer_groups.reconciliation import Reported, reconcile
from kappaflow.broker.coordinators.consumer_groups.regex_resolver import RegexChange, RegexResolver
from kappaflow.broker.coordinators.consumer_groups.requests import (
    HeartbeatRequest,
    HeartbeatResult,
    check_heartbeat,
    group_error,
)
from kappaflow.broker.coordinators.group_coordinator import GroupCoordinator
from kappaflow.broker.coordinators.group_members import Timers
from kappaflow.errors import StorageError
from kappaflow.runtime.clock import Clock
from kappaflow.wire.error_codes import ErrorCode

logger = logging.getLogger(__name__)

CHANGED = "consumer_group_changed"
DELETED = "consumer_group_deleted"
RETRY_MS = 1_000
"""When what a timer was to do is tried again after it could not be written."""


class ConsumerGroupCoordinator:
    """All groups of the new protocol.

    Args:
        config: time-outs, sizes, assignors.
        timers: where timers come from.
        clock: the time.
        topics: the topics that there are.
        write: makes one journal entry survive the end of the process.
        classic_groups: the groups of the classic protocol, which can become consumer groups and the reverse.
        new_member_id: makes ids for members that have none.

    Attributes:
        groups: by id.
    """

    def __init__(
        self,
        config: BrokerConfig,
        timers: Timers,
        clock: Clock,
        topics: TopicDirectory,
        write: Callable[[dict[str, Any]], None],
        classic_groups: GroupCoordinator,
        new_member_id: Callable[[], str],
    ) -> None:
        self.config = config
        self.topics = topics
        self.classic_groups = classic_groups
        self.new_member_id = new_member_id
        self.timers = MemberTimers(timers)
        self.groups: dict[str, ConsumerGroup] = {}
        self._loop_timers = timers
        self._clock = clock
        self._write = write
        self._regexes = RegexResolver(topics, clock, config.group_consumer_regex_refresh_interval_ms)

    # -- heartbeat ----------------------------------------------------------------------------------------

    def heartbeat(self, request: HeartbeatRequest) -> HeartbeatResult:
        """A member joins, says that it is alive, reports what it owns, or goes.

        Raises:
            BrokerError: why not.
            StorageError: what changed could not be written.
        """
        check_heartbeat(request, self.config.group_consumer_assignors)
        if request.member_epoch < 0:
            return self._leave(request)
        with self.editing(request.group_id, opens=request.joins) as edit:
            self.check_size(edit.group, request.member_id)
            member_id = request.member_id or self.new_member_id()
            regexes = dict(edit.group.regexes)
            before = self._member_before(edit, request, member_id)
            after = request.update(before)
            edit.put(after)
            regex = self.note_regex(edit, before, after)
            changed = before.topics != after.topics
            self.refresh_epoch(edit, bump=changed or regex is RegexChange.RESOLVED)
            self.update_target(edit)
            changed = changed or regex is not RegexChange.NONE
            after = self.advance(edit, after, request.owned, subscription_changed=changed)
            self._resolve_regexes_if_due(edit, regexes, request.can_describe)
            edit.when_done.append(
                lambda: self.watch_session(edit.group, member_id, self.config.group_consumer_session_timeout_ms)
            )
        shows_assignment = request.joins or request.is_full or before.assigned != after.assigned
        return HeartbeatResult(
            member_id,
            after.epoch,
            self.config.group_consumer_heartbeat_interval_ms,
            after.assigned if shows_assignment else None,
        )

    def check_size(self, group: ConsumerGroup, member_id: str) -> None:
        """Refuse one member too many.

        Raises:
            BrokerError: GROUP_MAX_SIZE_REACHED.
        """
        limit = self.config.group_consumer_max_size
        if len(group.members) >= limit and member_id not in group.members:
            raise group_error(
                ErrorCode.GROUP_MAX_SIZE_REACHED,
                f"The consumer group has reached its maximum capacity of {limit} members.",
            )

    def _member_before(self, edit: GroupEdit, request: HeartbeatRequest, member_id: str) -> ConsumerMember:
        """The member as it was before this heartbeat."""
        group = edit.group
        if request.instance_id is None:
            member = group.members.get(member_id)
            if member is None and not request.joins:
                raise unknown_member(group, member_id)
            member = member or ConsumerMember(member_id)
        else:
            member = group.static_member(request.instance_id)
            if request.joins:
                return self._static_member_before(edit, request, member, member_id)
            check_instance(member, request.instance_id, member_id)
            assert member is not None
        _check_epoch(member, request)
        return member

    def _static_member_before(
        self, edit: GroupEdit, request: HeartbeatRequest, holder: ConsumerMember | None, member_id: str
    ) -> ConsumerMember:
        """A static member joins: it is new, or takes the place of its last incarnation once that has gone."""
        if holder is None:
            return edit.group.members.get(member_id) or ConsumerMember(member_id)
        if holder.classic is None and holder.epoch != LEAVING_STATIC_EPOCH:
            raise group_error(
                ErrorCode.UNRELEASED_INSTANCE_ID,
                f"Static member {member_id} with instance id {request.instance_id} cannot join the group because "
                f"the instance id is owned by {holder.member_id} member.",
            )
        return self.take_place(edit, holder, member_id)

    def take_place(self, edit: GroupEdit, holder: ConsumerMember, member_id: str) -> ConsumerMember:
        """Let a static member come back under another id."""
        if holder.member_id != member_id:
            edit.when_done.append(lambda: self.timers.stop(edit.group.group_id, holder.member_id))
        return edit.replace(holder, member_id)

    def refresh_epoch(self, edit: GroupEdit, *, bump: bool) -> None:
        """Begin an epoch where it is asked for, or where the subscribed topics have changed."""
        if bump or edit.group.seen_version != self.topics.version:
            edit.refresh_metadata(bump=bump)

    def update_target(self, edit: GroupEdit) -> None:
        """Compute who should own what, where the target is older than the group."""
        group = edit.group
        now_ms = self._clock.time_ms()
        next_ms = group.assignment_time_ms + self.config.group_consumer_assignment_interval_ms
        if group.assignment_epoch >= group.epoch or (group.assignment_time_ms and now_ms < next_ms):
            return
        name = group.preferred_assignor() or self.config.group_consumer_assignors[0]
        assignment = ASSIGNORS[name](self._problem(group))
        for member_id in group.members:
            target = assignment.get(member_id, {})
            if group.target.get(member_id) != target:
                edit.apply(SetTarget(member_id, target))
        edit.apply(SetAssignmentEpoch(group.epoch, now_ms))

    def _problem(self, group: ConsumerGroup) -> AssignmentProblem:
        known = [topic for name in sorted(group.subscribed_topics()) if (topic := self.topics.by_name(name))]
        ids = {topic.name: topic.topic_id for topic in known}
        return AssignmentProblem(
            {
                member_id: SubscribedMember(
                    member.instance_id,
                    frozenset(ids[name] for name in group.topics_of(member) if name in ids),
                    group.target.get(member_id, {}),
                )
                for member_id, member in group.members.items()
            },
            {topic.topic_id: topic.partition_count for topic in known},
        )

    def advance(
        self, edit: GroupEdit, member: ConsumerMember, owned: Reported, *, subscription_changed: bool
    ) -> ConsumerMember:
        """Let a member take its next step towards the target."""
        after = reconcile(edit.group, self.topics, member, owned, subscription_changed=subscription_changed)
        if after != member:
            edit.put(after)
            if after.classic is None:
                edit.when_done.append(lambda: self._watch_revocation(edit.group, after))
        return after

    # -- leaving ------------------------------------------------------------------------------------------

    def _leave(self, request: HeartbeatRequest) -> HeartbeatResult:
        with self.editing(request.group_id) as edit:
            member = self._leaving_member(edit.group, request)
            if request.member_epoch == LEAVING_STATIC_EPOCH:
                # It comes back within its session, so that nothing is taken from it until then.
                assigned = {topic_id: dict.fromkeys(epochs, 0) for topic_id, epochs in member.assigned.items()}
                edit.put(replace(member, epoch=LEAVING_STATIC_EPOCH, assigned=assigned, pending_revocation={}))
            else:
                logger.info("group %s: %s leaves", request.group_id, member.member_id)
                self.fence(edit, [member])
        return HeartbeatResult(request.member_id, request.member_epoch)

    @staticmethod
    def _leaving_member(group: ConsumerGroup, request: HeartbeatRequest) -> ConsumerMember:
        if request.instance_id is None:
            if request.member_id not in group.members:
                raise unknown_member(group, request.member_id)
            return group.members[request.member_id]
        member = group.static_member(request.instance_id)
        check_instance(member, request.instance_id, request.member_id)
        assert member is not None
        return member

    def fence(self, edit: GroupEdit, members: Iterable[ConsumerMember]) -> None:
        """Take members out; the group goes back to the classic protocol where only such members are left."""
        group = edit.group
        gone = list(members)
        if not gone:
            return
        if conversion.can_go_back(group, gone, self.config):
            conversion.go_back(self, edit, gone)
            return
        for member in gone:
            edit.remove(member)
        edit.drop_unused_regexes()
        edit.apply(SetEpoch(group.epoch + 1, group.hash_of_topics(self.topics)))
        for member in gone:
            edit.when_done.append(lambda member_id=member.member_id: self.timers.stop(group.group_id, member_id))

    # -- timers -------------------------------------------------------------------------------------------

    def watch_session(self, group: ConsumerGroup, member_id: str, timeout_ms: int) -> None:
        """Fence a member that stays silent for so long."""
        self.fence_later(group, member_id, TimerKind.SESSION, timeout_ms)

    def fence_later(self, group: ConsumerGroup, member_id: str, kind: TimerKind, delay_ms: int) -> None:
        """Fence a member unless the timer is stopped or started again before."""
        group_id = group.group_id
        self.timers.start(group_id, member_id, kind, delay_ms, lambda: self._expired(group_id, member_id, kind))

    def _expired(self, group_id: str, member_id: str, kind: TimerKind) -> None:
        group = self.groups.get(group_id)
        if group is None or member_id not in group.members:
            return
        logger.info("group %s: %s is fenced: %s", group_id, member_id, kind.value)
        try:
            with self.editing(group_id) as edit:
                self.fence(edit, [group.members[member_id]])
        except StorageError as error:
            logger.warning("group %s: %s", group_id, error)
            self.fence_later(group, member_id, kind, RETRY_MS)

    def _watch_revocation(self, group: ConsumerGroup, member: ConsumerMember) -> None:
        """Fence a member that does not give up in time what it has to."""
        group_id, member_id, epoch = group.group_id, member.member_id, member.epoch
        if member.state is not MemberState.UNREVOKED_PARTITIONS:
            self.timers.stop(group_id, member_id, TimerKind.REBALANCE)
            return

        def expired() -> None:
            current = self.groups.get(group_id)
            known = current.members.get(member_id) if current is not None else None
            if known is not None and known.epoch == epoch:
                self._expired(group_id, member_id, TimerKind.REBALANCE)

        self.timers.start(group_id, member_id, TimerKind.REBALANCE, member.rebalance_timeout_ms, expired)

    # -- regular expressions ------------------------------------------------------------------------------

    def note_regex(self, edit: GroupEdit, before: ConsumerMember, after: ConsumerMember) -> RegexChange:
        """See to it that a member's expression can be used.

        Raises:
            BrokerError: INVALID_REGULAR_EXPRESSION.
        """
        return self._regexes.note_change(edit, before, after)

    def _resolve_regexes_if_due(
        self, edit: GroupEdit, known: Mapping[str, ResolvedRegex], can_describe: Callable[[str], bool]
    ) -> None:
        if self._regexes.is_due(edit.group, known):
            edit.when_done.append(lambda: self._resolve_regexes_later(edit.group, can_describe))

    def _resolve_regexes_later(self, group: ConsumerGroup, can_describe: Callable[[str], bool]) -> None:
        self._regexes.begin(group)
        self._loop_timers.call_later(0, lambda: self._resolve_regexes(group.group_id, can_describe))

    def _resolve_regexes(self, group_id: str, can_describe: Callable[[str], bool]) -> None:
        self._regexes.end(group_id)
        if group_id not in self.groups:
            return
        try:
            with self.editing(group_id) as edit:
                self._regexes.finish(edit, can_describe)
        except StorageError as error:
            # The next heartbeat tries again.
            logger.warning("group %s: %s", group_id, error)

    # -- groups -------------------------------------------------------------------------------------------

    @contextmanager
    def editing(self, group_id: str, *, opens: bool = False) -> Generator[GroupEdit]:
        """Change a group; its changes are written in one entry at the end, or taken back.

        Args:
            group_id: the group.
            opens: whether a group that does not exist is made, and a classic one converted.

        Raises:
            BrokerError: GROUP_ID_NOT_FOUND.
            StorageError: the entry could not be written.
        """
        edit = self._open(group_id) if opens else GroupEdit(self.group(group_id), self.topics)
        try:
            yield edit
            if edit.ends_group:
                self._write({"type": DELETED, "group": group_id})
            elif edit.changes:
                self._write({"type": CHANGED, "group": group_id, "changes": [to_row(each) for each in edit.changes]})
        except BaseException:
            edit.take_back()
            raise
        for action in edit.when_done:
            action()

    def _open(self, group_id: str) -> GroupEdit:
        group = self.groups.get(group_id)
        if group is not None:
            return GroupEdit(group, self.topics)
        edit = GroupEdit(ConsumerGroup(group_id), self.topics)
        if group_id in self.classic_groups.groups:
            conversion.upgrade(self, edit)
        self.groups[group_id] = edit.group
        edit.when_failed.append(lambda: self._forget(group_id))
        return edit

    def _forget(self, group_id: str) -> None:
        self.groups.pop(group_id, None)

    def group(self, group_id: str) -> ConsumerGroup:
        """The consumer group of that id.

        Raises:
            BrokerError: GROUP_ID_NOT_FOUND.
        """
        group = self.groups.get(group_id)
        if group is None:
            raise group_error(
                ErrorCode.GROUP_ID_NOT_FOUND,
                f"Group {group_id} is not a consumer group."
                if group_id in self.classic_groups.groups
                else f"Group {group_id} not found.",
            )
        return group

    def delete(self, group_id: str) -> None:
        """Forget a group.

        Raises:
            StorageError: it could not be written.
        """
        self._write({"type": DELETED, "group": group_id})
        group = self.groups.pop(group_id)
        for member_id in group.members:
            self.timers.stop(group_id, member_id)

    # -- journal ------------------------------------------------------------------------------------------

    def replay(self, entry: dict[str, Any]) -> None:
        """Apply one journal entry of an earlier run; entries of others are ignored."""
        group_id: str = entry.get("group", "")
        if entry["type"] == CHANGED:
            group = self.groups.setdefault(group_id, ConsumerGroup(group_id))
            for row in entry["changes"]:
                group.apply(from_row(row))
        elif entry["type"] == DELETED:
            self.groups.pop(group_id, None)

    def snapshot(self) -> list[dict[str, Any]]:
        """The entries that rebuild the groups as they are."""
        return [
            {"type": CHANGED, "group": group_id, "changes": list(group.snapshot())}
            for group_id, group in self.groups.items()
        ]

    def resume(self) -> None:
        """Begin to watch the members that were there when the last run ended."""
        for group in self.groups.values():
            for member in group.members.values():
                self.watch_session(group, member.member_id, self.config.group_consumer_session_timeout_ms)
                if member.state is MemberState.UNREVOKED_PARTITIONS and member.classic is None:
                    self._watch_revocation(group, member)


def unknown_member(group: ConsumerGroup, member_id: str) -> Exception:
    """The error for a member that the group does not know."""
    return group_error(ErrorCode.UNKNOWN_MEMBER_ID, f"Member {member_id} is not a member of group {group.group_id}.")


def check_instance(member: ConsumerMember | None, instance_id: str, member_id: str) -> None:
    """Refuse a member that does not hold its instance id.

    Raises:
        BrokerError: UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID.
    """
    if member is None:
        raise group_error(ErrorCode.UNKNOWN_MEMBER_ID, f"Instance id {instance_id} is unknown.")
    if member.member_id != member_id:
        raise group_error(
            ErrorCode.FENCED_INSTANCE_ID,
            f"Static member {member_id} with instance id {instance_id} was fenced by member {member.member_id}.",
        )


def _check_epoch(member: ConsumerMember, request: HeartbeatRequest) -> None:
    """Refuse a member that is not where the coordinator knows it to be.

    An answer may have been lost: a member may name the epoch before, if it owns nothing that it was not given.
    """
    epoch = request.member_epoch
    if request.joins or epoch == member.epoch:
        return
    lost_answer = epoch == member.previous_epoch and request.owned is not None
    if epoch < member.epoch and lost_answer and contains(member.assigned, request.owned or {}):
        return
    raise group_error(
        ErrorCode.FENCED_MEMBER_EPOCH,
        f"The consumer group member has a {'greater' if epoch > member.epoch else 'smaller'} member epoch ({epoch}) "
        f"than the one known by the group coordinator ({member.epoch}). The member must abandon all its partitions "
        "and rejoin.",
    )
