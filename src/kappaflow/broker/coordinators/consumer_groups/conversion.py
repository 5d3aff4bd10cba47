"""A group that changes its protocol while its members stay: the first member of the new one, or the last to go.

Members of the classic protocol are told to rejoin; what they own stays theirs until they give it up.

Source: KIP-848, "Online Migration"; ``group.consumer.migration.policy``.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from kappaflow.broker.config import BrokerConfig
from kappaflow.broker.coordinators.consumer_groups.changes import (
    PutMember,
    SetAssignmentEpoch,
    SetEpoch,
    SetTarget,
)
from kappaflow.broker.coordinators.consumer_groups.edit import GroupEdit
from kappaflow.broker.coordinators.consumer_groups.group import ConsumerGroup, TopicDirectory
from kappaflow.broker.coordinators.consumer_groups.member import ClassicMembership, ConsumerMember, Target
from kappaflow.broker.coordinators.consumer_groups.requests import group_error
from kappaflow.broker.coordinators.consumer_protocol import (
    PROTOCOL_TYPE,
    MalformedProtocol,
    read_assignment,
    read_subscription,
    write_assignment,
)
from kappaflow.broker.coordinators.group import Group
from kappaflow.broker.coordinators.group_members import JoinRequest, Member
from kappaflow.broker.coordinators.group_states import GroupState
from kappaflow.wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kappaflow.broker.coordinators.consumer_groups.coordinator import ConsumerGroupCoordinator

logger = logging.getLogger(__name__)

UPGRADE_POLICIES = frozenset({"bidirectional", "upgrade"})
DOWNGRADE_POLICIES = frozenset({"bidirectional", "downgrade"})
MIGRATION_POLICIES = UPGRADE_POLICIES | DOWNGRADE_POLICIES | {"disabled"}


# -- classic -> consumer --------------------------------------------------------------------------------------


def upgrade(coordinator: ConsumerGroupCoordinator, edit: GroupEdit) -> None:
    """Fill a new consumer group with what the classic group of its id is, and end that one.

    Raises:
        BrokerError: GROUP_ID_NOT_FOUND, because the group cannot be converted.
    """
    group_id = edit.group.group_id
    classic = coordinator.classic_groups
    group = classic.groups[group_id]
    if group.state is not GroupState.EMPTY or group.members:
        try:
            _check_upgrade(group, coordinator.config)
            _take_over(coordinator, edit, group)
        except MalformedProtocol as error:
            edit.take_back()
            raise _cannot_upgrade(group_id, f"the embedded consumer protocol is malformed: {error}") from error
    logger.info("group %s: becomes a consumer group with %d classic members", group_id, len(group.members))
    classic.release(group_id)
    edit.when_failed.append(lambda: classic.adopt(group))


def _cannot_upgrade(group_id: str, reason: str) -> Exception:
    return group_error(
        ErrorCode.GROUP_ID_NOT_FOUND, f"Cannot upgrade classic group {group_id} to consumer group because {reason}."
    )


def _check_upgrade(group: Group, config: BrokerConfig) -> None:
    if config.group_consumer_migration_policy not in UPGRADE_POLICIES:
        raise _cannot_upgrade(group.group_id, "online upgrade is disabled")
    if group.protocol_type != PROTOCOL_TYPE:
        raise _cannot_upgrade(group.group_id, "the group does not use the consumer embedded protocol")
    if len(group.members) > config.group_consumer_max_size:
        raise _cannot_upgrade(group.group_id, "the group size exceeds the consumer group maximum size")
    for member in group.members.values():
        if member.assignment and read_assignment(member.assignment).user_data:
            raise _cannot_upgrade(group.group_id, "an unsupported custom assignor is in use")


def _take_over(coordinator: ConsumerGroupCoordinator, edit: GroupEdit, classic: Group) -> None:
    generation = classic.generation_id
    for member in classic.members.values():
        converted, target = _converted(member, classic, coordinator.topics)
        edit.apply(PutMember(converted))
        edit.apply(SetTarget(member.member_id, target))
        edit.when_done.append(
            lambda member=member: coordinator.watch_session(edit.group, member.member_id, member.session_timeout_ms)
        )
    edit.apply(SetEpoch(generation, edit.group.hash_of_topics(coordinator.topics)))
    edit.apply(SetAssignmentEpoch(generation, 0))


def _converted(member: Member, group: Group, topics: TopicDirectory) -> tuple[ConsumerMember, Target]:
    name = group.protocol_name or member.protocols[0][0]
    subscription = read_subscription(member.metadata_for(name))
    assigned = read_assignment(member.assignment).partitions if member.assignment else {}
    target = {
        topic.topic_id: numbers for name, numbers in assigned.items() if (topic := topics.by_name(name)) is not None
    }
    converted = ConsumerMember(
        member_id=member.member_id,
        epoch=group.generation_id,
        previous_epoch=group.generation_id,
        instance_id=member.group_instance_id,
        rack_id=subscription.rack_id,
        rebalance_timeout_ms=member.rebalance_timeout_ms,
        client_id=member.client_id,
        client_host=member.client_host,
        topics=frozenset(subscription.topics),
        assigned={
            topic_id: dict.fromkeys(sorted(numbers), group.generation_id) for topic_id, numbers in target.items()
        },
        classic=ClassicMembership(member.session_timeout_ms, member.protocols),
    )
    return converted, target


# -- consumer -> classic --------------------------------------------------------------------------------------


def can_go_back(group: ConsumerGroup, gone: Collection[ConsumerMember], config: BrokerConfig) -> bool:
    """Whether only members of the classic protocol are left once these have gone, and may use it."""
    leaving = {member.member_id for member in gone}
    left = [member for member in group.members.values() if member.member_id not in leaving]
    return (
        bool(left)
        and config.group_consumer_migration_policy in DOWNGRADE_POLICIES
        and all(member.classic is not None for member in left)
    )


def can_go_back_with(group: ConsumerGroup, holder: ConsumerMember, config: BrokerConfig) -> bool:
    """Whether all members use the classic protocol once a static one has been replaced by such a member."""
    return (
        holder.classic is None
        and config.group_consumer_migration_policy in DOWNGRADE_POLICIES
        and all(member.classic is not None for member in group.members.values() if member is not holder)
    )


def go_back(coordinator: ConsumerGroupCoordinator, edit: GroupEdit, gone: Collection[ConsumerMember]) -> None:
    """Make the group a classic one without the members that have gone; the others rejoin."""
    leaving = {member.member_id for member in gone}
    left = [member for member in edit.group.members.values() if member.member_id not in leaving]
    hand_over(coordinator, edit, left, edit.group.epoch, rebalance=True)


def hand_over(
    coordinator: ConsumerGroupCoordinator,
    edit: GroupEdit,
    members: Collection[ConsumerMember],
    generation_id: int,
    *,
    rebalance: bool,
) -> None:
    """Make the group a classic one of these members.

    Args:
        coordinator: whose group it is.
        edit: the group.
        members: those that stay, all of the classic protocol.
        generation_id: the generation that the classic group has.
        rebalance: whether they have to join again.
    """
    group = edit.group
    classic = _classic_group(group, members, coordinator.topics)
    classic.generation_id = generation_id
    edit.ends_group = True

    def finish() -> None:
        logger.info("group %s: becomes a classic group with %d members", group.group_id, len(members))
        for member_id in group.members:
            coordinator.timers.stop(group.group_id, member_id)
        coordinator.groups.pop(group.group_id, None)
        coordinator.classic_groups.adopt(classic, rebalance=rebalance)

    edit.when_done.append(finish)


def _classic_group(group: ConsumerGroup, members: Collection[ConsumerMember], topics: TopicDirectory) -> Group:
    classic = Group(group.group_id)
    for member in members:
        assert member.classic is not None
        classic.add(
            JoinRequest(
                group.group_id,
                member.member_id,
                member.instance_id,
                member.client_id,
                member.client_host,
                member.classic.session_timeout_ms,
                member.rebalance_timeout_ms,
                PROTOCOL_TYPE,
                member.classic.protocols,
                member_id_required=False,
                can_skip_assignment=False,
            ),
            member.member_id,
        )
    classic.protocol_name = classic.select_protocol()
    classic.note_subscriptions()
    classic.state = GroupState.STABLE
    for member in classic.members.values():
        member.is_new = False
        version = read_subscription(member.metadata_for(classic.protocol_name or "")).version
        member.assignment = write_assignment(version, named_partitions(group.target.get(member.member_id, {}), topics))
    return classic


def named_partitions(target: Target, topics: TopicDirectory) -> list[tuple[str, frozenset[int]]]:
    """Partitions by the names of their topics, those of deleted topics left out."""
    rows: list[tuple[str, frozenset[int]]] = []
    for topic_id, numbers in target.items():
        if (topic := topics.by_id(topic_id)) is not None:
            rows.append((topic.name, frozenset(numbers)))
    return rows


def topic_ids(partitions: Mapping[str, frozenset[int]], topics: TopicDirectory) -> dict[UUID, frozenset[int]]:
    """Partitions by the ids of their topics, those of unknown topics left out."""
    return {
        topic.topic_id: numbers for name, numbers in partitions.items() if (topic := topics.by_name(name)) is not None
    }
