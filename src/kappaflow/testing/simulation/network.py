"""Connections between simulated clients and the broker: frames that are late, lost, doubled, or cut off.

    client ── request frame ──▶ delay ──▶ KafkaConnection ── dispatch, handlers
           ◀── reply frame ──── delay ◀──

Within one connection frames keep their order, as TCP does.  A loss ends the connection; the client is told at once or
finds out by its time-out.  A doubled request comes again much later by a connection that nobody reads.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from kappaflow.broker.api_table import API_TABLE
from kappaflow.broker.connection import KafkaConnection
from kappaflow.testing.simulation.event_loop import ProcessLoop

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker

HEADER = struct.Struct(">hhi")
DELAY_S = 0.002
GHOST_DELAY_S = 3.0


@dataclass
class NetworkFaults:
    """How bad the network is; probabilities are a frame's.

    Attributes:
        slow: of a delay of up to `slow_s`.
        lost_request: of a request that never arrives.
        lost_reply: of a reply that never arrives.
        doubled: of a request that arrives again later.
        partitioned: nothing arrives while true.
    """

    slow: float = 0.02
    slow_s: float = 1.5
    lost_request: float = 0.01
    lost_reply: float = 0.01
    doubled: float = 0.02
    partitioned: bool = False


NO_FAULTS = NetworkFaults(slow=0.0, lost_request=0.0, lost_reply=0.0, doubled=0.0)


class Disconnected(Exception):
    """The connection ended; whether the request was handled is not known."""


class _ServerTransport(asyncio.Transport):
    """What the broker's connection writes to."""

    def __init__(self, connection: SimulatedConnection) -> None:
        super().__init__()
        self._connection = connection

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The client's address."""
        return ("127.0.0.1", 50_000) if name == "peername" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take a part of a reply."""
        self._connection.reply_bytes(bytes(data))

    def close(self) -> None:
        """End the connection after what was written."""
        self._connection.closed_by_broker()

    def pause_reading(self) -> None:
        """The broker has enough for now; what comes is kept by the network."""

    def resume_reading(self) -> None:
        """The broker takes more."""


class SimulatedConnection:
    """One connection of a client to a broker process.

    Args:
        network: decides what becomes of each frame.
        client: the client's process.
        on_reply: called in the client's process with each reply frame.
        on_lost: called there when the connection is known to be lost.
    """

    def __init__(
        self,
        network: SimulatedNetwork,
        client: ProcessLoop,
        on_reply: Callable[[bytes], None],
        on_lost: Callable[[], None],
    ) -> None:
        broker, server = network.accepting()
        self._network = network
        self._client = client
        self._server = server
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._protocol = KafkaConnection(broker, broker.listeners[0])
        self._incoming = bytearray()
        self._request_at = self._reply_at = 0.0
        self._cut = False
        self._lost = False
        with server.running():
            self._protocol.connection_made(_ServerTransport(self))
        network.opened(self)

    def send(self, frame: bytes, *, may_double: bool) -> None:
        """Send one request frame, with its length in front."""
        network = self._network
        if self._cut:
            return
        fate = network.fate_of_request()
        if network.watch is not None:
            key, version, number = HEADER.unpack_from(frame, 4)
            network.watch(f"{self._client.name} asks {API_TABLE[key].name} {version} #{number} {fate}".rstrip())
        if fate == "lost":
            self._cut = True
            network.forget_later(self)
            return
        self._request_at = max(self._request_at, self._client.time() + network.delay())
        self._server.call_at(self._request_at, self._deliver, frame, may_double and fate == "doubled")

    def _deliver(self, frame: bytes, doubles: bool) -> None:
        """In the broker's process: bytes arrive."""
        if self._lost:
            return
        if doubles:
            self._network.double(frame)
        self.arrive(frame)

    def arrive(self, frame: bytes) -> None:
        """Hand bytes to the broker's connection."""
        position = 0
        while position < len(frame):
            room = self._protocol.get_buffer(-1)
            size = min(len(room), len(frame) - position)
            room[:size] = frame[position : position + size]
            position += size
            self._protocol.buffer_updated(size)

    def reply_bytes(self, data: bytes) -> None:
        """In the broker's process: part of a reply is written."""
        self._incoming += data
        while len(self._incoming) >= 4:
            end = 4 + int.from_bytes(self._incoming[:4], "big")
            if len(self._incoming) < end:
                return
            frame = bytes(self._incoming[4:end])
            del self._incoming[:end]
            self._send_reply(frame)

    def _send_reply(self, frame: bytes) -> None:
        if self._cut or self._network.reply_is_lost():
            self._cut = True
            self._note_reply(frame, "is not told the answer")
            self._network.forget_later(self)
            return
        self._reply_at = max(self._reply_at, self._server.time() + self._network.delay())
        self._client.call_at(self._reply_at, self._receive, frame)

    def _receive(self, frame: bytes) -> None:
        if not self._lost:
            self._note_reply(frame, "is answered")
            self._on_reply(frame)

    def _note_reply(self, frame: bytes, what: str) -> None:
        if self._network.watch is not None:
            self._network.watch(f"{self._client.name} {what} #{int.from_bytes(frame[:4], 'big')}, {len(frame)} bytes")

    def closed_by_broker(self) -> None:
        """The broker ends the connection."""
        self._client.call_later(DELAY_S, self.lose)

    def close(self) -> None:
        """The client ends the connection; what is under way may arrive or not."""
        if self._network.coin():
            self._lost = True
        self._cut = True
        self._network.forget_later(self)

    def lose(self) -> None:
        """Both sides find out that it is over, each in its own process."""
        self._network.closed(self)
        self._server.call_soon(self._end_server_side)
        if not self._lost:
            self._lost = True
            self._client.call_soon(self._on_lost)

    def _end_server_side(self) -> None:
        self._protocol.connection_lost(None)


