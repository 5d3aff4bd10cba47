"""Metadata: brokers, topics, partitions and leaders.

Source: KIP-516 (topic ids), KIP-430 (authorized operations), KIP-361 (auto-creation).
"""

from __future__ import annotations

from uuid import UUID

from kappaflow.broker.authorization.acl import AclOperation, ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.topics import Topic
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message

TOPIC_IDS_VERSION = 12
"""Versions 10 and 11 have a field for topic ids, and no broker takes it."""
OPERATIONS_NOT_ASKED_FOR = -(2**31)


def handle(context: RequestContext, request: Message) -> Response:
    """Describe the cluster and the topics asked for, creating them where that is wanted."""
    broker = context.broker
    version = context.api_version
    wanted: list[Message] | None = request.topics
    operations: bool = request.include_topic_authorized_operations
    if version < TOPIC_IDS_VERSION and any(_asks_by_id(topic) for topic in wanted or ()):
        topics = [_failed(topic.name or "", ErrorCode.INVALID_REQUEST) for topic in wanted or ()]
    elif wanted is None or (version == 0 and not wanted):
        topics = [
            _describe(context, topic, operations)
            for topic in broker.topics.all()
            if not context.refusal(ResourceType.TOPIC, topic.name)
        ]
    else:
        may_create = broker.config.auto_create_topics and (version < 4 or request.allow_auto_topic_creation)
        topics = [_describe_requested(context, topic, may_create, operations) for topic in wanted]
    return Message(
        throttle_time_ms=0,
        brokers=[
            Message(
                node_id=broker.node_id,
                host=context.session.listener.advertised_host,
                port=context.session.listener.advertised_port,
                rack=None,
            )
        ],
        cluster_id=broker.cluster_id,
        controller_id=broker.node_id,
        topics=topics,
        cluster_authorized_operations=cluster_operations(context)
        if getattr(request, "include_cluster_authorized_operations", False)
        else OPERATIONS_NOT_ASKED_FOR,
        error_code=ErrorCode.NONE,
    )


def cluster_operations(context: RequestContext) -> int:
    """What the client may do with the cluster, as bits; nothing where it may not see that."""
    if context.refusal(ResourceType.CLUSTER, None, AclOperation.DESCRIBE):
        return 0
    return context.authorized_operations(ResourceType.CLUSTER)


def _asks_by_id(wanted: Message) -> bool:
    return wanted.name is None or getattr(wanted, "topic_id", ZERO_UUID) != ZERO_UUID


def _describe_requested(context: RequestContext, wanted: Message, may_create: bool, operations: bool) -> Message:
    topics = context.broker.topics
    topic_id = getattr(wanted, "topic_id", ZERO_UUID)
    if wanted.name is None:
        topic = topics.by_id(topic_id)
        if topic is None:
            return _failed(None, ErrorCode.UNKNOWN_TOPIC_ID, topic_id)
        if error := context.refusal(ResourceType.TOPIC, topic.name):
            return _failed(None, error, topic_id)
        return _describe(context, topic, operations)
    if error := context.refusal(ResourceType.TOPIC, wanted.name):
        return _failed(wanted.name, error)
    topic = topics.by_name(wanted.name)
    if topic is None:
        try:
            if may_create and context.refusal(ResourceType.CLUSTER, None, AclOperation.CREATE):
                context.require(ResourceType.TOPIC, wanted.name, AclOperation.CREATE)
            topics.check_name(wanted.name)
            if not may_create:
                return _failed(
                    wanted.name,
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    operations=_topic_operations(context, wanted.name, operations),
                )
            topic = topics.create(wanted.name, context.broker.config.num_partitions, {})
        except BrokerError as error:
            return _failed(wanted.name, error.code)
        except StorageError:  # such as a full disk: the other topics can be read nevertheless
            return _failed(wanted.name, ErrorCode.KAFKA_STORAGE_ERROR)
    return _describe(context, topic, operations)


def _topic_operations(context: RequestContext, name: str, asked: bool) -> int:
    return context.authorized_operations(ResourceType.TOPIC, name) if asked else OPERATIONS_NOT_ASKED_FOR


def _failed(
    name: str | None, error_code: int, topic_id: UUID = ZERO_UUID, operations: int = OPERATIONS_NOT_ASKED_FOR
) -> Message:
    return Message(
        error_code=error_code,
        name=name,  # None from `TOPIC_IDS_VERSION` on only
        topic_id=topic_id,
        is_internal=False,
        partitions=[],
        topic_authorized_operations=operations,
    )


def _describe(context: RequestContext, topic: Topic, operations: bool) -> Message:
    nodes = (context.broker.node_id,)
    return Message(
        error_code=ErrorCode.NONE,
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=topic.is_internal,
        partitions=[
            Message(
                error_code=ErrorCode.NONE,
                partition_index=partition.index,
                leader_id=nodes[0],
                leader_epoch=context.broker.leader_epoch,
                replica_nodes=nodes,
                isr_nodes=nodes,
                offline_replicas=(),
            )
            for partition in topic.partitions
        ],
        topic_authorized_operations=_topic_operations(context, topic.name, operations),
    )
