"""OffsetFetch: where groups go on.

Source: KIP-447 (require stable), KIP-709 (several groups in one request).
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.coordinators.offset_store import CommittedOffset
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

NO_OFFSET = CommittedOffset(-1, -1, "", 0)


def handle(context: RequestContext, request: Message) -> Response:
    """Answer one group, or since version 8 several."""
    if context.api_version >= 8:
        groups = [
            Message(
                group_id=group.group_id,
                topics=_topics(context, group.group_id, group.topics),
                error_code=ErrorCode.NONE if group.group_id else ErrorCode.INVALID_GROUP_ID,
            )
            for group in request.groups
        ]
        return Message(throttle_time_ms=0, groups=groups)
    return Message(
        throttle_time_ms=0,
        topics=_topics(context, request.group_id, request.topics),
        error_code=ErrorCode.NONE if request.group_id else ErrorCode.INVALID_GROUP_ID,
    )


def _topics(context: RequestContext, group_id: str, wanted: list[Message] | None) -> list[Message]:
    held = context.broker.offsets.of_group(group_id)
    if wanted is None:
        by_topic: dict[str, list[int]] = {}
        for topic, partition in sorted(held):
            by_topic.setdefault(topic, []).append(partition)
    else:
        by_topic = {topic.name: list(topic.partition_indexes) for topic in wanted}
    return [
        Message(
            name=name,
            partitions=[_partition(partition, held.get((name, partition), NO_OFFSET)) for partition in partitions],
        )
        for name, partitions in by_topic.items()
    ]


def _partition(index: int, committed: CommittedOffset) -> Message:
    return Message(
        partition_index=index,
        committed_offset=committed.offset,
        committed_leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
        error_code=ErrorCode.NONE,
    )
