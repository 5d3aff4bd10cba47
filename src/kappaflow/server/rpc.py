"""Messages between the control process and the workers, over a Unix socket.

A frame is a 4-byte big-endian length and a MessagePack map.  A request has ``id``, ``op`` and arguments; a reply
has the same ``id`` and ``ok`` or ``error``.  A stream answers one request with many frames that have ``more`` true,
and one last frame without.  A part that several streams get travels once: its frame has ``ids``.

The asker ends a stream with ``{"id": n, "op": "cancel"}``, and holds back one whose reader is slow with ``hold`` and
``go``, so that neither process keeps more than a few megabytes for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from kappaflow.errors import KappaError, ServerError

FRAME_BYTES_MAX = 256 * 1024 * 1024
HOLD_BYTES = 4 * 1024 * 1024
GO_BYTES = 1024 * 1024
Message = dict[str, Any]

_STATUS = {"ServerError": (500, 50000), "StateNotReady": (503, 50302)}
"""HTTP status and error code by the kind of a worker's error; others are the statement's fault."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


async def _read_frame(reader: asyncio.StreamReader) -> tuple[Message, int] | None:
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        if size > FRAME_BYTES_MAX:
            raise ServerError(f"A frame of {size} bytes is larger than the limit of {FRAME_BYTES_MAX}.")
        return _decoder.decode(await reader.readexactly(size)), size
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _frame(message: Message) -> bytes:
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


