"""AlterReplicaLogDirs: move replicas between directories; there is one directory, where they are already.

Source: KIP-113.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Agree to what is so already, refuse other directories."""
    own = context.broker.config.data_dir.absolute()
    answers: dict[str, list[Message]] = {}
    for directory in request.dirs:
        for topic in directory.topics:
            for index in topic.partitions:
                code = _judge(context, topic.name, index, is_own=directory.path == str(own))
                answers.setdefault(topic.name, []).append(Message(partition_index=index, error_code=code))
    return Message(
        throttle_time_ms=0,
        results=[Message(topic_name=name, partitions=partitions) for name, partitions in answers.items()],
    )


def _judge(context: RequestContext, name: str, index: int, *, is_own: bool) -> ErrorCode:
    if error := context.refusal(ResourceType.CLUSTER):
        return error
    if not is_own:
        return ErrorCode.LOG_DIR_NOT_FOUND
    topic = context.broker.topics.by_name(name)
    is_known = topic is not None and 0 <= index < len(topic.partitions)
    return ErrorCode.NONE if is_known else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
