"""DescribeTopicPartitions: partitions of topics, a page at a time.

Source: KIP-966.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.handlers.metadata import OPERATIONS_NOT_ASKED_FOR
from kappaflow.broker.topics import Topic
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message

MAX_PARTITIONS = 2000


def handle(context: RequestContext, request: Message) -> Response:
    """Describe topics in order of their names, from the cursor on; all topics where none is named."""
    registry = context.broker.topics
    named = sorted({topic.name for topic in request.topics}) or _visible(context)
    first_partition = 0
    if request.cursor is not None:
        named = [name for name in named if name >= request.cursor.topic_name]
        if named[:1] == [request.cursor.topic_name]:
            first_partition = request.cursor.partition_index
    room = min(request.response_partition_limit, MAX_PARTITIONS)
    topics: list[Message] = []
    cursor: Message | None = None
    for name in named:
        error = context.refusal(ResourceType.TOPIC, name)
        topic = None if error else registry.by_name(name)
        if room <= 0:
            cursor = Message(topic_name=name, partition_index=first_partition)
            break
        if topic is None:
            topics.append(_missing(context, name, error))
            continue
        end = min(first_partition + room, len(topic.partitions))
        topics.append(_describe(context, topic, range(first_partition, end)))
        room -= max(end - first_partition, 0)
        if end < len(topic.partitions):
            cursor = Message(topic_name=name, partition_index=end)
            break
        first_partition = 0
    return Message(throttle_time_ms=0, topics=topics, next_cursor=cursor)


def _visible(context: RequestContext) -> list[str]:
    names = (topic.name for topic in context.broker.topics.all())
    return [name for name in names if not context.refusal(ResourceType.TOPIC, name)]


def _missing(context: RequestContext, name: str, refusal: ErrorCode) -> Message:
    error_code = int(refusal or ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    try:
        context.broker.topics.check_name(name)
    except BrokerError as error:
        error_code = error.code
    operations = OPERATIONS_NOT_ASKED_FOR if refusal else context.authorized_operations(ResourceType.TOPIC, name)
    return Message(
        error_code=error_code,
        name=name,
        topic_id=ZERO_UUID,
        is_internal=False,
        partitions=[],
        topic_authorized_operations=operations,
    )


def _describe(context: RequestContext, topic: Topic, indexes: range) -> Message:
    nodes = (context.broker.node_id,)
    return Message(
        error_code=ErrorCode.NONE,
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.is_internal,
        partitions=[
            Message(
                error_code=ErrorCode.NONE,
                partition_index=index,
                leader_id=context.broker.node_id,
                leader_epoch=context.broker.leader_epoch,
                replica_nodes=nodes,
                isr_nodes=nodes,
                # Nullable by the schema, but Java's client fails on null.
                eligible_leader_replicas=(),
                last_known_elr=(),
                offline_replicas=(),
            )
            for index in indexes
        ],
        topic_authorized_operations=context.authorized_operations(ResourceType.TOPIC, topic.name),
    )
