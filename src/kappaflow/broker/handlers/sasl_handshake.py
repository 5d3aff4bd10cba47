"""SaslHandshake: a client chooses how it logs on.

Source: KIP-43, KIP-152 (version 1).
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.security.sasl import SaslState
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Take the mechanism, or name those that there are and close the connection."""
    sasl = context.session.sasl
    if sasl is None:
        return Message(error_code=ErrorCode.ILLEGAL_SASL_STATE, mechanisms=[])
    error = sasl.handshake(request.mechanism, context.api_version)
    context.session.ends = sasl.state is SaslState.FAILED
    return Message(error_code=error, mechanisms=sasl.mechanisms)
