"""WriteTxnMarkers: end a transaction in single partitions, for tools that abort one which nobody ends.

Source: KIP-98, KIP-664.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from kappaflow.broker.authorization.acl import AclOperation, ResourceType
from kappaflow.broker.context import HandlerResult, RequestContext, Response
from kappaflow.broker.partition_errors import find_partition
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> HandlerResult:
    """Write the markers; answer when the flush policy allows."""
    flushes: list[Awaitable[None]] = []
    response = Message(
        markers=[
            Message(
                producer_id=marker.producer_id,
                topics=[
                    Message(
                        name=topic.name,
                        partitions=[
                            Message(
                                partition_index=index, error_code=_write(context, marker, topic.name, index, flushes)
                            )
                            for index in topic.partition_indexes
                        ],
                    )
                    for topic in marker.topics
                ],
            )
            for marker in request.markers
        ]
    )
    return _after(flushes, response) if flushes else response


async def _after(flushes: list[Awaitable[None]], response: Message) -> Response:
    await asyncio.gather(*flushes)
    return response


def _write(
    context: RequestContext, marker: Message, name: str, index: int, flushes: list[Awaitable[None]]
) -> ErrorCode | int:
    broker = context.broker
    if context.refusal(ResourceType.CLUSTER) and (
        error := context.refusal(ResourceType.CLUSTER, None, AclOperation.ALTER)
    ):
        return error
    try:
        partition = find_partition(broker.topics.by_name(name), index, by_id=False)
        known = partition.log.producers.find(marker.producer_id)
        if known is not None and marker.producer_epoch < known.epoch:
            return ErrorCode.INVALID_PRODUCER_EPOCH
        if known is not None and 0 <= marker.coordinator_epoch < known.coordinator_epoch:
            return ErrorCode.TRANSACTION_COORDINATOR_FENCED
        broker.markers.write_marker(
            (name, index),
            marker.producer_id,
            marker.producer_epoch,
            committed=marker.transaction_result,
            coordinator_epoch=marker.coordinator_epoch,
            flushes=flushes,
        )
    except BrokerError as error:
        return error.code
    except StorageError:
        return ErrorCode.KAFKA_STORAGE_ERROR
    return ErrorCode.NONE