class Reply:
    """The worker's end of one request.

    Attributes:
        on_flow: told with False when the other side cannot take more for now, with True when it can again.
    """

    def __init__(self, number: int, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.writer = writer
        self.on_flow: Callable[[bool], None] | None = None

    def flow(self, op: str) -> None:
        """Take a ``hold`` or ``go`` of the other side."""
        if self.on_flow is not None:
            self.on_flow(op == "go")


async def send_part(replies: Sequence[Reply], part: Message) -> None:
    """Send a part to all streams of `replies`; returns when the socket can take more."""
    by_writer: dict[asyncio.StreamWriter, list[int]] = {}
    for reply in replies:
        by_writer.setdefault(reply.writer, []).append(reply.number)
    for writer, numbers in by_writer.items():
        with contextlib.suppress(ConnectionError):
            writer.write(_frame({"ids": numbers, "more": True, "ok": part}))
            await writer.drain()


Handler = Callable[[Message, Reply], Awaitable[Any]]


class RpcServer:
    """The worker's side: runs a handler per operation.

    A handler returns the result, or sends the parts of a stream with `send_part` and returns None at its end.
    """

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = handlers
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, path: str) -> None:
        """Listen on the socket at `path`."""
        self._server = await asyncio.start_unix_server(self._serve, path)

    async def close(self) -> None:
        """Take no more connections, and end those that are there."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running: dict[int, tuple[asyncio.Task[None], Reply]] = {}
        self._writers.add(writer)
        try:
            while (read := await _read_frame(reader)) is not None:
                message = read[0]
                number = int(message["id"])
                if message["op"] in {"cancel", "hold", "go"}:
                    if number in running:
                        task, reply = running[number]
                        task.cancel() if message["op"] == "cancel" else reply.flow(message["op"])
                    continue
                reply = Reply(number, writer)
                task = asyncio.create_task(self._answer(message, reply))
                running[number] = (task, reply)
                task.add_done_callback(lambda _, n=number: running.pop(n, None))
        except asyncio.CancelledError:
            return  # the worker ends: asyncio would report the cancelled connection as an error
        finally:
            for task, _ in list(running.values()):
                task.cancel()
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, message: Message, reply: Reply) -> None:
        number = message["id"]
        try:
            result = await self._handlers[message["op"]](message, reply)
            answer: Message = {"id": number, "ok": result}
        except KappaError as error:
            answer = {"id": number, "error": str(error), "kind": type(error).__name__}
        except asyncio.CancelledError:
            answer = {"id": number, "ok": None}
        with contextlib.suppress(ConnectionError):
            reply.writer.write(_frame(answer))
            await reply.writer.drain()


class RpcStream:
    """The parts of one answer, as they come; the asker ends it with `close`."""

    def __init__(self, number: int, writer: asyncio.StreamWriter, on_close: Callable[[int], object]) -> None:
        self.number = number
        self.writer = writer
        self._on_close = on_close
        self._parts: asyncio.Queue[tuple[Message | None, int]] = asyncio.Queue()
        self._waiting_bytes = 0
        self._held = False
        self._finished = False

    def put(self, message: Message | None, size: int = 0) -> None:
        """Take a frame; None where the worker went away."""
        self._waiting_bytes += size
        self._parts.put_nowait((message, size))
        if self._waiting_bytes > HOLD_BYTES and not self._held and not self._finished:
            self._held = True
            self._tell("hold")

    def end_with(self, part: Any) -> None:
        """Have the reader see `part` as the last one, whatever the worker still sends."""
        self._parts.put_nowait(({"id": self.number, "more": False, "ok": part, "cut": True}, 0))

    async def next(self) -> Any:
        """Return the next part, or None after the last.

        Raises:
            ServerError: the worker refused, failed or went away.
        """
        if self._finished:
            return None
        message, size = await self._parts.get()
        self._waiting_bytes -= size
        if self._held and self._waiting_bytes < GO_BYTES:
            self._held = False
            self._tell("go")
        if message is None:
            self._finished = True
            raise ServerError("The worker that ran this query ended; run the query again.", 503, 50302)
        if "error" in message:
            self._finished = True
            raise ServerError(message["error"], *_STATUS.get(message["kind"], (400, 40001)))
        if not message.get("more", False):
            self._finished = True
            if message.get("cut"):
                self._tell("cancel")
        return message["ok"]

    def close(self) -> None:
        """Have the worker end the stream, unless it has ended."""
        self._on_close(self.number)
        if not self._finished:
            self._finished = True
            self._tell("cancel")

    def _tell(self, op: str) -> None:
        if not self.writer.is_closing():
            with contextlib.suppress(ConnectionError):
                self.writer.write(_frame({"id": self.number, "op": op}))


class RpcClient:
    """The control process's side: connects on first use and again after a worker restart."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._ids = itertools.count(1)
        self._streams: dict[int, RpcStream] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._lock = asyncio.Lock()

    async def _connected(self) -> asyncio.StreamWriter:
        if self._writer is not None and not self._writer.is_closing():
            return self._writer
        async with self._lock:
            if self._writer is None or self._writer.is_closing():
                try:
                    reader, self._writer = await asyncio.open_unix_connection(self._path)
                except (OSError, ConnectionError) as error:
                    raise ServerError("A worker is restarting; try again in a moment.", 503, 50302) from error
                self._pump_task = asyncio.create_task(self._pump(reader, self._writer))
            return self._writer

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        streams = self._streams
        while (read := await _read_frame(reader)) is not None:
            message, size = read
            for number in message["ids"] if "ids" in message else (message["id"],):
                stream = streams.get(number)
                if stream is not None:
                    stream.put(message, size)
        writer.close()
        for stream in list(streams.values()):
            if stream.writer is writer:
                stream.put(None)

    async def stream(self, op: str, **arguments: Any) -> RpcStream:
        """Send a request and return the stream of its answer, which the caller closes.

        Raises:
            ServerError: the worker is away.
        """
        writer = await self._connected()
        stream = RpcStream(next(self._ids), writer, lambda number: self._streams.pop(number, None))
        self._streams[stream.number] = stream
        try:
            writer.write(_frame({"id": stream.number, "op": op, **arguments}))
            await writer.drain()
        except ConnectionError as error:
            stream.close()
            raise ServerError("A worker is restarting; try again in a moment.", 503, 50302) from error
        return stream

    async def close(self) -> None:
        """Close the connection; streams that are open end with an error."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    async def call(self, op: str, **arguments: Any) -> Any:
        """Send a request and return its one result.

        Raises:
            ServerError: the worker refused, failed or went away.
        """
        stream = await self.stream(op, **arguments)
        try:
            return await stream.next()
        finally:
            stream.close()