class SimulatedNetwork:
    """All connections of a world.

    Args:
        random: decides what happens to frames.

    Attributes:
        faults: how bad it is.
        watch: told of every request and answer.
    """

    def __init__(self, random: Random) -> None:
        self.faults = NetworkFaults()
        self.watch: Callable[[str], None] | None = None
        self._random = random
        self._broker: tuple[Broker, ProcessLoop] | None = None
        self._open: dict[SimulatedConnection, None] = {}

    def listen(self, broker: Broker, loop: ProcessLoop) -> None:
        """A broker process accepts connections from now on."""
        self._broker = (broker, loop)

    def accepting(self) -> tuple[Broker, ProcessLoop]:
        """The broker that accepts connections.

        Raises:
            Disconnected: there is none.
        """
        if self._broker is None or self.faults.partitioned:
            raise Disconnected("nobody listens")
        return self._broker

    def stop(self) -> None:
        """The broker process is gone: its connections are lost."""
        self._broker = None
        for connection in list(self._open):
            connection.lose()

    def opened(self, connection: SimulatedConnection) -> None:
        """Note a connection."""
        self._open[connection] = None

    def closed(self, connection: SimulatedConnection) -> None:
        """Forget one."""
        self._open.pop(connection, None)

    def forget_later(self, connection: SimulatedConnection) -> None:
        """A connection carries nothing any more; both sides find out after a while."""
        if self._broker is not None:
            self._broker[1].call_later(self._random.uniform(0.05, 2.0), connection.lose)

    def coin(self) -> bool:
        """One of two."""
        return self._random.random() < 0.5

    def delay(self) -> float:
        """How long a frame takes, in seconds."""
        if self._random.random() < self.faults.slow:
            return self._random.uniform(DELAY_S, self.faults.slow_s)
        return self._random.uniform(0.0005, DELAY_S)

    def fate_of_request(self) -> str:
        """What becomes of a request: ``lost``, ``doubled``, or nothing special."""
        if self.faults.partitioned:
            return "lost"
        drawn = self._random.random()
        if drawn < self.faults.lost_request:
            return "lost"
        return "doubled" if drawn < self.faults.lost_request + self.faults.doubled else ""

    def reply_is_lost(self) -> bool:
        """Whether a reply does not arrive."""
        return self.faults.partitioned or self._random.random() < self.faults.lost_reply

    def double(self, frame: bytes) -> None:
        """Have a request arrive once more, later, at the process that runs now."""
        if self._broker is None:
            return
        loop = self._broker[1]
        loop.call_later(self._random.uniform(0.0, GHOST_DELAY_S), self._arrive_again, loop, frame)

    def _arrive_again(self, loop: ProcessLoop, frame: bytes) -> None:
        if self._broker is None or self._broker[1] is not loop or self.faults.partitioned:
            return
        ghost = SimulatedConnection(self, loop, lambda _: None, lambda: None)
        ghost.arrive(frame)
        loop.call_later(GHOST_DELAY_S, ghost.lose)
