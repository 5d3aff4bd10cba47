"""CreatePartitions: grow topics.

Source: KIP-195.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.handlers.create_topics import check_partition_count
from kappaflow.broker.quotas.mutations import MutationQuota
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

STRICT_QUOTA_SINCE = 3


def handle(context: RequestContext, request: Message) -> Response:
    """Grow each topic independently of the others."""
    results: list[Message] = []
    quota = MutationQuota(context, STRICT_QUOTA_SINCE)
    for wanted in request.topics:
        error_code, text = int(ErrorCode.NONE), None
        try:
            _grow(context, wanted, quota, validate_only=request.validate_only)
        except BrokerError as error:
            error_code, text = error.code, str(error)
        except StorageError as error:
            error_code, text = ErrorCode.KAFKA_STORAGE_ERROR, str(error)
        results.append(Message(name=wanted.name, error_code=error_code, error_message=text))
    return Message(throttle_time_ms=quota.throttle_time_ms, results=results)


def _grow(context: RequestContext, wanted: Message, quota: MutationQuota, *, validate_only: bool) -> None:
    broker = context.broker
    context.require(ResourceType.TOPIC, wanted.name)
    topic = broker.topics.by_name(wanted.name)
    if topic is None:
        raise BrokerError(
            ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
            "UNKNOWN_TOPIC_OR_PARTITION",
            "This server does not host this topic-partition.",
        )
    added = wanted.count - len(topic.partitions)
    if added <= 0:
        raise BrokerError(
            ErrorCode.INVALID_PARTITIONS,
            "INVALID_PARTITIONS",
            f"The topic {topic.name} has {len(topic.partitions)} partition(s); {wanted.count} is no increase.",
        )
    check_partition_count(added)
    assignments = wanted.assignments
    if assignments is not None and (
        len(assignments) != added or any(tuple(each.broker_ids) != (broker.node_id,) for each in assignments)
    ):
        raise BrokerError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            "INVALID_REPLICA_ASSIGNMENT",
            f"Give one assignment for each of the {added} new partitions, to broker {broker.node_id}, the only one.",
        )
    quota.take(added)
    if not validate_only:
        broker.topics.add_partitions(topic, wanted.count)
