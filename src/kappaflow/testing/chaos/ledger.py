"""Writes the input and remembers what was acknowledged."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from kappaflow.client.connection import ClientConfig
from kappaflow.client.offsets import GroupGeneration
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.client.transactions import TransactionalProducer
from kappaflow.errors import BrokerError, KappaError
from kappaflow.testing.chaos.statements import ACCOUNTS, GROUPS, NUMBERS, PARTITIONS, TRANSFERS, WINDOW_MS
from kappaflow.wire.record_batch import build_batch

BATCH = 20
ABORT_EVERY = 5
DELIVERY_TIMEOUT_MS = 120_000


@dataclass
class Written:
    """What was acknowledged.

    Attributes:
        numbers: by partition, in order, with their times.
        transfers: committed (account, delta) pairs; both sides of a transfer.
        aborted: ids of records of aborted transactions, which nobody may see.
        doubtful: transfers of which it is not known whether they count.
    """

    numbers: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: {p: [] for p in range(PARTITIONS)})
    transfers: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    doubtful: int = 0

    def values(self) -> list[int]:
        """All numbers."""
        return [value for rows in self.numbers.values() for value, _ in rows]

    def sums(self) -> dict[int, tuple[int, int]]:
        """Count and sum by group."""
        found: dict[int, tuple[int, int]] = {}
        for value in self.values():
            count, total = found.get(value % GROUPS, (0, 0))
            found[value % GROUPS] = (count + 1, total + value)
        return found

    def windows(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Count and sum by group and start of the window."""
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for rows in self.numbers.values():
            for value, time_ms in rows:
                key = (value % GROUPS, time_ms // WINDOW_MS * WINDOW_MS)
                count, total = found.get(key, (0, 0))
                found[key] = (count + 1, total + value)
        return found

    def balances(self) -> dict[int, tuple[int, int]]:
        """Balance and number of changes by account."""
        balance, changes = Counter[int](), Counter[int]()
        for account, delta in self.transfers:
            balance[account] += delta
            changes[account] += 1
        return {account: (balance[account], changes[account]) for account in changes}


class Ledger:
    """Two writers: numbers by an idempotent producer, transfers in transactions of which every fifth is aborted."""

    def __init__(self, bootstrap_servers: str, seed: int) -> None:
        self.written = Written()
        self.problems: list[str] = []
        self._client = ClientConfig(bootstrap_servers, bootstrap_timeout_ms=60_000)
        self._seed = seed
        self._next = 0
        self._round = 0
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Write until `stop`."""
        self._stop.clear()
        self._round += 1
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._numbers, self._bank)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, with everything acknowledged.

        Raises:
            KappaError: a writer failed.
        """
        self._stop.set()
        for thread in self._threads:
            thread.join(DELIVERY_TIMEOUT_MS / 1000 + 10)
        if self.problems or any(thread.is_alive() for thread in self._threads):
            raise KappaError(f"A writer failed: {self.problems or 'it does not end'}")

    @property
    def count(self) -> int:
        """Numbers acknowledged so far."""
        return sum(len(rows) for rows in self.written.numbers.values())

    def _numbers(self) -> None:
        try:
            with BatchProducer(self._client, delivery_timeout_ms=DELIVERY_TIMEOUT_MS) as producer:
                while not self._stop.is_set():
                    partition = self._next // BATCH % PARTITIONS
                    values = range(self._next, self._next + BATCH)
                    now = int(time.time() * 1000)
                    rows = [(b"k%d" % partition, b'{"V":%d}' % value) for value in values]
                    producer.send(TopicPartition(NUMBERS, partition), build_batch(rows, timestamp_ms=now))
                    # Under idempotence with a long time-out what is sent is written once; flush confirms it.
                    producer.flush()
                    self.written.numbers[partition] += [(value, now) for value in values]
                    self._next += BATCH
                    self._stop.wait(0.003)
        except KappaError as error:
            self.problems.append(f"numbers: {error}")

    def _bank(self) -> None:
        rng = random.Random(f"{self._seed} {self._round}")
        try:
            with TransactionalProducer(self._client, f"bank-{self._seed}", transaction_timeout_ms=30_000) as producer:
                producer.init()
                number = 0
                while not self._stop.is_set():
                    number += 1
                    self._transfer(producer, rng, number)
                    self._stop.wait(0.01)
        except KappaError as error:
            self.problems.append(f"bank: {error}")

    def _transfer(self, producer: TransactionalProducer, rng: random.Random, number: int) -> None:
        giver, taker, amount = rng.randrange(ACCOUNTS), rng.randrange(ACCOUNTS), rng.randrange(1, 1000)
        sides = [(giver, -amount), (taker, amount)]
        try:
            for account, delta in sides:
                value = b'{"ACCOUNT":%d,"DELTA":%d}' % (account, delta)
                batch = build_batch([(b"t%d" % number, value)], timestamp_ms=int(time.time() * 1000))
                producer.send(TopicPartition(TRANSFERS, rng.randrange(PARTITIONS)), batch)
            if number % ABORT_EVERY == 0:
                producer.flush()
                producer.abort()
                return
            producer.commit({}, "", GroupGeneration())
        except BrokerError:
            self.written.doubtful += 1  # only the coordinator knows whether it counts
            producer.init()
            return
        self.written.transfers += sides
