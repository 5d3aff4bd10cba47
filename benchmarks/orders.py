"""The input: orders, of about 150 bytes as JSON, the same for every run, and what the workloads must make of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from benchmarks.kafka import create_topic, end_offsets, topic_names
from benchmarks.order_formats import encoder

PARTITIONS = 4
ITEMS = 1_000
FIRST_TIME_MS = 1_700_000_000_000
STEP_MS = 10
WINDOW_MS = 3_600_000
UNITS_SCALE = 10_000
_CHUNK = 100_000


@dataclass(frozen=True)
class Orders:
    """A topic of orders with seeded content.

    Attributes:
        count: number of records.
        keys: number of distinct keys that they are drawn from.
        each_once: whether keys are not drawn, but come in their turn.
        reader: who has this topic for itself; empty where it is shared.
        format: of the values: JSON, AVRO or PROTOBUF.
    """

    count: int
    keys: int
    each_once: bool = False
    reader: str = ""
    format: str = "JSON"

    @property
    def topic(self) -> str:
        """The name of the topic, which names its content too."""
        parts = ["orders", str(self.count), str(self.keys), "once" if self.each_once else "", self.reader]
        if self.format != "JSON":
            parts.append(self.format.lower())
        return "-".join(filter(None, parts))

    def chunks(self) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Yield the position of the first record and the random columns, chunk by chunk."""
        random = np.random.default_rng(20260101 + self.keys)
        for first in range(0, self.count, _CHUNK):
            size = min(_CHUNK, self.count - first)
            yield (
                first,
                {
                    "key": np.arange(first, first + size) % self.keys
                    if self.each_once
                    else random.integers(0, self.keys, size),
                    "item": random.integers(0, ITEMS, size),
                    "units": random.integers(0, 100 * UNITS_SCALE, size),
                    "city": random.integers(0, 100, size),
                    "state": random.integers(0, 50, size),
                    "zip": random.integers(10_000, 99_999, size),
                },
            )

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """The columns that the workloads read: key, item, units (a double) and time."""
        parts = [columns for _, columns in self.chunks()]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in ("key", "item", "units")}
        whole["units"] = whole["units"] / UNITS_SCALE
        whole["time"] = FIRST_TIME_MS + STEP_MS * np.arange(self.count)
        return whole

    def load(self, bootstrap: str) -> float:
        """Write the topic unless it is there; return the seconds it took."""
        if self.topic in topic_names(bootstrap):
            if sum(end_offsets(bootstrap, self.topic)) == self.count:
                return 0.0
            AdminClient({"bootstrap.servers": bootstrap}).delete_topics([self.topic])[self.topic].result()
            time.sleep(1)
        started = time.monotonic()
        write_topic(bootstrap, self.topic, self.count, self._records())
        return time.monotonic() - started

    def _records(self) -> Iterator[tuple[str, bytes, int]]:
        encode = encoder(self.format)
        for first, columns in self.chunks():
            names = ("key", "item", "units", "city", "state", "zip")
            rows = zip(*(columns[name].tolist() for name in names), strict=True)
            for number, (key, item, units, city, state, zipcode) in enumerate(rows, first):
                at = FIRST_TIME_MS + number * STEP_MS
                yield str(key), encode(at, number, item, units / UNITS_SCALE, city, state, zipcode), at


def write_topic(bootstrap: str, topic: str, count: int, records: Iterable[tuple[str, bytes, int]]) -> None:
    """Create a topic and write records of key, value and time.

    Raises:
        RuntimeError: it does not hold so many then.
    """
    create_topic(bootstrap, topic, PARTITIONS)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 100,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
            "partitioner": "murmur2",
        }
    )
    for key, value, at in records:
        _produce(producer, topic, key, value, at)
    producer.flush()
    written = sum(end_offsets(bootstrap, topic))
    if written != count:
        raise RuntimeError(f"{topic} holds {written} records instead of {count}.")


def _produce(producer: Producer, topic: str, key: str, value: bytes, timestamp: int) -> None:
    while True:
        try:
            producer.produce(topic, value, key, timestamp=timestamp)
        except BufferError:
            producer.poll(0.1)
        else:
            return
