"""A client in the simulated world: requests in the brokers' protocol over connections that may fail."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Coroutine, Iterable
from random import Random
from typing import Any

from kappaflow.broker.api_table import API_TABLE
from kappaflow.testing.simulation.event_loop import ProcessLoop
from kappaflow.testing.simulation.network import Disconnected, SimulatedConnection, SimulatedNetwork
from kappaflow.wire.codec import decode, encode_bytes
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message

PRODUCE, FETCH, LIST_OFFSETS, METADATA, DESCRIBE_CONFIGS = 0, 1, 2, 3, 32
OFFSET_COMMIT, OFFSET_FETCH, JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP = 8, 9, 11, 12, 13, 14
CREATE_TOPICS, INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT = 19, 22, 24, 25, 26, 28
CORRELATION = struct.Struct(">i")
REQUEST_TIMEOUT_S = 2.5
RETRY_S = 0.15

MAY_DOUBLE = {(PRODUCE, None), (INIT_PRODUCER_ID, None), (FETCH, None), (END_TXN, 5), (TXN_OFFSET_COMMIT, 5)}
"""Requests that are harmless when they come again; others, Kafka does not protect either."""

RETRIABLE = frozenset(
    {
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.CONCURRENT_TRANSACTIONS,
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.UNSTABLE_OFFSET_COMMIT,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_LEADER_EPOCH,
        ErrorCode.REQUEST_TIMED_OUT,
    }
)


class Refused(Exception):
    """The broker answered with an error that does not pass by itself."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(f"{what}: {ErrorCode(code).name}")
        self.code = ErrorCode(code)


