"""Read request bodies and write JSON answers."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from kappaflow.errors import KappaError, ServerError, UsageError
from kappaflow.server.control.property_rules import check_overrides
from kappaflow.server.control.routes.negotiation import check_content_type
from kappaflow.server.control.state import ControlState
from kappaflow.server.control.statements.session import Session

BODY_BYTES_MAX = 16 * 1024 * 1024
COMMAND_WAIT_SECONDS = 5.0
COMMAND_QUEUE_TIMEOUT = 50301
V1_JSON = "application/vnd.ksql.v1+json"


def state_of(request: Request) -> ControlState:
    """Return what the handlers share."""
    return request.app.state.control


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body.

    Raises:
        UsageError: the body is too large, not JSON, or not an object.
        ServerError: its type says that it is something else.
    """
    check_content_type(request)
    size = 0
    chunks: list[bytes] = []
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise UsageError(f"The request body is larger than {BODY_BYTES_MAX} bytes.")
        chunks.append(chunk)
    try:
        document = msgspec.json.decode(b"".join(chunks))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The request body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise UsageError("The request body must be a JSON object.")
    return document


def text_field(document: dict[str, Any], name: str) -> str:
    """Return a text field that must be there.

    Raises:
        UsageError: it is missing or not text.
    """
    value = document.get(name)
    if not isinstance(value, str):
        raise UsageError(f"The request needs the text field '{name}'.")
    return value


def map_field(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an optional object field.

    Raises:
        UsageError: it is there and not an object.
    """
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError(f"The field '{name}' must be an object.")
    return value


def sequence_number(document: dict[str, Any]) -> int | None:
    """Return the command that a request wants to see executed; None where it names none.

    Raises:
        UsageError: it is no whole number.
    """
    value = document.get("commandSequenceNumber")
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise UsageError("The field 'commandSequenceNumber' must be a whole number.")


async def opened_session(state: ControlState, document: dict[str, Any], properties: str) -> Session:
    """Return the session of a request, when the commands that it wants to see have been executed here.

    Args:
        properties: the field with the overrides.

    Raises:
        UsageError: a field is wrong, or a property may not be overridden.
        ServerError: the commands were not executed in time.
    """
    session = Session.of(map_field(document, properties), map_field(document, "sessionVariables"), state.engine.config)
    check_overrides(session.properties, state.engine.config)
    number = sequence_number(document)
    if number is not None and number >= state.commands.next_offset:
        try:
            await asyncio.to_thread(state.commands.wait_for, number, COMMAND_WAIT_SECONDS)
        except KappaError:
            raise ServerError(
                f"Timed out while waiting for a previous command to execute. command sequence number: {number}",
                503,
                COMMAND_QUEUE_TIMEOUT,
            ) from None
    return session


def json_response(content: Any, status: int = 200, media_type: str = "application/json") -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(content), status, media_type=media_type)
