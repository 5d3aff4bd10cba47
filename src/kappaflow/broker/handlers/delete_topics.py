"""DeleteTopics: remove topics with all their records.

Source: KIP-516 (by id, version 6).
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import AclOperation, ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.quotas.mutations import MutationQuota
from kappaflow.broker.topics import Topic
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message

STRICT_QUOTA_SINCE = 5


def handle(context: RequestContext, request: Message) -> Response:
    """Delete each topic independently of the others."""
    quota = MutationQuota(context, STRICT_QUOTA_SINCE)
    if context.api_version >= 6:
        results = [_delete(context, wanted, quota) for wanted in request.topics]
    else:
        results = [_delete(context, Message(name=name, topic_id=ZERO_UUID), quota) for name in request.topic_names]
    return Message(throttle_time_ms=quota.throttle_time_ms, responses=results)


def _delete(context: RequestContext, wanted: Message, quota: MutationQuota) -> Message:
    topics = context.broker.topics
    by_name = wanted.name is not None
    if by_name and wanted.topic_id != ZERO_UUID:
        return _result(wanted.name, wanted.topic_id, ErrorCode.INVALID_REQUEST, "Give a name or an id, not both.")
    topic = topics.by_name(wanted.name) if by_name else topics.by_id(wanted.topic_id)
    name = topic.name if topic is not None else wanted.name
    may_delete_all = not context.refusal(ResourceType.CLUSTER, None, AclOperation.DELETE)
    if name is not None and not may_delete_all and (error := context.refusal(ResourceType.TOPIC, name)):
        is_hidden = bool(context.refusal(ResourceType.TOPIC, name, AclOperation.DESCRIBE))
        if topic is not None or is_hidden:
            shown = name if by_name or not is_hidden else None
            return _result(shown, wanted.topic_id, error, "Topic authorization failed.")
    if topic is None:
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if by_name else ErrorCode.UNKNOWN_TOPIC_ID
        return _result(wanted.name, wanted.topic_id, error, "This server does not host this topic.")
    return _delete_topic(context, topic, quota)


def _delete_topic(context: RequestContext, topic: Topic, quota: MutationQuota) -> Message:
    try:
        quota.take(len(topic.partitions))
        context.broker.delete_topic(topic)
    except BrokerError as error:
        return _result(topic.name, topic.topic_id, error.code, str(error))
    except StorageError as error:
        return _result(topic.name, topic.topic_id, ErrorCode.KAFKA_STORAGE_ERROR, str(error))
    return _result(topic.name, topic.topic_id, ErrorCode.NONE, None)


def _result(name: str | None, topic_id: object, error_code: int, text: str | None) -> Message:
    return Message(name=name, topic_id=topic_id, error_code=error_code, error_message=text)
