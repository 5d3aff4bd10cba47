"""POST /inserts-stream: rows as lines of JSON behind a line that names their target; an acknowledgement each.

Acknowledgements come while rows are still being sent, in the order of the rows; each has the number of its row.
The lines go to a worker as they are: it parses and writes them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from kappaflow.errors import KappaError, UsageError
from kappaflow.server.control.errors import error_answer
from kappaflow.server.control.routes.negotiation import check_content_type, chosen_type
from kappaflow.server.control.routes.requests import opened_session, state_of, text_field
from kappaflow.server.control.routes.streaming import DELIMITED
from kappaflow.server.control.state import ControlState
from kappaflow.server.control.statements.session import Session
from kappaflow.sql.expressions.json_values import column_name

LINE_BYTES_MAX = 16 * 1024 * 1024
LINES_MAX = 2_000  # that go to a worker together
Ack = dict[str, Any]


async def inserts_stream(request: Request) -> Response:
    """Insert rows."""
    check_content_type(request)
    media_type = chosen_type(request, (DELIMITED, "application/json"))
    state = state_of(request)
    lines = _lines(request)
    document = _first(await anext(lines, [b""]))
    session = await opened_session(state_of(request), document, "properties")
    target = column_name(text_field(document, "target"))
    await _insert(state, target, session, [])  # refused here, a wrong target is an HTTP error
    acks = _acknowledged(state, target, session, lines)
    writer = _array if media_type == "application/json" else _delimited
    return _Duplex(writer(acks), media_type=media_type)


class _Duplex(StreamingResponse):
    """An answer that is sent while the body of the request still comes: nothing else reads what comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.stream_response(send)


async def _lines(request: Request) -> AsyncIterator[list[bytes]]:
    """Yield the first line alone, then the lines that came together.

    Raises:
        UsageError: a line is too long.
    """
    rest, is_first = b"", True
    async for chunk in request.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            raise UsageError(f"A line of the body is longer than {LINE_BYTES_MAX} bytes.")
        if is_first and lines:
            is_first = False
            yield lines[:1]
            lines = lines[1:]
        if found := [line for line in lines if line.strip()]:
            yield found
    if rest.strip():
        yield [rest]


def _first(lines: list[bytes]) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(lines[0])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The first line of the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise UsageError('The first line of the body must be a JSON object: {"target": "name of the stream"}.')
    return document


async def _insert(state: ControlState, target: str, session: Session, lines: list[bytes]) -> list[Ack]:
    return await state.ask_worker(
        "insert_rows",
        target=target,
        properties=session.properties,
        lines=lines,
        after_offset=state.commands.next_offset,
    )


async def _acknowledged(
    state: ControlState, target: str, session: Session, lines: AsyncIterator[list[bytes]]
) -> AsyncIterator[list[bytes]]:
    """Yield the acknowledgements of rows that were written together."""
    number = 0
    try:
        async for found in lines:
            for start in range(0, len(found), LINES_MAX):
                acks = await _insert(state, target, session, found[start : start + LINES_MAX])
                yield [msgspec.json.encode({**ack, "seq": number + i}) for i, ack in enumerate(acks)]
                number += len(acks)
    except ClientDisconnect:
        return
    except KappaError as error:
        _, entity = error_answer(error)
        failure = {"status": "error", "seq": number, "error_code": entity["error_code"], "message": str(error)}
        yield [msgspec.json.encode(failure)]


async def _delimited(acks: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
    async for group in acks:
        yield b"\n".join(group) + b"\n"


async def _array(acks: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
    before = b"["
    async for group in acks:
        yield before + b",\n".join(group)
        before = b",\n"
    yield b"[]" if before == b"[" else b"]"
