"""DescribeTransactions: state, age and partitions of transactional ids.

Source: KIP-664.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Answer each id independently."""
    states = [_describe(context, name) for name in request.transactional_ids]
    return Message(throttle_time_ms=0, transaction_states=states)


def _describe(context: RequestContext, name: str) -> Message:
    error = context.refusal(ResourceType.TRANSACTIONAL_ID, name)
    known = context.broker.transactions.find(name) if name and not error else None
    if known is None:
        code = error or (ErrorCode.TRANSACTIONAL_ID_NOT_FOUND if name else ErrorCode.INVALID_REQUEST)
        return Message(
            error_code=code,
            transactional_id=name,
            transaction_state="",
            transaction_timeout_ms=0,
            transaction_start_time_ms=0,
            producer_id=0,
            producer_epoch=0,
            topics=[],
        )
    topics: dict[str, list[int]] = {}
    for topic, partition in sorted(known.partitions):
        if not context.refusal(ResourceType.TOPIC, topic):
            topics.setdefault(topic, []).append(partition)
    return Message(
        error_code=ErrorCode.NONE,
        transactional_id=name,
        transaction_state=known.state.value,
        transaction_timeout_ms=known.timeout_ms,
        transaction_start_time_ms=known.start_ms,
        producer_id=known.producer_id,
        producer_epoch=known.producer_epoch,
        topics=[Message(topic=topic, partitions=partitions) for topic, partitions in topics.items()],
    )
