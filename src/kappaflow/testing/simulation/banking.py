"""Transfers: each is one transaction with a half in two partitions, so that the total never changes.

Both versions of the protocol are spoken.  A banker whose outcome is not known begins anew with the same transactional
id, which settles what it left open; now and then two bankers share an id, and one fences the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random

from kappaflow.testing.simulation.client import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    END_TXN,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    Refused,
    SimulatedClient,
)
from kappaflow.testing.simulation.event_loop import START_TIME_MS
from kappaflow.testing.simulation.history import History, Outcome, Transfer
from kappaflow.testing.simulation.network import Disconnected
from kappaflow.testing.simulation.producing import produce_request
from kappaflow.wire.message import Message
from kappaflow.wire.record_batch import TRANSACTIONAL_BIT, build_batch

Key = tuple[str, int]
ACCOUNTS_OF_A_PARTITION = 4


class TransactionClient:
    """The requests of a transactional producer.

    Args:
        second_version: whether writing adds partitions and each end brings a new epoch (KIP-890).

    Attributes:
        producer_id: its id.
        epoch: its epoch.
    """

    def __init__(
        self, client: SimulatedClient, transactional_id: str, *, second_version: bool, timeout_ms: int = 2_500
    ) -> None:
        self.transactional_id = transactional_id
        self.producer_id = -1
        self.epoch = -1
        self._client = client
        self._second = second_version
        self._timeout_ms = timeout_ms
        self._sequences: dict[Key, int] = {}
        self._added: set[Key] = set()
        self.is_open = False

    async def init(self) -> None:
        """Fence earlier producers of the id and settle what they left open.

        Raises:
            Refused: the id may not be used.
            Disconnected: the broker is away for too long.
        """
        self.producer_id, self.epoch = await self._client.init_producer_id(self.transactional_id, self._timeout_ms)
        self._begin()

    def _begin(self) -> None:
        self._added.clear()
        self.is_open = False
        if self._second:
            self._sequences.clear()

    def reset_sequences(self) -> None:
        """A new epoch begins at 0."""
        self._sequences.clear()

    async def write(self, key: Key, records: list[tuple[bytes | None, bytes | None]], timestamp_ms: int = 0) -> int:
        """Write one batch in the transaction and return its base offset.

        Raises:
            Refused: it was not written.
            Disconnected: it is not known whether it was.
        """
        batch = build_batch(records, timestamp_ms=timestamp_ms or START_TIME_MS, attributes=TRANSACTIONAL_BIT)
        return await self.write_batch(key, bytearray(batch))

    async def write_batch(self, key: Key, batch: bytearray) -> int:
        """Stamp one whole batch and write it; as `write`."""
        from kappaflow.client.sequencing import ProducerIdentity, sequence_count, stamp_producer

        if not self._second and key not in self._added:
            await self._add(key)
        self._added.add(key)
        self.is_open = True
        sequence = self._sequences.get(key, 0)
        stamp_producer(batch, ProducerIdentity(self.producer_id, self.epoch, self.transactional_id), sequence)
        self._sequences[key] = sequence + sequence_count(batch)
        body = produce_request(key, bytes(batch), self.transactional_id)
        answer = await self._client.call(
            PRODUCE,
            12 if self._second else 9,
            body,
            f"write to {key}",
            lambda a: [row.error_code for topic in a.responses for row in topic.partition_responses],
        )
        return answer.responses[0].partition_responses[0].base_offset

    async def _add(self, key: Key) -> None:
        body = Message(
            v3_and_below_transactional_id=self.transactional_id,
            v3_and_below_producer_id=self.producer_id,
            v3_and_below_producer_epoch=self.epoch,
            v3_and_below_topics=[Message(name=key[0], partitions=[key[1]])],
        )
        await self._client.call(
            ADD_PARTITIONS,
            3,
            body,
            f"add {key}",
            lambda a: [
                row.partition_error_code
                for topic in a.results_by_topic_v3_and_below
                for row in topic.results_by_partition
            ],
        )
        self._added.add(key)
        self.is_open = True

    async def commit_offsets(
        self, group: str, offsets: Mapping[Key, tuple[int, str]], generation: int = -1, member: str = ""
    ) -> None:
        """Make offsets of a group part of the transaction; as `write`."""
        self.is_open = True
        producer = {
            "transactional_id": self.transactional_id,
            "producer_id": self.producer_id,
            "producer_epoch": self.epoch,
            "group_id": group,
        }
        if not self._second:
            await self._client.call(ADD_OFFSETS, 3, Message(**producer), "add offsets", lambda a: [a.error_code])
        topics: dict[str, list[Message]] = {}
        for (topic, partition), (offset, metadata) in offsets.items():
            topics.setdefault(topic, []).append(
                Message(
                    partition_index=partition,
                    committed_offset=offset,
                    committed_leader_epoch=-1,
                    committed_metadata=metadata,
                )
            )
        body = Message(
            **producer,
            generation_id=generation,
            member_id=member,
            group_instance_id=None,
            topics=[Message(name=name, partitions=rows) for name, rows in topics.items()],
        )
        await self._client.call(
            TXN_OFFSET_COMMIT,
            5 if self._second else 3,
            body,
            "commit offsets in a transaction",
            lambda a: [row.error_code for topic in a.topics for row in topic.partitions],
        )

    async def end(self, *, committed: bool) -> None:
        """End the transaction; as `write`."""
        body = Message(
            transactional_id=self.transactional_id,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            committed=committed,
        )
        version = 5 if self._second else 3
        answer = await self._client.call(END_TXN, version, body, "end", lambda a: [a.error_code])
        if self._second:
            self.producer_id, self.epoch = answer.producer_id, answer.producer_epoch
        self._begin()


class Banker:
    """Makes transfers until told to stop."""

    def __init__(
        self,
        name: str,
        client: TransactionClient,
        keys: list[Key],
        history: History,
        random: Random,
        stopped: Callable[[], bool],
    ) -> None:
        self._name = name
        self._client = client
        self._keys = keys
        self._history = history
        self._random = random
        self._stopped = stopped
        self._number = 0

    async def run(self) -> None:
        """Transfer, abort, or stay silent for too long, as the seed says."""
        ready = False
        while not self._stopped():
            await asyncio.sleep(self._random.expovariate(1 / 0.3))
            try:
                if not ready:
                    await self._client.init()
                    self._client.reset_sequences()
                    ready = True
                await self._transfer()
            except (Refused, Disconnected):
                ready = False
                await asyncio.sleep(self._random.uniform(0.1, 1.0))

    async def _transfer(self) -> None:
        random = self._random
        self._number += 1
        transfer = Transfer(f"{self._name}/{self._number}", random.randint(1, 100))
        self._history.transfers[transfer.name] = transfer
        source, target = random.sample(self._keys, 2)
        wanted = random.random() < 0.75
        try:
            for key, amount in ((source, -transfer.amount), (target, transfer.amount)):
                for _ in range(random.choice([1, 1, 1, 2])):
                    account = f"account-{key[1]}-{random.randrange(ACCOUNTS_OF_A_PARTITION)}".encode()
                    text = f"{amount},{transfer.name}={amount}"
                    transfer.offsets[key] = await self._client.write(key, [(account, text.encode())])
                    amount = 0
                if random.random() < 0.1:
                    await asyncio.sleep(random.uniform(0.1, 2.0))
            if random.random() < 0.05:
                await asyncio.sleep(random.uniform(2.0, 4.0))
            transfer.outcome = Outcome.UNKNOWN
            await self._client.end(committed=wanted)
        except (Refused, Disconnected):
            # Before the end was asked for, nothing can have been committed.
            if transfer.outcome is Outcome.OPEN or not wanted:
                transfer.outcome = Outcome.ABORTED
            raise
        transfer.outcome = Outcome.COMMITTED if wanted else Outcome.ABORTED
