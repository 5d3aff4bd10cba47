"""Turn the parts of a query's answer into bytes on the wire, in each of the formats that clients ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from kappaflow.errors import KappaError
from kappaflow.server.control.errors import error_answer
from kappaflow.server.control.query_runner import End, Header, Part, Rows
from kappaflow.server.control.routes.requests import V1_JSON

DELIMITED = "application/vnd.ksqlapi.delimited.v1"
ROW_FRAMES_MAX = 100  # more rows at once are written together
FRAME_TURNS = 4
V1_PROTOBUF = "application/vnd.ksql.v1+protobuf"


class Format(Protocol):
    """One way to write an answer."""

    media_type: str

    def part(self, part: Part) -> bytes:
        """Write one part."""
        ...

    def error(self, entity: dict[str, object]) -> bytes:
        """Write an error that came after the first part."""
        ...

    def close(self) -> bytes:
        """Write what ends the answer."""
        ...


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


class RowObjects:
    """A JSON array of header, row, message and error objects: POST /query.

    Each object stands on a line of its own, which is complete when the object is: clients of old read lines.

    Args:
        live: rows come as time goes by, and a message or an error ends them.
    """

    media_type = V1_JSON

    def __init__(self, *, live: bool = False) -> None:
        self._live = live
        self._opened = False
        self._ended = False

    def _item(self, text: bytes, *, last: bool = False) -> bytes:
        before = (b"" if self._live else b",\n") if self._opened else b"["
        self._opened = True
        self._ended = self._ended or last
        return before + text + (b",\n" if self._live and not last else b"")

    def _header(self, part: Header) -> dict[str, str]:
        return {"queryId": part.query_id, "schema": part.schema}

    row_start = '{"row":{"columns":'

    def part(self, part: Part) -> bytes:
        """Write one part."""
        if isinstance(part, Header):
            return self._item(_json({"header": self._header(part)}))
        if isinstance(part, End):
            return self._item(_json({"finalMessage": part.message}), last=True) if part.message else b""
        if not part.rows:
            return b""
        tail = ',"tombstone":true}}' if part.tombstones else "}}"
        between = f"{tail},\n{self.row_start}"
        return self._item((self.row_start + between.join(part.rows) + tail).encode())

    def error(self, entity: dict[str, object]) -> bytes:
        """Write an error."""
        return self._item(_json({"errorMessage": entity}), last=True)

    def close(self) -> bytes:
        """Close the array."""
        if self._live and not self._ended:
            return self._item(_json({"finalMessage": "Query Completed"}), last=True) + b"]\n"
        return b"]\n" if self._opened else b"[]\n"


class ProtobufRows(RowObjects):
    """A JSON array whose rows are Protobuf messages in Base64: POST /query-stream."""

    media_type = V1_PROTOBUF
    row_start = '{"row":{"protobufBytes":'

    def _header(self, part: Header) -> dict[str, str]:
        return {"queryId": part.query_id, "protoSchema": part.proto}


class DelimitedRows:
    """A header object, then one array a line: POST /query-stream."""

    media_type = DELIMITED

    def part(self, part: Part) -> bytes:
        """Write one part."""
        if isinstance(part, Header):
            head = {"queryId": part.query_id, "columnNames": part.names, "columnTypes": part.types}
            return _json(head) + b"\n"
        if isinstance(part, Rows) and part.rows:
            if self.media_type not in part.rendered:
                part.rendered[self.media_type] = ("\n".join(part.rows) + "\n").encode()
            return part.rendered[self.media_type]
        return b""

    def error(self, entity: dict[str, object]) -> bytes:
        """Write an error."""
        return _json(entity) + b"\n"

    def close(self) -> bytes:
        """Nothing ends it."""
        return b""


class ArrayRows:
    """One JSON array with the header object and the rows: POST /query-stream with Accept: application/json."""

    media_type = "application/json"

    def __init__(self) -> None:
        self._opened = False

    def _item(self, text: bytes) -> bytes:
        prefix = b",\n" if self._opened else b"["
        self._opened = True
        return prefix + text

    def part(self, part: Part) -> bytes:
        """Write one part."""
        if isinstance(part, Header):
            head = {"queryId": part.query_id, "columnNames": part.names, "columnTypes": part.types}
            return self._item(_json(head))
        if isinstance(part, Rows) and part.rows:
            return self._item(",\n".join(part.rows).encode())
        return b""

    def error(self, entity: dict[str, object]) -> bytes:
        """Write an error."""
        return self._item(_json(entity))

    def close(self) -> bytes:
        """Close the array."""
        return b"]" if self._opened else b"[]"


class PrintLines:
    """The plain lines of PRINT."""

    media_type = "text/plain"

    def part(self, part: Part) -> bytes:
        """Write one part."""
        if isinstance(part, Rows) and part.rows:
            return ("\n".join(part.rows) + "\n").encode()
        return b""

    def error(self, entity: dict[str, object]) -> bytes:
        """Write an error."""
        return f"{entity.get('message', '')}\n".encode()

    def close(self) -> bytes:
        """Nothing ends it."""
        return b""


async def _earlier_frames_are_sent() -> None:
    """Let the server's own task write what it was given: it joins what it is given before it has its turn."""
    for _ in range(FRAME_TURNS):
        await asyncio.sleep(0)


def _single_rows(part: Part) -> Sequence[Part]:
    if not isinstance(part, Rows) or not 1 < len(part.rows) <= ROW_FRAMES_MAX:
        return (part,)
    return [Rows([row], part.tombstones) for row in part.rows]


class _WatchedStream(StreamingResponse):
    """A streaming response that ends when the client goes away, also while there is nothing to send."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        sending = asyncio.ensure_future(self.stream_response(send))
        watching = asyncio.ensure_future(watch())
        try:
            await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, watching):
                if not task.done():
                    task.cancel()
            await asyncio.gather(sending, watching, return_exceptions=True)


async def short_answer(parts: AsyncIterator[Part], form: Format, statement: str) -> Response:
    """Answer with all parts at once."""
    try:
        chunks = [form.part(part) async for part in parts]
    except KappaError as error:
        status, entity = error_answer(error, statement)
        return Response(_json(entity), status, media_type="application/json")
    return Response(b"".join([*chunks, form.close()]), media_type=form.media_type)


async def stream_answer(
    parts: AsyncIterator[Part], form: Format, statement: str, *, row_frames: bool = False
) -> Response:
    """Answer with the parts as they come; an error before the first part becomes an HTTP error.

    Args:
        row_frames: write each row of a small part by itself: clients of HTTP/2 take a frame for a row.
    """
    try:
        first = await anext(parts)
    except KappaError as error:
        status, entity = error_answer(error, statement)
        return Response(_json(entity), status, media_type="application/json")

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield form.part(first)
            async for part in parts:
                for piece in _single_rows(part) if row_frames else (part,):
                    if chunk := form.part(piece):
                        if row_frames:
                            await _earlier_frames_are_sent()
                        yield chunk
        except KappaError as error:
            _, entity = error_answer(error, statement)
            yield form.error(entity)
        finally:
            await parts.aclose()  # type: ignore[attr-defined]
        yield form.close()

    return _WatchedStream(chunks(), media_type=form.media_type)
