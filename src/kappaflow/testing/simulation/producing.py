"""Idempotent producers: several batches under way at once, sent again until each is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from kappaflow.testing.simulation.client import PRODUCE, RETRIABLE, Refused, SimulatedClient
from kappaflow.testing.simulation.event_loop import START_TIME_MS
from kappaflow.testing.simulation.history import History
from kappaflow.testing.simulation.network import Disconnected
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message
from kappaflow.wire.record_batch import build_batch

WINDOW_MAX = 5
GIVEN_UP_AFTER = 40
AGAIN = RETRIABLE | {ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER}
"""A batch behind a lost one is refused for its sequence until that one has been sent again."""


def produce_request(key: tuple[str, int], batch: bytes, transactional_id: str | None = None) -> Message:
    """A request with one batch."""
    topic, partition = key
    return Message(
        transactional_id=transactional_id,
        acks=-1,
        timeout_ms=1000,
        topic_data=[Message(name=topic, topic_id=ZERO_UUID, partition_data=[Message(index=partition, records=batch)])],
    )


class IdempotentProducer:
    """Writes numbered records to one partition.

    Args:
        name: begins the text of each record.
        key: topic and partition.
        stopped: asked before each window.
        strict: whether an acknowledged record is never lost; otherwise a gap makes it begin anew.
    """

    def __init__(
        self,
        name: str,
        key: tuple[str, int],
        client: SimulatedClient,
        history: History,
        random: Random,
        stopped: Callable[[], bool],
        record_key: Callable[[int], bytes | None] = lambda _: None,
        *,
        strict: bool = True,
    ) -> None:
        self.name = name
        self._key = key
        self._client = client
        self._history = history
        self._random = random
        self._stopped = stopped
        self._record_key = record_key
        self._strict = strict
        self._number = 0
        self._sequence = 0

    async def run(self) -> None:
        """Write until it is time to stop and all is acknowledged."""
        producer_id, epoch = await self._begin()
        while not self._stopped():
            await asyncio.sleep(self._random.expovariate(1 / 0.25))
            window: list[tuple[int, list[str], bytes]] = []
            for _ in range(self._random.randint(1, WINDOW_MAX)):
                texts = [f"{self.name}:{self._number + i}" for i in range(self._random.randint(1, 3))]
                records = [(self._record_key(self._number + i), text.encode()) for i, text in enumerate(texts)]
                batch = build_batch(
                    records,
                    timestamp_ms=START_TIME_MS + self._number,
                    producer_id=producer_id,
                    producer_epoch=epoch,
                    base_sequence=self._sequence,
                )
                for text in texts:
                    self._history.send(self._key, text)
                window.append((self._sequence, texts, batch))
                self._number += len(texts)
                self._sequence += len(texts)
            if not await self._write(window):
                producer_id, epoch = await self._begin()
                self._sequence = 0

    async def _begin(self) -> tuple[int, int]:
        while True:
            try:
                return await self._client.init_producer_id(None)
            except Disconnected:
                await self._client.pause()

    async def _write(self, window: list[tuple[int, list[str], bytes]]) -> bool:
        """Send all at once; what was not acknowledged is sent again, in order; false where it is given up."""
        attempts = 0
        while window:
            attempts += 1
            if attempts > GIVEN_UP_AFTER and not self._strict:
                return False
            sent = self._send(window)
            done = await asyncio.gather(*sent)
            behind = window[len(sent) :]
            window = [each for each, acknowledged in zip(window, done, strict=False) if not acknowledged] + behind
            if window:
                await self._client.pause()
        return True

    def _send(self, window: list[tuple[int, list[str], bytes]]) -> list[Coroutine[Any, Any, bool]]:
        """Send in order, in one step; none behind one that could not be sent."""
        sent: list[Coroutine[Any, Any, bool]] = []
        for _, texts, batch in window:
            try:
                sent.append(
                    self._acknowledged(texts, self._client.begin(PRODUCE, 9, produce_request(self._key, batch)))
                )
            except Disconnected:
                break
        return sent

    async def _acknowledged(self, texts: list[str], answering: Coroutine[Any, Any, Message]) -> bool:
        try:
            answer = await answering
        except Disconnected:
            return False
        (topic,) = answer.responses
        (row,) = topic.partition_responses
        if row.error_code in AGAIN:
            return False
        if row.error_code and not self._strict:
            return False
        if row.error_code:
            self._history.problems.append(
                f"{texts[0]} of {self._key} was refused: {ErrorCode(row.error_code).name} {row.error_message}"
            )
            raise Refused(row.error_code, texts[0])
        for i, text in enumerate(texts):
            self._history.acknowledge(self._key, text, row.base_offset + i)
        return True