class SimulatedClient:
    """One client with one connection at a time; for coroutines of its process.

    Args:
        loop: its process.
        network: what it connects by.
        random: for pauses between attempts.
    """

    def __init__(self, loop: ProcessLoop, network: SimulatedNetwork, random: Random) -> None:
        self._loop = loop
        self._network = network
        self._random = random
        self._connection: SimulatedConnection | None = None
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._correlation_id = 0

    async def ask(self, api_key: int, version: int, body: Message, timeout_s: float = REQUEST_TIMEOUT_S) -> Message:
        """Send one request once.

        Raises:
            Disconnected: no answer came; it may have been handled.
        """
        return await self.begin(api_key, version, body, timeout_s)

    def begin(
        self, api_key: int, version: int, body: Message, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> Coroutine[Any, Any, Message]:
        """Send one request now, and give what waits for its answer.

        Raises:
            Disconnected: there is no connection.
        """
        connection = self._connect()
        self._correlation_id += 1
        number = self._correlation_id
        flexible = version >= API_TABLE[api_key].flexible_from
        header = struct.pack(">hhih", api_key, version, number, -1) + (b"\x00" if flexible else b"")
        frame = encode_bytes(api_key, version, "request", body, header)
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting[number] = future
        timer = self._loop.call_later(timeout_s, self._timed_out, connection, number)
        doubles = (api_key, None) in MAY_DOUBLE or (api_key, version) in MAY_DOUBLE
        connection.send(len(frame).to_bytes(4, "big") + frame, may_double=doubles)

        async def answered() -> Message:
            try:
                answer = await future
            finally:
                timer.cancel()
                self._waiting.pop(number, None)
            return decode(api_key, version, "response", memoryview(answer), 5 if flexible else 4)

        return answered()

    def _connect(self) -> SimulatedConnection:
        if self._connection is None:

            def lost() -> None:
                if self._connection is made:
                    self._lose()

            made = SimulatedConnection(self._network, self._loop, self._replied, lost)
            self._connection = made
        return self._connection

    def _replied(self, frame: bytes) -> None:
        future = self._waiting.get(CORRELATION.unpack_from(frame)[0])
        if future is not None and not future.done():
            future.set_result(frame)

    def _timed_out(self, connection: SimulatedConnection, number: int) -> None:
        if number in self._waiting and self._connection is connection:
            connection.close()
            self._lose()

    def _lose(self) -> None:
        self._connection = None
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(Disconnected("the connection was lost"))

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._lose()

    async def pause(self) -> None:
        """Wait a little before another attempt."""
        await asyncio.sleep(self._random.uniform(0.3, 1.0) * RETRY_S)

    async def call(
        self, api_key: int, version: int, body: Message, what: str, codes: Any, attempts: int = 40
    ) -> Message:
        """Send a request until it is answered without an error that passes by itself.

        Args:
            codes: gives the error codes of a response.

        Raises:
            Refused: another error.
            Disconnected: there were too many attempts.
        """
        for _ in range(attempts):
            try:
                answer = await self.ask(api_key, version, body)
            except Disconnected:
                await self.pause()
                continue
            found: Iterable[int] = codes(answer)
            error = next((code for code in found if code), 0)
            if not error:
                return answer
            if error not in RETRIABLE:
                raise Refused(error, what)
            await self.pause()
        raise Disconnected(f"{what}: given up")

    # ---- requests that several use ----

    async def create_topics(self, topics: dict[str, tuple[int, dict[str, str]]]) -> None:
        """Create topics, each of so many partitions, where they are not there."""
        body = Message(
            topics=[
                Message(
                    name=name,
                    num_partitions=count,
                    replication_factor=1,
                    assignments=[],
                    configs=[Message(name=key, value=value) for key, value in configs.items()],
                )
                for name, (count, configs) in topics.items()
            ],
            timeout_ms=1000,
            validate_only=False,
        )
        exists = ErrorCode.TOPIC_ALREADY_EXISTS
        await self.call(
            CREATE_TOPICS,
            5,
            body,
            "create topics",
            lambda a: [t.error_code for t in a.topics if t.error_code != exists],
        )

    async def init_producer_id(self, transactional_id: str | None, timeout_ms: int = 2_500) -> tuple[int, int]:
        """A producer id and an epoch."""
        body = Message(
            transactional_id=transactional_id,
            transaction_timeout_ms=timeout_ms,
            producer_id=-1,
            producer_epoch=-1,
        )
        answer = await self.call(INIT_PRODUCER_ID, 4, body, "init producer id", lambda a: [a.error_code])
        return answer.producer_id, answer.producer_epoch

    async def log_start(self, key: tuple[str, int]) -> int:
        """The first offset that is left of a partition."""
        row = Message(partition_index=key[1], current_leader_epoch=-1, timestamp=-2)
        body = Message(replica_id=-1, isolation_level=0, topics=[Message(name=key[0], partitions=[row])])
        codes = lambda a: [p.error_code for t in a.topics for p in t.partitions]  # noqa: E731
        answer = await self.call(LIST_OFFSETS, 4, body, "list offsets", codes)
        return answer.topics[0].partitions[0].offset

    async def fetch(
        self, positions: dict[tuple[str, int], int], *, committed: bool, max_wait_ms: int = 200, max_bytes: int = 4096
    ) -> list[tuple[tuple[str, int], Message]]:
        """One fetch; partitions with their answers.

        Raises:
            Disconnected: no answer came.
        """
        topics: dict[str, list[Message]] = {}
        for (topic, partition), offset in positions.items():
            topics.setdefault(topic, []).append(
                Message(
                    partition=partition,
                    current_leader_epoch=-1,
                    fetch_offset=offset,
                    last_fetched_epoch=-1,
                    log_start_offset=-1,
                    partition_max_bytes=max_bytes,
                )
            )
        body = Message(
            replica_id=-1,
            max_wait_ms=max_wait_ms,
            min_bytes=1,
            max_bytes=1 << 20,
            isolation_level=int(committed),
            session_id=0,
            session_epoch=-1,
            topics=[Message(topic=name, partitions=rows, topic_id=ZERO_UUID) for name, rows in topics.items()],
            forgotten_topics_data=[],
            rack_id="",
        )
        answer = await self.ask(FETCH, 11, body)
        return [((t.topic, p.partition_index), p) for t in answer.responses for p in t.partitions]
