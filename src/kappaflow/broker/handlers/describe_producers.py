"""DescribeProducers: the producers that partitions remember, and their open transactions.

Source: KIP-664.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.partition_errors import find_partition
from kappaflow.errors import BrokerError, StorageError
from kappaflow.storage.producer_state import ProducerEntry
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Answer each partition independently."""
    return Message(
        throttle_time_ms=0,
        topics=[
            Message(
                name=topic.name,
                partitions=[_describe(context, topic.name, index) for index in topic.partition_indexes],
            )
            for topic in request.topics
        ],
    )


def _describe(context: RequestContext, name: str, index: int) -> Message:
    code, text, producers = int(ErrorCode.NONE), None, list[ProducerEntry]()
    try:
        context.require(ResourceType.TOPIC, name)
        partition = find_partition(context.broker.topics.by_name(name), index, by_id=False)
        producers = partition.log.producers.producers()
    except BrokerError as error:
        code, text = error.code, str(error)
    except StorageError as error:
        code, text = int(ErrorCode.KAFKA_STORAGE_ERROR), str(error)
    return Message(
        partition_index=index,
        error_code=code,
        error_message=text,
        active_producers=[
            Message(
                producer_id=each.producer_id,
                producer_epoch=each.epoch,
                last_sequence=each.batches[-1].last_sequence if each.batches else -1,
                last_timestamp=each.last_timestamp,
                coordinator_epoch=each.coordinator_epoch,
                current_txn_start_offset=each.current_txn_first_offset,
            )
            for each in producers
        ],
    )
