"""UnregisterBroker: the only broker is registered as long as it runs, and no other one is.

Source: KIP-500.
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Find no other broker to forget, and refuse to forget this one."""
    if request.broker_id == context.broker.node_id:
        code = ErrorCode.INVALID_REQUEST
        text = f"Broker {request.broker_id} is the one that answers; a running broker cannot be forgotten."
    else:
        code, text = ErrorCode.BROKER_ID_NOT_REGISTERED, f"Broker {request.broker_id} is not registered."
    return Message(throttle_time_ms=0, error_code=code, error_message=text)
