"""How one member gets from what it has to what it should have.

It gives up first: while it holds partitions that are not meant for it, it stays in its epoch.  Once it has given
them up it enters the epoch of the target and takes what is free; what others still hold comes with later heartbeats.

Source: KIP-848, "Reconciliation".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from kappaflow.broker.coordinators.consumer_groups.group import ConsumerGroup, TopicDirectory
from kappaflow.broker.coordinators.consumer_groups.group_states import MEMBER_STATES
from kappaflow.broker.coordinators.consumer_groups.member import ConsumerMember, MemberState, Owned, Target, overlaps

Reported = Mapping[UUID, frozenset[int]] | None
"""What a member says that it owns; None where it does not say."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What the next step gives to a member and takes from it."""

    kept: dict[UUID, dict[int, int]]
    to_revoke: dict[UUID, dict[int, int]]
    to_assign: dict[UUID, set[int]]
    waits_for_others: bool


def reconcile(
    group: ConsumerGroup,
    topics: TopicDirectory,
    member: ConsumerMember,
    reported: Reported,
    *,
    subscription_changed: bool,
) -> ConsumerMember:
    """The member after the next step towards the group's target; the same one where there is no step to take.

    Args:
        group: its group, with the target.
        topics: the topics that there are.
        member: the member.
        reported: what it says that it owns.
        subscription_changed: whether it no longer wants what it wanted.
    """
    if not subscription_changed and member.is_reconciled_to(group.assignment_epoch):
        return member
    subscribed = {topic.topic_id for name in group.topics_of(member) if (topic := topics.by_name(name)) is not None}
    unrevoked = member.state is MemberState.UNREVOKED_PARTITIONS and _still_owns(member.pending_revocation, reported)
    reached = member.state is MemberState.STABLE and member.epoch == group.assignment_epoch
    if unrevoked or reached:
        # It must not move on, but what it no longer wants it gives up at once.
        return _drop_unsubscribed(member, subscribed, reported) if subscription_changed else member
    step = _next_step(group, member, subscribed)
    return _take(group, member, step, must_revoke=_still_owns(step.to_revoke, reported))


def _still_owns(partitions: Owned, reported: Reported) -> bool:
    """Whether the member has not said yet that it gave up all of the partitions."""
    if not partitions:
        return False
    return reported is None or overlaps(partitions, reported)


def _next_step(group: ConsumerGroup, member: ConsumerMember, subscribed: set[UUID]) -> _Step:
    target: Target = group.target.get(member.member_id, {})
    step = _Step({}, {}, {}, waits_for_others=False)
    waits = False
    for topic_id in dict.fromkeys((*target, *member.assigned)):
        meant = target.get(topic_id, frozenset[int]()) if topic_id in subscribed else frozenset[int]()
        current = member.assigned.get(topic_id, {})
        kept = {number: epoch for number, epoch in current.items() if number in meant}
        revoked = {number: epoch for number, epoch in current.items() if number not in meant}
        missing = meant - kept.keys()
        # What the member itself has just given up is free.
        free = {number for number in missing if group.owner(topic_id, number) in (None, member.member_id)}
        waits = waits or len(free) < len(missing)
        if kept:
            step.kept[topic_id] = kept
        if revoked:
            step.to_revoke[topic_id] = revoked
        if free:
            step.to_assign[topic_id] = free
    return replace(step, waits_for_others=waits)


def _take(group: ConsumerGroup, member: ConsumerMember, step: _Step, *, must_revoke: bool) -> ConsumerMember:
    state = MEMBER_STATES[must_revoke, step.waits_for_others]
    if must_revoke:
        return _moved(member, member.epoch, state, step.kept, step.to_revoke)
    assigned = step.kept
    for topic_id, numbers in step.to_assign.items():
        epochs = assigned.setdefault(topic_id, {})
        epochs.update(dict.fromkeys(sorted(numbers), group.assignment_epoch))
    return _moved(member, group.assignment_epoch, state, assigned, {})


def _drop_unsubscribed(member: ConsumerMember, subscribed: set[UUID], reported: Reported) -> ConsumerMember:
    gone = {topic_id: epochs for topic_id, epochs in member.assigned.items() if topic_id not in subscribed}
    if not gone:
        return member
    assigned = {topic_id: epochs for topic_id, epochs in member.assigned.items() if topic_id in subscribed}
    pending: dict[UUID, Mapping[int, int]] = dict(member.pending_revocation)
    for topic_id, epochs in gone.items():
        pending[topic_id] = {**pending.get(topic_id, {}), **epochs}
    if _still_owns(pending, reported):
        return _moved(member, member.epoch, MemberState.UNREVOKED_PARTITIONS, assigned, pending)
    return _moved(member, member.epoch, member.state, assigned, member.pending_revocation)


def _moved(
    member: ConsumerMember, epoch: int, state: MemberState, assigned: Owned, pending_revocation: Owned
) -> ConsumerMember:
    return replace(
        member,
        epoch=epoch,
        previous_epoch=member.epoch,
        state=state,
        assigned=assigned,
        pending_revocation=pending_revocation,
    )
