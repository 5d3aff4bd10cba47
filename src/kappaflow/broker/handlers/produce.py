"""Produce: append record batches.

Source: KIP-98 (idempotence), KIP-467 (record errors), KIP-516 (topic ids, version 13), KIP-951 (current leader).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import HandlerResult, RequestContext, Response
from kappaflow.broker.partition_errors import find_partition, requested_topic
from kappaflow.broker.topics import Partition, Topic
from kappaflow.errors import BrokerError, CorruptRecordError, StorageError
from kappaflow.storage.append_errors import AppendError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message
from kappaflow.wire.record_batch import parse_header

ADDS_PARTITION_SINCE = 12
AUTHORIZATION_FAILED = "Topic authorization failed."

_PRODUCE_ERRORS = {
    ErrorCode.PRODUCER_FENCED: ErrorCode.INVALID_PRODUCER_EPOCH,
    ErrorCode.INVALID_REQUEST: ErrorCode.INVALID_TXN_STATE,
}


_PRODUCER_ERRORS = {
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode.INVALID_PRODUCER_EPOCH,
    ErrorCode.INVALID_TXN_STATE,
}


def handle(context: RequestContext, request: Message) -> HandlerResult:
    """Append to each partition independently; answer when the flush policy allows."""
    by_id = context.api_version >= 13
    flushes: list[Awaitable[None]] = []
    responses: list[Message] = []
    for wanted in request.topic_data:
        name = None if by_id else wanted.name
        topic = requested_topic(context.broker, name, wanted, by_id)
        refusal = _refusal(context, topic, name)
        responses.append(
            Message(
                name=name,
                topic_id=wanted.topic_id if by_id else ZERO_UUID,
                partition_responses=[
                    _failed(data.index, refusal, AUTHORIZATION_FAILED)
                    if refusal
                    else _append(context, request, topic, data, by_id, flushes)
                    for data in wanted.partition_data
                ],
            )
        )
    if request.acks == 0:
        # Nothing is answered, so the end of the connection is how the client learns that something failed.
        context.session.ends = any(each.error_code for topic in responses for each in topic.partition_responses)
        return None
    response = Message(responses=responses, throttle_time_ms=0)
    return _after(flushes, response) if flushes else response


def _refusal(context: RequestContext, topic: Topic | None, name: str | None) -> ErrorCode:
    """Why the client may not write to a topic; a topic that does not exist is refused as one that does."""
    if topic is None and name is None:
        return ErrorCode.NONE
    return context.refusal(ResourceType.TOPIC, topic.name if topic is not None else name)


async def _after(flushes: list[Awaitable[None]], response: Message) -> Response:
    await asyncio.gather(*flushes)
    return response


def _append(
    context: RequestContext,
    request: Message,
    topic: Topic | None,
    data: Message,
    by_id: bool,
    flushes: list[Awaitable[None]],
) -> Message:
    try:
        partition = find_partition(topic, data.index, by_id)
        if request.acks not in (-1, 0, 1):
            raise BrokerError(
                ErrorCode.INVALID_REQUIRED_ACKS,
                "INVALID_REQUIRED_ACKS",
                f"acks must be -1, 0 or 1, not {request.acks}.",
            )
    except BrokerError as error:
        return _failed(data.index, error.code, str(error))
    try:
        return _append_records(context, request, partition, data, flushes)
    except AppendError as error:
        # Kafka says where the log starts where it is about single records or the producer.
        judged = bool(error.record_errors) or error.code in _PRODUCER_ERRORS
        start = partition.log.log_start_offset if judged else -1
        return _failed(data.index, error.code, str(error), error.record_errors, start)
    except BrokerError as error:
        return _failed(data.index, error.code, str(error))
    except StorageError as error:
        return _failed(data.index, ErrorCode.KAFKA_STORAGE_ERROR, str(error))


def _append_records(
    context: RequestContext, request: Message, partition: Partition, data: Message, flushes: list[Awaitable[None]]
) -> Message:
    if not data.records:
        raise BrokerError(ErrorCode.INVALID_RECORD, "INVALID_RECORD", "The request holds no records.")
    _check_transaction(context, request, partition, data.records)
    result = partition.log.append(data.records, leader_epoch=context.broker.leader_epoch)
    partition.wake_waiters()
    if context.broker.config.flush == "group" or partition.log.flush_is_due:
        flushes.append(partition.log.flusher.wait_durable(partition.log, result.last_offset + 1))
    return Message(
        index=data.index,
        error_code=ErrorCode.NONE,
        base_offset=result.base_offset,
        log_append_time_ms=result.log_append_time,
        log_start_offset=result.log_start_offset,
        record_errors=[],
        error_message=None,
    )


def _check_transaction(
    context: RequestContext, request: Message, partition: Partition, records: bytes | memoryview
) -> None:
    """Before a transactional batch its partition belongs to the transaction, or since version 12 comes to it."""
    try:
        header = parse_header(records)
    except CorruptRecordError:
        return  # the log says what is wrong with it
    if header.is_transactional and request.transactional_id is None:
        error = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        raise BrokerError(error, error.name, "The records are of a transaction, but the request names none.")
    if header.is_control:
        raise BrokerError(ErrorCode.INVALID_RECORD, "INVALID_RECORD", "Clients may not write control records.")
    if not header.is_transactional:
        return
    context.require(ResourceType.TRANSACTIONAL_ID, request.transactional_id)
    producer = (request.transactional_id or "", header.producer_id, header.producer_epoch)
    key = (partition.topic, partition.index)
    transactions = context.broker.transactions
    try:
        if context.api_version >= ADDS_PARTITION_SINCE:
            error = transactions.add(*producer, partitions=[key])
        else:
            error = transactions.verify(*producer, partition=key)
    except StorageError:
        partition.log.producers.not_written(header)
        raise
    if error is ErrorCode.CONCURRENT_TRANSACTIONS:
        # It comes again; what its producer has sent behind it must not be the first that is known of the producer.
        partition.log.producers.not_written(header)
    if error:
        error = _PRODUCE_ERRORS.get(error, error)
        raise BrokerError(error, error.name, f"The transaction of {producer[0]!r} does not take records for {key}.")


def _failed(
    index: int,
    error_code: int,
    text: str,
    record_errors: Sequence[tuple[int, str]] = (),
    log_start_offset: int = -1,
) -> Message:
    return Message(
        index=index,
        error_code=error_code,
        base_offset=-1,
        log_append_time_ms=-1,
        log_start_offset=log_start_offset,
        record_errors=[Message(batch_index=bad, batch_index_error_message=reason) for bad, reason in record_errors],
        error_message=text,
    )
