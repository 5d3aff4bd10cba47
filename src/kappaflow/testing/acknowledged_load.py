"""A load that knows what was acknowledged, for tests that operate on a cluster under it; needs confluent-kafka."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import count
from types import TracebackType

from confluent_kafka import Consumer, Producer, TopicPartition

_NUMBERS = count()
"""No two loads of a process write the same number, so that they can follow each other on one topic."""


class AcknowledgedLoad:
    """Writes numbered records with acks=all until it is closed; `check` reads them all back.

    Attributes:
        acknowledged: the numbers of records that the cluster has acknowledged.
        failed: the errors of those that it has refused.
    """

    def __init__(self, servers: str, topic: str, *, records_per_s: int = 200, value_bytes: int = 200) -> None:
        self._servers, self._topic = servers, topic
        self._pause_s = 1 / records_per_s
        self._value = b"x" * value_bytes
        self._stop = threading.Event()
        self.acknowledged: set[int] = set()
        self.failed: list[str] = []
        settings = {"bootstrap.servers": servers, "acks": "all", "enable.idempotence": True, "linger.ms": 5}
        self._producer = Producer(settings | {"delivery.timeout.ms": 120_000})
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> AcknowledgedLoad:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.flush(150)

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s):
            number = next(_NUMBERS)
            self._producer.produce(self._topic, self._value, str(number), on_delivery=self._note(number))
            self._producer.poll(0)

    def _note(self, number: int) -> Callable[[object, object], None]:
        def delivered(error: object, _record: object) -> None:
            if error is None:
                self.acknowledged.add(number)
            else:
                self.failed.append(str(error))

        return delivered

    def check(self) -> None:
        """Hold that nothing was refused and that all that was acknowledged can be read, once each.

        Records with negative keys are not the load's.
        """
        assert self.failed == [], self.failed[:3]
        places: dict[int, set[str]] = {}
        for number, place in read_all(self._servers, self._topic):
            if number >= 0:
                places.setdefault(number, set()).add(place)
        twice = {number: sorted(found) for number, found in places.items() if len(found) > 1}
        assert not twice, f"{len(twice)} records are there twice: {list(twice.items())[:10]}"
        assert self.acknowledged <= set(places), f"lost: {sorted(self.acknowledged - set(places))[:10]}"


def read_all(servers: str, topic: str, timeout_s: float = 60) -> list[tuple[int, str]]:
    """The keys of all records of a topic as numbers, and where each stands, such as ``orders-0 at 17``."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "check", "enable.partition.eof": False})
    try:
        partitions = consumer.list_topics(topic, 30).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 30)[1] for p in partitions}
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        unread = {p for p, end in ends.items() if end}
        found: list[tuple[int, str]] = []
        deadline = time.monotonic() + timeout_s
        while unread and time.monotonic() < deadline:
            record = consumer.poll(1)
            if record is not None and record.error() is None:
                partition, offset = int(record.partition() or 0), int(record.offset() or 0)
                found.append((int(record.key() or b"-1"), f"{topic}-{partition} at {offset}"))
                if offset + 1 >= ends[partition]:
                    unread.discard(partition)
        if unread:
            raise TimeoutError(f"{topic}: partitions {sorted(unread)} were not read to their ends in {timeout_s:.0f} s")
        return found
    finally:
        consumer.close()
