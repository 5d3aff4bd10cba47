"""One client connection: frames in, responses out, in order.

A connection handles one request at a time, as Kafka does: while an answer is waited for (a long fetch, a join)
its later requests stay in the buffer, and other connections go on. Reading stops when the buffer is full or the
client does not take its responses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from inspect import isawaitable
from typing import TYPE_CHECKING, cast

from kappaflow.broker.dispatch import Reply, UnsupportedRequest, handle_frame
from kappaflow.broker.security.principals import certificate_principal
from kappaflow.broker.security.sasl import IllegalSaslRequest, SaslAuthenticator
from kappaflow.broker.security.session import ClientSession
from kappaflow.broker.security.settings import split_list
from kappaflow.wire.codec import MalformedMessage

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker
    from kappaflow.broker.security.listeners import Listener

logger = logging.getLogger(__name__)

INITIAL_BUFFER_BYTES = 32 * 1024
KEPT_BUFFER_BYTES = 2 * 1024 * 1024
LARGE_WRITE_BYTES = 64 * 1024
MAX_REQUEST_BYTES_BEFORE_LOG_ON = 512 * 1024


class KafkaConnection(asyncio.BufferedProtocol):
    """The protocol object of one accepted socket.

    Attributes:
        used_at: when something came or was answered last, by the loop's clock.
    """

    def __init__(self, broker: Broker, listener: Listener) -> None:
        self._broker = broker
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray(INITIAL_BUFFER_BYTES)
        self._start = 0
        self._end = 0
        self._pending: asyncio.Task[None] | None = None
        self._write_paused = False
        self._read_paused = False
        self._closed = False
        self.used_at = asyncio.get_running_loop().time()
        self._session = ClientSession(listener, "", sasl=_log_on(broker, listener))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._session.host = f"/{peer[0]}" if peer else ""
        if self._session.listener.protocol.has_tls:
            certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            self._session.certificate_principal = certificate_principal(
                certificate, self._broker.principal_of_certificate
            )
        self._broker.connections.add(self)
        if self._broker.quotas.store.limits_addresses:
            self._limit_connections()

    def _limit_connections(self) -> None:
        """Where too many connections come from one address, take nothing from this one and close it later."""
        pause_ms = self._broker.quotas.use_connection(self._session.address)
        if pause_ms and self._transport:
            self._closed = True
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(pause_ms / 1000, self.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and what it was waiting for."""
        self._closed = True
        self._broker.connections.discard(self)
        if self._pending:
            self._pending.cancel()

    def close(self) -> None:
        """Close after what was already written."""
        if self._transport:
            self._transport.close()

    def close_if_idle(self, before: float) -> None:
        """Close where nothing came or went since a time, unless the client is owed an answer."""
        if self.used_at < before and self._pending is None:
            self.close()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return memoryview(self._buffer)[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have arrived."""
        self._end += nbytes
        self.used_at = asyncio.get_running_loop().time()
        self._process()

    def pause_writing(self) -> None:
        """The client is slow to read: handle nothing more for it."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._write_paused = False
        self._process()

    def _process(self) -> None:
        while not self._closed and self._pending is None and not self._write_paused:
            size = self._next_frame_size()
            if size < 0:
                break
            start = self._start + 4
            self._start = start + size
            self._handle(memoryview(self._buffer)[start : start + size])
        self._make_room()

    def _next_frame_size(self) -> int:
        """The size of the next complete frame, or -1."""
        available = self._end - self._start
        if available < 4:
            return -1
        size = int.from_bytes(self._buffer[self._start : self._start + 4], "big", signed=True)
        limit = self._max_request_bytes()
        if not 0 <= size <= limit:
            logger.warning(
                "closing a connection from %s: a request of %d bytes is over the limit of %d",
                self._session.host,
                size,
                limit,
            )
            self._closed = True
            self.close()
            return -1
        return size if available >= 4 + size else -1

    def _max_request_bytes(self) -> int:
        sasl = self._session.sasl
        if sasl is not None and sasl.principal is None:
            return MAX_REQUEST_BYTES_BEFORE_LOG_ON
        return self._broker.config.max_request_bytes

    def _make_room(self) -> None:
        """Leave free space at the end of the buffer, or stop reading."""
        used = self._end - self._start
        if used == 0:
            self._start = self._end = 0
            if len(self._buffer) > KEPT_BUFFER_BYTES:
                self._buffer = bytearray(INITIAL_BUFFER_BYTES)
        if self._end < len(self._buffer):
            self._set_reading(True)
            return
        if self._start > 0 and used <= len(self._buffer) // 2:
            self._move_to(len(self._buffer))
        elif self._pending is None and not self._write_paused:
            # A frame larger than the buffer: it grows with what has really arrived, not with what was announced.
            self._move_to(len(self._buffer) * 2)
        else:
            self._set_reading(False)
            return
        self._set_reading(True)

    def _move_to(self, capacity: int) -> None:
        buffer = bytearray(capacity)
        used = self._end - self._start
        buffer[:used] = memoryview(self._buffer)[self._start : self._end]
        self._buffer, self._start, self._end = buffer, 0, used

    def _set_reading(self, reading: bool) -> None:
        if reading == self._read_paused and self._transport and not self._closed:
            self._read_paused = not reading
            if reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _handle(self, frame: memoryview) -> None:
        try:
            reply = handle_frame(self._broker, self._session, frame)
        except Exception as error:
            self._fail(error)
            return
        if isawaitable(reply):
            self._pending = asyncio.ensure_future(self._answer_later(reply))
        else:
            self._answer(reply)
            if self._session.mute_ms and not self._closed:
                self._pending = asyncio.ensure_future(self._pause())

    async def _answer_later(self, reply: Awaitable[Reply]) -> None:
        try:
            self._answer(await reply)
            await self._silence()
        except Exception as error:
            self._fail(error)
        finally:
            self._pending = None
        if not self._closed:
            self._process()

    async def _pause(self) -> None:
        await self._silence()
        self._pending = None
        self._process()

    async def _silence(self) -> None:
        """Take nothing from a client that is over its quota, for as long as it was told."""
        pause_ms, self._session.mute_ms = self._session.mute_ms, 0
        if pause_ms and not self._closed:
            await asyncio.sleep(pause_ms / 1000)

    def _answer(self, reply: Reply) -> None:
        self._send(reply)
        if self._session.ends:
            self._closed = True
            self.close()

    def _fail(self, error: Exception) -> None:
        if isinstance(error, MalformedMessage | UnsupportedRequest | IllegalSaslRequest):
            logger.warning("closing a connection from %s: %s", self._session.host, error)
        else:
            logger.error("a request from %s failed", self._session.host, exc_info=error)
        self._closed = True
        self.close()

    def _send(self, parts: Reply) -> None:
        if parts is None or self._transport is None:
            return
        self.used_at = asyncio.get_running_loop().time()
        size = sum(map(len, parts))
        head = size.to_bytes(4, "big")
        if size <= LARGE_WRITE_BYTES:
            self._transport.write(b"".join((head, *parts)))
            return
        self._transport.write(head + bytes(parts[0]) if len(parts[0]) <= LARGE_WRITE_BYTES else head)
        for part in parts[1:] if len(parts[0]) <= LARGE_WRITE_BYTES else parts:
            self._transport.write(part)


def _log_on(broker: Broker, listener: Listener) -> SaslAuthenticator | None:
    """What a connection of a listener has to go through first."""
    if not listener.protocol.has_sasl:
        return None
    settings = broker.config.security
    return SaslAuthenticator(
        broker.users,
        tuple(split_list(settings.get("sasl.enabled.mechanisms", listener.name))),
        settings.number("connections.max.reauth.ms", listener.name),
        broker.clock.time_ms,
    )
