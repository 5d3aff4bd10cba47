"""OffsetFetch: where groups go on.

Source: KIP-447 (require stable), KIP-709 (several groups in one request), KIP-848 (topic ids).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.coordinators.offset_store import CommittedOffset, OffsetKey
from kappaflow.broker.topics import Topic
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message

NO_OFFSET = CommittedOffset(-1, -1, "", 0)
UNSTABLE = CommittedOffset(-1, -1, "", 0)
"""Stands for an offset that an open transaction may change."""


def handle(context: RequestContext, request: Message) -> Response:
    """Answer one group, or since version 8 several."""
    if context.api_version >= 8:
        groups = [_group(context, group, stable=request.require_stable) for group in request.groups]
        return Message(throttle_time_ms=0, groups=groups)
    return Message(
        throttle_time_ms=0,
        topics=_topics(context, request.group_id, request.topics, stable=request.require_stable),
        error_code=_group_error(context, request.group_id),
    )


def _group(context: RequestContext, group: Message, *, stable: bool) -> Message:
    error = _group_error(context, group.group_id) or context.broker.all_groups.check_fetch(
        group.group_id, group.member_id, group.member_epoch
    )
    topics = [] if error else _topics(context, group.group_id, group.topics, stable=stable)
    return Message(group_id=group.group_id, topics=topics, error_code=error)


def _group_error(context: RequestContext, group_id: str) -> ErrorCode:
    return context.refusal(ResourceType.GROUP, group_id) or (ErrorCode.NONE if group_id else ErrorCode.INVALID_GROUP_ID)


def _topics(context: RequestContext, group_id: str, wanted: list[Message] | None, *, stable: bool) -> list[Message]:
    if context.refusal(ResourceType.GROUP, group_id):
        return []
    committed = held = context.broker.offsets.of_group(group_id)
    if stable and (pending := context.broker.offsets.pending(group_id)):
        held = {**held, **dict.fromkeys(pending, UNSTABLE)}
    registry = context.broker.topics
    if wanted is None:
        by_topic: dict[str, list[int]] = {}
        for name, partition in sorted(committed):
            if not context.refusal(ResourceType.TOPIC, name):
                by_topic.setdefault(name, []).append(partition)
        return [_topic(registry.by_name(name), name, partitions, held) for name, partitions in by_topic.items()]
    if context.api_version < 10:
        return [
            _failed_topic(topic, error)
            if (error := context.refusal(ResourceType.TOPIC, topic.name))
            else _topic(None, topic.name, topic.partition_indexes, held)
            for topic in wanted
        ]
    return [_topic_of_id(context, registry.by_id(topic.topic_id), topic, held) for topic in wanted]


def _topic(
    topic: Topic | None, name: str, partitions: Iterable[int], held: Mapping[OffsetKey, CommittedOffset]
) -> Message:
    return Message(
        name=name,
        topic_id=topic.topic_id if topic else ZERO_UUID,
        partitions=[_partition(partition, held.get((name, partition), NO_OFFSET)) for partition in partitions],
    )


def _topic_of_id(
    context: RequestContext, topic: Topic | None, wanted: Message, held: Mapping[OffsetKey, CommittedOffset]
) -> Message:
    """Since version 10 topics are named by their ids."""
    if topic is None:
        return _failed_topic(wanted, ErrorCode.UNKNOWN_TOPIC_ID)
    if error := context.refusal(ResourceType.TOPIC, topic.name):
        return _failed_topic(wanted, error)
    return _topic(topic, topic.name, wanted.partition_indexes, held)


def _failed_topic(wanted: Message, error_code: ErrorCode) -> Message:
    partitions = [_partition(index, NO_OFFSET, error_code) for index in wanted.partition_indexes]
    return Message(
        name=getattr(wanted, "name", ""), topic_id=getattr(wanted, "topic_id", ZERO_UUID), partitions=partitions
    )


def _partition(index: int, committed: CommittedOffset, error_code: ErrorCode = ErrorCode.NONE) -> Message:
    return Message(
        partition_index=index,
        committed_offset=committed.offset,
        committed_leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
        error_code=ErrorCode.UNSTABLE_OFFSET_COMMIT if committed is UNSTABLE else error_code,
    )
