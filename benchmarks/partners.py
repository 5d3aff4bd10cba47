"""The second input of joins: customers, who stay as they are, and payments, which come between the orders."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.kafka import end_offsets, topic_names
from benchmarks.orders import FIRST_TIME_MS, STEP_MS, Orders, write_topic

CENTS = 100_000
METHODS = ("card", "cash", "transfer", "voucher")
CITIES = 100
PARTNER_COLUMNS = {"customers": "name VARCHAR, city VARCHAR", "payments": "amount DOUBLE, method VARCHAR"}
"""What is read of their values."""

_SEED = 20260102


@dataclass(frozen=True)
class Partner:
    """A topic beside a topic of orders, with their keys.

    Attributes:
        name: ``customers``, one record a key before all orders, or ``payments``, one for two orders, each between two.
        orders: what it goes with.
    """

    name: str
    orders: Orders

    @property
    def topic(self) -> str:
        """The name of the topic, which names its content too."""
        return f"orders-{self.orders.count}-{self.orders.keys}-{self.name}"

    @property
    def count(self) -> int:
        """Number of records."""
        return self.orders.keys if self.name == "customers" else self.orders.count // 2

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """Key, amount (a double) and time; of customers the key alone says everything."""
        if self.name == "customers":
            keys = np.arange(self.count)
            return {"key": keys, "time": FIRST_TIME_MS - self.count + keys}
        random = np.random.default_rng(_SEED + self.orders.keys)
        return {
            "key": random.integers(0, self.orders.keys, self.count),
            "amount": random.integers(0, CENTS, self.count) / 100,
            "time": FIRST_TIME_MS + STEP_MS // 2 + 2 * STEP_MS * np.arange(self.count),
        }

    def load(self, bootstrap: str) -> float:
        """Write the topic unless it is there; return the seconds it took."""
        if self.topic in topic_names(bootstrap) and sum(end_offsets(bootstrap, self.topic)) == self.count:
            return 0.0
        started = time.monotonic()
        write_topic(bootstrap, self.topic, self.count, self._records())
        return time.monotonic() - started

    def _records(self) -> Iterator[tuple[str, bytes, int]]:
        keys, times = self.columns["key"].tolist(), self.columns["time"].tolist()
        if self.name == "customers":
            for key, at in zip(keys, times, strict=True):
                yield str(key), b'{"name":"customer %d","city":"City_%d"}' % (key, key % CITIES), at
            return
        amounts = self.columns["amount"].tolist()
        for number, (key, amount, at) in enumerate(zip(keys, amounts, times, strict=True)):
            method = METHODS[number % len(METHODS)].encode()
            yield str(key), b'{"paymentid":%d,"amount":%.2f,"method":"%s"}' % (number, amount, method), at
