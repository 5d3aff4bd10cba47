"""DeleteRecords: raise the start of partitions.

Source: KIP-107.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.partition_errors import find_partition
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Answer every partition independently."""
    return Message(
        throttle_time_ms=0,
        topics=[
            Message(name=topic.name, partitions=[_delete(context, topic.name, item) for item in topic.partitions])
            for topic in request.topics
        ],
    )


def _delete(context: RequestContext, topic: str, item: Message) -> Message:
    low_watermark, error_code = -1, int(ErrorCode.NONE)
    try:
        context.require(ResourceType.TOPIC, topic)
        partition = find_partition(context.broker.topics.by_name(topic), item.partition_index, by_id=False)
        if not partition.log.config.deletes:
            error_code = ErrorCode.POLICY_VIOLATION
        else:
            low_watermark = partition.log.delete_records(item.offset)
    except BrokerError as error:
        error_code = error.code
    except StorageError:
        error_code = ErrorCode.KAFKA_STORAGE_ERROR
    return Message(partition_index=item.partition_index, low_watermark=low_watermark, error_code=error_code)
