"""ConsumerGroupDescribe: state, epochs, members and assignments of consumer groups.

Source: KIP-848; KIP-1099 (type of a member).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.authorization.rules import REFUSAL_TEXTS
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.coordinators.consumer_groups.group import ConsumerGroup
from kappaflow.broker.coordinators.consumer_groups.member import ConsumerMember
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

OPERATIONS_NOT_ASKED_FOR = -(2**31)
CLASSIC_MEMBER, CONSUMER_MEMBER = 0, 1


def handle(context: RequestContext, request: Message) -> Response:
    """Describe each group."""
    return Message(
        throttle_time_ms=0,
        groups=[
            _describe(context, group_id, asked=request.include_authorized_operations) for group_id in request.group_ids
        ],
    )


def _describe(context: RequestContext, group_id: str, *, asked: bool) -> Message:
    if error := context.refusal(ResourceType.GROUP, group_id):
        return _failed(group_id, error, REFUSAL_TEXTS[error])
    if not group_id:
        return _failed(group_id, ErrorCode.INVALID_GROUP_ID, "The group id is empty.")
    try:
        group = context.broker.consumer_groups.group(group_id)
    except BrokerError as error:
        return _failed(group_id, error.code, str(error))
    if any(context.refusal(ResourceType.TOPIC, name) for name in _shown_topics(context, group)):
        return _failed(
            group_id,
            ErrorCode.TOPIC_AUTHORIZATION_FAILED,
            "The group has described topic(s) that the client is not authorized to describe.",
        )
    return Message(
        error_code=ErrorCode.NONE,
        error_message=None,
        group_id=group_id,
        group_state=group.state.value,
        group_epoch=group.epoch,
        assignment_epoch=group.assignment_epoch,
        assignor_name=group.preferred_assignor() or context.broker.config.group_consumer_assignors[0],
        members=[_member(context, group, member) for member in group.members.values()],
        authorized_operations=context.authorized_operations(ResourceType.GROUP, group_id)
        if asked
        else OPERATIONS_NOT_ASKED_FOR,
    )


def _failed(group_id: str, error_code: int, text: str) -> Message:
    return Message(
        error_code=error_code,
        error_message=text,
        group_id=group_id,
        group_state="",
        group_epoch=0,
        assignment_epoch=0,
        assignor_name="",
        members=[],
        authorized_operations=OPERATIONS_NOT_ASKED_FOR,
    )


def _shown_topics(context: RequestContext, group: ConsumerGroup) -> set[str]:
    """The topics that the description would name."""
    topics = context.broker.topics
    ids = {
        topic_id
        for member in group.members.values()
        for part in (member.assigned, member.pending_revocation, group.target.get(member.member_id, {}))
        for topic_id in part
    }
    names = {name for member in group.members.values() for name in member.topics}
    return names | {topic.name for topic_id in ids if (topic := topics.by_id(topic_id)) is not None}


def _member(context: RequestContext, group: ConsumerGroup, member: ConsumerMember) -> Message:
    held: dict[UUID, set[int]] = {}
    # What it has to give up is its own until it has done so.
    for part in (member.assigned, member.pending_revocation):
        for topic_id, epochs in part.items():
            held.setdefault(topic_id, set()).update(epochs)
    return Message(
        member_id=member.member_id,
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        member_epoch=member.epoch,
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=sorted(member.topics),
        subscribed_topic_regex=member.regex,
        assignment=_assignment(context, held),
        target_assignment=_assignment(context, group.target.get(member.member_id, {})),
        member_type=CONSUMER_MEMBER if member.classic is None else CLASSIC_MEMBER,
    )


def _assignment(context: RequestContext, partitions: Mapping[UUID, Iterable[int]]) -> Message:
    return Message(
        topic_partitions=[
            Message(topic_id=topic_id, topic_name=topic.name, partitions=sorted(numbers))
            for topic_id, numbers in partitions.items()
            if (topic := context.broker.topics.by_id(topic_id)) is not None
        ]
    )
