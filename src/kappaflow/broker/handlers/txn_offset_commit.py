"""TxnOffsetCommit: offsets of a group that count when the transaction is committed.

Source: KIP-98, KIP-447 (the group's members are checked), KIP-890 (since version 5 the group is added here).
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.coordinators.offset_store import CommittedOffset, OffsetKey
from kappaflow.broker.handlers.offset_commit import check_metadata, check_topic
from kappaflow.errors import StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

ADDS_GROUP_SINCE = 5


def handle(context: RequestContext, request: Message) -> Response:
    """Check producer and member, then each partition, then hold back what is right."""
    refusal = _refusal(context, request)
    error = refusal or _check(context, request)
    now_ms = context.broker.clock.time_ms()
    accepted: list[tuple[OffsetKey, CommittedOffset]] = []
    errors: dict[OffsetKey, ErrorCode] = {}
    for topic in request.topics:
        for item in topic.partitions:
            key = (topic.name, item.partition_index)
            errors[key] = refusal or check_topic(context, key) or error or check_metadata(context, item)
            if not errors[key]:
                text = item.committed_metadata or ""
                accepted.append(
                    (key, CommittedOffset(item.committed_offset, item.committed_leader_epoch, text, now_ms))
                )
    try:
        context.broker.offsets.add_pending(request.group_id, request.producer_id, accepted)
    except StorageError:
        errors |= dict.fromkeys((key for key, _ in accepted), ErrorCode.COORDINATOR_NOT_AVAILABLE)
    else:
        if accepted:
            context.broker.all_groups.restore_empty(request.group_id)
    return Message(
        throttle_time_ms=0,
        topics=[
            Message(
                name=topic.name,
                partitions=[
                    Message(partition_index=item.partition_index, error_code=errors[topic.name, item.partition_index])
                    for item in topic.partitions
                ],
            )
            for topic in request.topics
        ],
    )


def _refusal(context: RequestContext, request: Message) -> ErrorCode:
    return context.refusal(ResourceType.TRANSACTIONAL_ID, request.transactional_id) or context.refusal(
        ResourceType.GROUP, request.group_id
    )


def _check(context: RequestContext, request: Message) -> ErrorCode:
    broker = context.broker
    if not request.group_id:
        return ErrorCode.INVALID_GROUP_ID
    error = broker.all_groups.check_commit(
        request.group_id,
        request.member_id,
        request.group_instance_id,
        request.generation_id,
        [(topic.name, item.partition_index) for topic in request.topics for item in topic.partitions],
        transactional=True,
    )
    if error:
        return error
    producer = (request.transactional_id, request.producer_id, request.producer_epoch)
    try:
        if context.api_version >= ADDS_GROUP_SINCE:
            error = broker.transactions.add(*producer, groups=[request.group_id])
        else:
            error = broker.transactions.verify(*producer, group=request.group_id)
    except StorageError:
        return ErrorCode.COORDINATOR_NOT_AVAILABLE
    # Clients take the epoch's error here as the group coordinator's, which has no other.
    return ErrorCode.INVALID_PRODUCER_EPOCH if error is ErrorCode.PRODUCER_FENCED else error
