"""AddPartitionsToTxn: make partitions part of a transaction before they are written to.

Versions from 4 on, several transactions in one request, are for brokers that verify on behalf of a producer.

Source: KIP-98, KIP-890.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.transaction_errors import fenced_error
from kappaflow.errors import StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

FENCED_SINCE = 2


def handle(context: RequestContext, request: Message) -> Response:
    """Add all partitions of a transaction, or none."""
    if context.api_version >= 4:
        if error := context.refusal(ResourceType.CLUSTER):
            return Message(throttle_time_ms=0, error_code=error, results_by_transaction=[])
        results = [
            Message(
                transactional_id=each.transactional_id,
                topic_results=_results(
                    context,
                    (each.transactional_id, each.producer_id, each.producer_epoch),
                    each.topics,
                    verify_only=each.verify_only,
                ),
            )
            for each in request.transactions
        ]
        return Message(throttle_time_ms=0, error_code=ErrorCode.NONE, results_by_transaction=results)
    producer = (
        request.v3_and_below_transactional_id,
        request.v3_and_below_producer_id,
        request.v3_and_below_producer_epoch,
    )
    topics = request.v3_and_below_topics
    return Message(
        throttle_time_ms=0,
        results_by_topic_v3_and_below=_results(context, producer, topics, verify_only=False),
    )


def _results(
    context: RequestContext, producer: tuple[str, int, int], topics: list[Message], *, verify_only: bool
) -> list[Message]:
    errors = _errors(context, producer, topics, verify_only=verify_only)
    return [
        Message(
            name=topic.name,
            results_by_partition=[
                Message(partition_index=index, partition_error_code=errors[topic.name, index])
                for index in topic.partitions
            ],
        )
        for topic in topics
    ]


def _errors(
    context: RequestContext, producer: tuple[str, int, int], topics: list[Message], *, verify_only: bool
) -> dict[tuple[str, int], ErrorCode]:
    broker = context.broker
    wanted = [(topic.name, index) for topic in topics for index in topic.partitions]
    if error := context.refusal(ResourceType.TRANSACTIONAL_ID, producer[0]):
        return dict.fromkeys(wanted, error)
    if verify_only:
        return {key: broker.transactions.verify(*producer, partition=key) for key in wanted}
    failed = {key: error for key in wanted if (error := _error(context, *key))}
    if failed:
        return {key: failed.get(key, ErrorCode.OPERATION_NOT_ATTEMPTED) for key in wanted}
    try:
        error = broker.transactions.add(*producer, partitions=wanted)
    except StorageError:
        error = ErrorCode.COORDINATOR_NOT_AVAILABLE
    return dict.fromkeys(wanted, fenced_error(error, context.api_version, FENCED_SINCE))


def _error(context: RequestContext, name: str, index: int) -> ErrorCode:
    if error := context.refusal(ResourceType.TOPIC, name):
        return error
    topic = context.broker.topics.by_name(name)
    exists = topic is not None and 0 <= index < len(topic.partitions)
    return ErrorCode.NONE if exists else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
