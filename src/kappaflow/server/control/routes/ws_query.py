"""GET /ws/query: one SELECT or PRINT over a websocket.

    request=<JSON of a POST /query body> ──▶ frame: the columns ──▶ a frame a row ──▶ closed

An error is a frame with the error's entity, then the end of the connection.  Source: RFC 6455, 7.4.1 for the codes.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from kappaflow.errors import KappaError, ServerError, UsageError
from kappaflow.server.control.entities import type_schema
from kappaflow.server.control.errors import error_answer
from kappaflow.server.control.query_runner import End, Header, Part, Rows, parse_query, run_query
from kappaflow.server.control.routes.requests import opened_session, text_field
from kappaflow.server.control.state import ControlState
from kappaflow.sql.ast.statements import Print
from kappaflow.sql.grammar.parser import parse_type

NORMAL = 1000
CANNOT_ACCEPT = 1003
UNEXPECTED = 1011
REASON_BYTES_MAX = 120


async def ws_query(websocket: WebSocket) -> None:
    """Run a query and send its rows until it ends or the client goes away."""
    await websocket.accept()
    state: ControlState = websocket.app.state.control
    statement = ""
    try:
        document = _request(websocket.query_params.get("request"))
        statement = text_field(document, "ksql")
        session = await opened_session(state, document, "streamsProperties")
        parsed = parse_query(statement, session)
        is_print = isinstance(parsed.statement, Print)
        sending = asyncio.ensure_future(_send(websocket, run_query(state, parsed, session), is_print=is_print))
    except KappaError as error:
        await _fail(websocket, error, statement, CANNOT_ACCEPT)
        return
    watching = asyncio.ensure_future(_gone(websocket))
    try:
        await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and not watching.done():
            await _close(websocket, sending, statement)
    finally:
        for task in (sending, watching):
            task.cancel()
        await asyncio.gather(sending, watching, return_exceptions=True)


def _request(text: str | None) -> dict[str, Any]:
    if text is None:
        raise UsageError("The parameter 'request' is missing: it holds the JSON of the request.")
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(f"The parameter 'request' is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise UsageError("The parameter 'request' must be a JSON object.")
    return document


async def _send(websocket: WebSocket, parts: Any, *, is_print: bool) -> None:
    try:
        async for part in parts:
            for frame in _frames(part, is_print=is_print):
                await websocket.send_text(frame)
    finally:
        await parts.aclose()


def _frames(part: Part, *, is_print: bool) -> list[str]:
    match part:
        case Header(names=names, types=types):
            fields = [
                {"name": name, "schema": type_schema(parse_type(text))} for name, text in zip(names, types, strict=True)
            ]
            return [] if is_print else [msgspec.json.encode(fields).decode()]
        case Rows(rows=rows, tombstones=tombstones):
            tail = ',"tombstone":true}}' if tombstones else "}}"
            return list(rows) if is_print else [f'{{"row":{{"columns":{row}{tail}' for row in rows]
        case End(message=message):
            ended = {"finalMessage": message}
            return [] if is_print or not message else [msgspec.json.encode(ended).decode()]


async def _gone(websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()


async def _close(websocket: WebSocket, sent: asyncio.Future[None], statement: str) -> None:
    error = sent.exception()
    if isinstance(error, KappaError):
        refused = not isinstance(error, ServerError) or error.status < 500
        await _fail(websocket, error, statement, CANNOT_ACCEPT if refused else UNEXPECTED)
    elif error is None:
        await websocket.close(NORMAL, "done")
    elif not isinstance(error, WebSocketDisconnect):
        raise error


async def _fail(websocket: WebSocket, error: KappaError, statement: str, code: int) -> None:
    _, entity = error_answer(error, statement)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the client may be gone
        await websocket.send_text(msgspec.json.encode(entity).decode())
        reason = str(error).encode()[:REASON_BYTES_MAX].decode("utf-8", "ignore")
        await websocket.close(code, reason)
