"""OffsetForLeaderEpoch: where a leader epoch ended, so that clients notice lost records.

Source: KIP-101, KIP-320.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.partition_errors import check_leader_epoch, find_partition
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Answer every partition independently."""
    return Message(
        throttle_time_ms=0,
        topics=[
            Message(
                topic=topic.topic, partitions=[_end_offset(context, topic.topic, item) for item in topic.partitions]
            )
            for topic in request.topics
        ],
    )


def _end_offset(context: RequestContext, topic: str, item: Message) -> Message:
    broker = context.broker
    epoch, end_offset, error_code = -1, -1, int(ErrorCode.NONE)
    try:
        if context.refusal(ResourceType.CLUSTER):
            context.require(ResourceType.TOPIC, topic)
        partition = find_partition(broker.topics.by_name(topic), item.partition, by_id=False)
        check_leader_epoch(broker, item.current_leader_epoch)
        log = partition.log
        if item.leader_epoch == broker.leader_epoch:
            # True also where nothing has been written under the current epoch yet.
            epoch, end_offset = item.leader_epoch, log.log_end_offset
        else:
            epoch, end_offset = log.leader_epochs.end_offset(item.leader_epoch, log.log_end_offset)
    except BrokerError as error:
        error_code = error.code
    except StorageError:
        error_code = ErrorCode.KAFKA_STORAGE_ERROR
    return Message(error_code=error_code, partition=item.partition, leader_epoch=epoch, end_offset=end_offset)
