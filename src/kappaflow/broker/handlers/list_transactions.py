"""ListTransactions: transactional ids, filtered by state, producer, age and name.

Source: KIP-664, KIP-994 (age), KIP-1152 (pattern).
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.coordinators.consumer_groups.regex_syntax import RegexSyntaxError
from kappaflow.broker.coordinators.consumer_groups.topic_regex import topic_regex
from kappaflow.broker.coordinators.transaction_states import TransactionState
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

_STATES = {state.value for state in TransactionState}


def handle(context: RequestContext, request: Message) -> Response:
    """Every id that passes all filters; an empty filter passes all."""
    wanted = set(request.state_filters)
    unknown = sorted(wanted - _STATES)
    duration_ms = request.duration_filter if context.api_version >= 1 else -1
    text = request.transactional_id_pattern if context.api_version >= 2 else None
    try:
        pattern = topic_regex(text) if text else None
    except RegexSyntaxError:
        return _response(ErrorCode.INVALID_REGULAR_EXPRESSION, unknown, [])
    now_ms = context.broker.clock.time_ms()
    found = [
        Message(
            transactional_id=known.transactional_id,
            producer_id=known.producer_id,
            transaction_state=known.state.value,
        )
        for known in context.broker.transactions.all()
        if (not wanted or known.state.value in wanted)
        and (not request.producer_id_filters or known.producer_id in request.producer_id_filters)
        # As in Kafka an id whose transactions have not begun yet is as old as can be.
        and (duration_ms < 0 or now_ms - known.start_ms > duration_ms)
        and (pattern is None or pattern.matches(known.transactional_id))
        and not context.refusal(ResourceType.TRANSACTIONAL_ID, known.transactional_id)
    ]
    return _response(ErrorCode.NONE, unknown, found)


def _response(error: ErrorCode, unknown: list[str], found: list[Message]) -> Message:
    return Message(throttle_time_ms=0, error_code=error, unknown_state_filters=unknown, transaction_states=found)
