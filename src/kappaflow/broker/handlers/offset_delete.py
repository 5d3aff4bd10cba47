"""OffsetDelete: forget offsets of a group in topics that no member reads.

Source: KIP-496.
"""

from __future__ import annotations

from collections.abc import Collection

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.errors import StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Delete each offset independently of the others."""
    broker = context.broker
    if error := broker.all_groups.check_offset_delete(request.group_id):
        return Message(error_code=error, throttle_time_ms=0, topics=[])
    subscribed = broker.all_groups.subscribed_topics(request.group_id)
    errors = {
        (topic.name, item.partition_index): _refusal(context, topic.name, item.partition_index, subscribed)
        for topic in request.topics
        for item in topic.partitions
    }
    keys = [key for key, error in errors.items() if not error]
    try:
        broker.offsets.delete(request.group_id, keys)
    except StorageError:
        return Message(error_code=ErrorCode.COORDINATOR_NOT_AVAILABLE, throttle_time_ms=0, topics=[])
    return Message(
        error_code=ErrorCode.NONE,
        throttle_time_ms=0,
        topics=[
            Message(
                name=topic.name,
                partitions=[
                    Message(
                        partition_index=item.partition_index,
                        error_code=errors[topic.name, item.partition_index],
                    )
                    for item in topic.partitions
                ],
            )
            for topic in request.topics
        ],
    )


def _refusal(context: RequestContext, name: str, partition: int, subscribed: Collection[str]) -> ErrorCode:
    if error := context.refusal(ResourceType.TOPIC, name):
        return error
    topic = context.broker.topics.by_name(name)
    if topic is None or not 0 <= partition < len(topic.partitions):
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC if name in subscribed else ErrorCode.NONE
