"""OffsetCommit: store where a group goes on.

Source: KIP-62, KIP-320 (leader epochs), KIP-345, KIP-848 (topic ids).
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.coordinators.offset_store import CommittedOffset, OffsetKey
from kappaflow.errors import StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Check the member, then each partition, then store what is right in one step."""
    broker = context.broker
    refusal = context.refusal(ResourceType.GROUP, request.group_id)
    now_ms = broker.clock.time_ms()
    accepted: list[tuple[OffsetKey, CommittedOffset]] = []
    errors: dict[OffsetKey, int] = {}
    names = [_topic_name(context, topic) for topic in request.topics]
    keys = [
        (name, item.partition_index)
        for name, topic in zip(names, request.topics, strict=True)
        for item in topic.partitions
        if not check_metadata(context, item)
    ]
    member_error = _member_error(context, request, keys)
    for name, topic in zip(names, request.topics, strict=True):
        for item in topic.partitions:
            key = (name, item.partition_index)
            errors[key] = refusal or check_topic(context, key) or member_error or check_metadata(context, item)
            if not errors[key]:
                committed = CommittedOffset(
                    item.committed_offset, item.committed_leader_epoch, item.committed_metadata or "", now_ms
                )
                accepted.append((key, committed))
    try:
        broker.offsets.commit(request.group_id, accepted)
    except StorageError:
        errors |= dict.fromkeys((key for key, _ in accepted), ErrorCode.COORDINATOR_NOT_AVAILABLE)
    else:
        if accepted:
            broker.all_groups.restore_empty(request.group_id)
    return Message(
        throttle_time_ms=0,
        topics=[
            Message(
                name=name,
                topic_id=topic.topic_id,
                partitions=[
                    Message(partition_index=item.partition_index, error_code=errors[name, item.partition_index])
                    for item in topic.partitions
                ],
            )
            for name, topic in zip(names, request.topics, strict=True)
        ],
    )


def _member_error(context: RequestContext, request: Message, partitions: list[OffsetKey]) -> ErrorCode:
    """Why nothing of the request may be stored in this name; NONE where it may."""
    if not request.group_id:
        return ErrorCode.INVALID_GROUP_ID
    known = [key for key in partitions if not check_topic(context, key)]
    return context.broker.all_groups.check_commit(
        request.group_id,
        request.member_id,
        request.group_instance_id,
        request.generation_id_or_member_epoch,
        known,
        api_version=context.api_version,
    )


def _topic_name(context: RequestContext, topic: Message) -> str:
    """The topic's name; since version 10 it is named by its id, and an unknown id stands for itself."""
    if context.api_version < 10:
        return topic.name
    known = context.broker.topics.by_id(topic.topic_id)
    return known.name if known else str(topic.topic_id)


def check_topic(context: RequestContext, key: OffsetKey) -> ErrorCode:
    """Whether the client may know of a partition, and there is one."""
    topic = context.broker.topics.by_name(key[0])
    if (topic is not None or context.api_version < 10) and (error := context.refusal(ResourceType.TOPIC, key[0])):
        return error
    if topic is None and context.api_version >= 10:
        return ErrorCode.UNKNOWN_TOPIC_ID
    if topic is None or not 0 <= key[1] < len(topic.partitions):
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return ErrorCode.NONE


def check_metadata(context: RequestContext, item: Message) -> ErrorCode:
    """Whether the text beside an offset is short enough."""
    if len(item.committed_metadata or "") > context.broker.config.offset_metadata_max_bytes:
        return ErrorCode.OFFSET_METADATA_TOO_LARGE
    return ErrorCode.NONE
