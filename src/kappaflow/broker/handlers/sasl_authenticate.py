"""SaslAuthenticate: one step of a log-on.

Source: KIP-152, KIP-368 (session lifetime).
"""

from __future__ import annotations

import asyncio
import logging

from kappaflow.broker.context import HandlerResult, RequestContext, Response
from kappaflow.broker.security.sasl import SaslAuthenticator, SaslState
from kappaflow.broker.security.scram import AuthenticationFailed
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

logger = logging.getLogger(__name__)


def handle(context: RequestContext, request: Message) -> HandlerResult:
    """Hand the token to the mechanism."""
    sasl = context.session.sasl
    if sasl is None or sasl.state is not SaslState.AUTHENTICATE:
        return _response(
            ErrorCode.ILLEGAL_SASL_STATE, "SaslAuthenticate request received after successful authentication"
        )
    return _authenticate(context, sasl, bytes(request.auth_bytes))


async def _authenticate(context: RequestContext, sasl: SaslAuthenticator, token: bytes) -> Response:
    try:
        answer = await sasl.authenticate(token)
    except AuthenticationFailed as error:
        logger.info("failed authentication from %s with %s", context.session.host, sasl.mechanism)
        # Guessing must not be fast.
        delay_ms = context.broker.config.security.number("connection.failed.authentication.delay.ms")
        await asyncio.sleep(delay_ms / 1000)
        context.session.ends = True
        return _response(ErrorCode.SASL_AUTHENTICATION_FAILED, str(error))
    return _response(ErrorCode.NONE, None, answer, sasl.session_lifetime_ms)


def _response(error: ErrorCode, text: str | None, answer: bytes = b"", session_lifetime_ms: int = 0) -> Message:
    return Message(error_code=error, error_message=text, auth_bytes=answer, session_lifetime_ms=session_lifetime_ms)
