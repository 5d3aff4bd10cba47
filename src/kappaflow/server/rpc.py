"""Messages between the control process and the workers, over a Unix socket.

A frame is a 4-byte big-endian length and a MessagePack map.  A request has ``id``, ``op`` and arguments; a reply
has the same ``id`` and ``ok`` or ``error``.  A stream answers one request with many frames that have ``more`` true,
and one last frame without; ``{"id": n, "op": "cancel"}`` ends it early.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec

from kappaflow.errors import KappaError, ServerError

FRAME_BYTES_MAX = 256 * 1024 * 1024
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Message, Send], Awaitable[Any]]

_STATUS = {"ServerError": (500, 50000), "StateNotReady": (503, 50302)}
"""HTTP status and error code by the kind of a worker's error; others are the statement's fault."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


async def _read_frame(reader: asyncio.StreamReader) -> Message | None:
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        if size > FRAME_BYTES_MAX:
            raise ServerError(f"A frame of {size} bytes is larger than the limit of {FRAME_BYTES_MAX}.")
        return _decoder.decode(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _frame(message: Message) -> bytes:
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


class RpcServer:
    """The worker's side: runs a handler per operation.

    A handler returns the result, or calls `send` for each part of a stream and returns None at its end.
    """

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = handlers
        self._server: asyncio.Server | None = None

    async def start(self, path: str) -> None:
        """Listen on the socket at `path`."""
        self._server = await asyncio.start_unix_server(self._serve, path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running: dict[int, asyncio.Task[None]] = {}
        try:
            while (message := await _read_frame(reader)) is not None:
                number = int(message["id"])
                if message["op"] == "cancel":
                    if number in running:
                        running[number].cancel()
                    continue
                task = asyncio.create_task(self._answer(message, writer))
                running[number] = task
                task.add_done_callback(lambda _, n=number: running.pop(n, None))
        except asyncio.CancelledError:
            return  # the worker ends: asyncio would report the cancelled connection as an error
        finally:
            for task in list(running.values()):
                task.cancel()
            writer.close()

    async def _answer(self, message: Message, writer: asyncio.StreamWriter) -> None:
        number = message["id"]

        async def send(part: Message) -> None:
            writer.write(_frame({"id": number, "more": True, "ok": part}))
            await writer.drain()

        try:
            result = await self._handlers[message["op"]](message, send)
            reply: Message = {"id": number, "ok": result}
        except KappaError as error:
            reply = {"id": number, "error": str(error), "kind": type(error).__name__}
        except asyncio.CancelledError:
            reply = {"id": number, "ok": None}
        with contextlib.suppress(ConnectionError):
            writer.write(_frame(reply))
            await writer.drain()


class RpcClient:
    """The control process's side: connects on first use and again after a worker restart."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[Message | None]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._lock = asyncio.Lock()

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._lock:
            if self._writer is None or self._writer.is_closing():
                try:
                    reader, self._writer = await asyncio.open_unix_connection(self._path)
                except (OSError, ConnectionError) as error:
                    raise ServerError("A worker is restarting; try again in a moment.", 503, 50302) from error
                self._pump_task = asyncio.create_task(self._pump(reader, self._writer))
            return self._writer

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (message := await _read_frame(reader)) is not None:
            queue = self._waiting.get(int(message["id"]))
            if queue is not None:
                queue.put_nowait(message)
        writer.close()
        for queue in self._waiting.values():
            queue.put_nowait(None)

    async def stream(self, op: str, **arguments: Any) -> AsyncGenerator[Any]:
        """Send a request and yield its parts; leaving the loop cancels the request.

        Raises:
            ServerError: the worker refused, failed or went away.
        """
        writer = await self._connected()
        number = next(self._ids)
        queue: asyncio.Queue[Message | None] = asyncio.Queue()
        self._waiting[number] = queue
        finished = False
        try:
            writer.write(_frame({"id": number, "op": op, **arguments}))
            await writer.drain()
            while True:
                message = await queue.get()
                if message is None:
                    finished = True
                    raise ServerError("The worker that ran this query ended; run the query again.", 503, 50302)
                if "error" in message:
                    finished = True
                    raise ServerError(message["error"], *_STATUS.get(message["kind"], (400, 40001)))
                finished = not message.get("more", False)
                if finished and message["ok"] is None:
                    return
                yield message["ok"]
                if finished:
                    return
        finally:
            self._waiting.pop(number, None)
            if not finished and not writer.is_closing():
                with contextlib.suppress(ConnectionError):
                    writer.write(_frame({"id": number, "op": "cancel"}))

    async def call(self, op: str, **arguments: Any) -> Any:
        """Send a request and return its one result."""
        async for result in self.stream(op, **arguments):
            return result
        return None
