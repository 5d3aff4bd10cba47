"""From one frame to one response: find the handler, read the request, write what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from importlib import import_module
from inspect import isawaitable
from typing import TYPE_CHECKING

from kappaflow.broker.api_table import API_TABLE, ApiSpec
from kappaflow.broker.authorization.refusals import refused
from kappaflow.broker.context import HandlerResult, RequestContext, Response
from kappaflow.broker.quotas.account import RequestAccount
from kappaflow.broker.security.sasl import IllegalSaslRequest, SaslAuthenticator
from kappaflow.broker.security.scram import AuthenticationFailed
from kappaflow.wire.codec import Buffer, decode, encode
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.headers import (
    API_VERSIONS_KEY,
    RequestHeader,
    decode_request_header,
    peek_api,
    response_prefix,
)
from kappaflow.wire.message import Message

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker
    from kappaflow.broker.security.session import ClientSession

Reply = list[Buffer] | None
"""The buffers of a response without the length in front; None where nothing is to be sent."""


class UnsupportedRequest(Exception):
    """The API or its version is not spoken here; the connection is closed, as Kafka does."""


@cache
def _handler(module: str) -> Callable[[RequestContext, Message], HandlerResult]:
    return import_module(f"kappaflow.broker.handlers.{module}").handle


def handle_frame(broker: Broker, session: ClientSession, frame: memoryview) -> Reply | Awaitable[Reply]:
    """Answer one request.

    Raises:
        MalformedMessage: the bytes are no request.
        UnsupportedRequest: the API or version is not in the table.
        IllegalSaslRequest: the client must log on first.
    """
    sasl = session.sasl
    if sasl is not None and sasl.takes_raw_tokens:
        return _raw_token(sasl, frame)
    api_key, version, correlation_id = peek_api(frame)
    if sasl is not None:
        sasl.check(api_key)
    spec = API_TABLE.get(api_key)
    if spec is None:
        raise UnsupportedRequest(f"API key {api_key} is not supported")
    if not spec.min_version <= version <= spec.max_version:
        return _unsupported_version(spec, version, correlation_id)
    header = decode_request_header(frame, version >= spec.flexible_from)
    try:
        request = decode(api_key, version, "request", frame, header.body_position, newest=spec.max_version)
    except LookupError as error:
        raise UnsupportedRequest(str(error)) from error
    context = RequestContext(broker, version, header.client_id, session, api_key)
    if broker.authorizer is not None and (refusal := refused(context, request)) is not None:
        return _encode(spec, header, refusal)
    account = RequestAccount(context, request, len(frame)) if broker.quotas.store.limits_clients else None
    answer = _handler(spec.module)(context, request)
    if isawaitable(answer):
        if account is not None:
            account.stop_clock()
        return _encode_later(spec, header, answer, account)
    return _encode(spec, header, answer if account is None else account.close(answer))


def _encode(spec: ApiSpec, header: RequestHeader, body: Response) -> Reply:
    if body is None:
        return None
    version = header.api_version
    prefix = response_prefix(spec.key, header.correlation_id, version >= spec.flexible_from)
    return encode(spec.key, version, "response", body, prefix)


async def _raw_token(sasl: SaslAuthenticator, frame: memoryview) -> Reply:
    """One step of a log-on after the oldest handshake: a token without a request around it."""
    try:
        return [await sasl.authenticate(bytes(frame))]
    except AuthenticationFailed as error:
        raise IllegalSaslRequest(str(error)) from None


async def _encode_later(
    spec: ApiSpec, header: RequestHeader, answer: Awaitable[Response], account: RequestAccount | None
) -> Reply:
    body = await answer
    return _encode(spec, header, body if account is None else account.close(body))


def _unsupported_version(spec: ApiSpec, version: int, correlation_id: int) -> Reply:
    if spec.key != API_VERSIONS_KEY:
        raise UnsupportedRequest(f"{spec.name} version {version} is not supported")
    # A client newer than the broker learns from this answer which version to ask with (KIP-511).
    itself = Message(api_key=spec.key, min_version=spec.min_version, max_version=spec.max_version)
    body = Message(error_code=ErrorCode.UNSUPPORTED_VERSION, api_keys=[itself])
    return encode(spec.key, 0, "response", body, response_prefix(spec.key, correlation_id, False))
