"""The account of one request: what it has used, and the pause that is due.

Source: KIP-13, KIP-124 (time), KIP-219 (the answer comes at once, and the connection is silent afterwards).
"""

from __future__ import annotations

from time import perf_counter_ns

from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.fetch_sessions import NO_SESSION
from kappaflow.broker.quotas.entities import CONSUMER_BYTE_RATE, PRODUCER_BYTE_RATE, REQUEST_PERCENTAGE
from kappaflow.wire.message import Message

PRODUCE, FETCH = 0, 1
EXEMPT_APIS = frozenset({17, 18, 36})
"""Log-on and versions: a client must be able to learn of its limits."""

NANOSECONDS_PER_PERCENT = 10_000_000


class RequestAccount:
    """Opened before a request is handled, closed with its answer."""

    __slots__ = ("_bytes", "_context", "_session_id", "_started_ns", "_used_ns")

    def __init__(self, context: RequestContext, request: Message, request_bytes: int) -> None:
        self._context = context
        self._bytes = request_bytes
        self._session_id: int = request.session_id if context.api_key == FETCH else NO_SESSION
        self._started_ns = perf_counter_ns()
        self._used_ns = 0

    def stop_clock(self) -> None:
        """What follows is waiting, which costs nothing."""
        self._used_ns = perf_counter_ns() - self._started_ns

    def close(self, answer: Response) -> Response:
        """Count, and put the pause into the answer and the session."""
        context = self._context
        if context.api_key in EXEMPT_APIS:
            return answer
        quotas, session, client_id = context.broker.quotas, context.session, context.client_id
        user = session.principal.name
        percent = (self._used_ns or perf_counter_ns() - self._started_ns) / NANOSECONDS_PER_PERCENT
        pause_ms = min(quotas.use(REQUEST_PERCENTAGE, user, client_id, percent), quotas.window_ms)
        if context.api_key == PRODUCE:
            pause_ms = max(pause_ms, quotas.use(PRODUCER_BYTE_RATE, user, client_id, self._bytes))
        elif context.api_key == FETCH and answer is not None:
            size = _records_bytes(answer)
            over_ms = quotas.use(CONSUMER_BYTE_RATE, user, client_id, size)
            if over_ms:
                # What was read is not sent, and so not counted; the client asks again after the pause.
                quotas.give_back(CONSUMER_BYTE_RATE, user, client_id, size)
                answer = self._empty_fetch(answer)
            pause_ms = max(pause_ms, over_ms)
        session.mute_ms = max(session.mute_ms, pause_ms)
        if answer is not None and session.mute_ms:
            answer.throttle_time_ms = session.mute_ms
        return answer

    def _empty_fetch(self, answer: Message) -> Message:
        if self._session_id == NO_SESSION and answer.session_id != NO_SESSION:
            # A session that the client has never heard of.
            self._context.broker.fetch_sessions.remove(answer.session_id)
            answer.session_id = NO_SESSION
        answer.responses = []
        return answer


def _records_bytes(answer: Message) -> int:
    return sum(len(partition.records or b"") for topic in answer.responses for partition in topic.partitions)
