"""Causes of lag, produced for real with consumers of their own: each is named, and a healthy group is left alone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from kappaflow.client.admin import NewTopic
from kappaflow.client.topic_partition import TopicPartition as TopicPlace
from kappaflow.ops.contexts import ClusterContext
from kappaflow.ops.session import OpsSession
from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.kappa_command import KappaCommand

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(300)]
PARTITIONS = 4
_NUMBERS = count(1)


@pytest.fixture(name="topic")
def a_topic(kafka: ApacheKafka) -> str:
    name = f"lag-{next(_NUMBERS)}"
    with OpsSession(ClusterContext("test", kafka.bootstrap_servers)) as session:
        session.admin.topics.create([NewTopic(name, PARTITIONS)])
    return name


@pytest.fixture(name="kappa")
def commands(kafka: ApacheKafka, tmp_path: Path) -> KappaCommand:
    return KappaCommand(tmp_path, last_words=["--bootstrap-servers", kafka.bootstrap_servers])


@contextmanager
def producing(kafka: ApacheKafka, topic: str, per_s: int, key: Callable[[int], tuple[int, str]]) -> Iterator[None]:
    """So many records a second; ``key`` has the partition and the key of each."""
    stop = threading.Event()

    def run() -> None:
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "linger.ms": 5})
        number = 0
        while not stop.wait(0.05):
            for _ in range(max(1, per_s // 20)):
                partition, name = key(number)
                producer.produce(topic, b"x" * 50, name.encode(), partition=partition)
                number += 1
            producer.poll(0)
        producer.flush(10)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Reader:
    """A consumer that commits after every record it has worked on."""

    def __init__(self, kafka: ApacheKafka, topic: str, group: str, work: Callable[[Any], bool], client: str) -> None:
        settings = {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": group,
            "client.id": client,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
        self._consumer = Consumer(settings)
        self._consumer.subscribe([topic], on_assign=lambda *_: self.assigned.set())
        self._work = work
        self._stop = threading.Event()
        self.assigned = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            records = self._consumer.consume(20, 0.1)
            for record in records:
                if self._stop.is_set() or not self._work(record):
                    self._consumer.seek(place_of(record))
                    break
                self._consumer.commit(message=record, asynchronous=True)


def place_of(record: Any) -> TopicPartition:
    return TopicPartition(record.topic(), record.partition(), record.offset())


def cause(kappa: KappaCommand, group: str, seconds: int = 12) -> dict[str, Any]:
    done = kappa.run("lag", "doctor", group, "--seconds", str(seconds), "--samples", "8", "--json")
    return json.loads(done.stdout)[0] | {"code": done.returncode}


def evenly(number: int) -> tuple[int, str]:
    return number % PARTITIONS, str(number)


def at_once(_record: Any) -> bool:
    return True


def slowly(_record: Any) -> bool:
    time.sleep(0.1)  # this is the work that takes long
    return True


def with_readers(stack: ExitStack, kafka: ApacheKafka, topic: str, group: str, *works: Callable[[Any], bool]) -> None:
    readers = [stack.enter_context(Reader(kafka, topic, group, work, f"{group}-{n}")) for n, work in enumerate(works)]
    for reader in readers:
        assert reader.assigned.wait(60)


def wait_for_commits(kafka: ApacheKafka, group: str, offset: int, place: TopicPlace | None = None) -> None:
    """Return when the group has read so far, in one partition or in any."""
    deadline = time.monotonic() + 60
    with OpsSession(ClusterContext("test", kafka.bootstrap_servers)) as session:
        while True:
            found = session.admin.groups.offsets([group])[group]
            if any(row.offset >= offset for name, row in found.items() if place in (None, name)):
                return
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_healthy_group_is_left_alone(kafka: ApacheKafka, kappa: KappaCommand, topic: str) -> None:
    with ExitStack() as stack:
        stack.enter_context(producing(kafka, topic, 100, evenly))
        with_readers(stack, kafka, topic, "healthy", at_once)
        found = cause(kappa, "healthy")
    assert found["cause"] in ("healthy", "catching_up"), found
    assert found["code"] == 0


def test_a_group_that_stopped(kafka: ApacheKafka, kappa: KappaCommand, topic: str) -> None:
    with producing(kafka, topic, 100, evenly):
        with ExitStack() as stack:
            with_readers(stack, kafka, topic, "stopped", at_once)
            wait_for_commits(kafka, "stopped", 10)
        found = cause(kappa, "stopped")
    assert (found["cause"], found["code"]) == ("stopped_group", 1), found


def test_too_few_consumers(kafka: ApacheKafka, kappa: KappaCommand, topic: str) -> None:
    with ExitStack() as stack:
        stack.enter_context(producing(kafka, topic, 200, evenly))
        with_readers(stack, kafka, topic, "few", slowly)
        found = cause(kappa, "few")
    assert found["cause"] == "too_few_consumers", found


def test_an_offset_that_nobody_gets_over(kafka: ApacheKafka, kappa: KappaCommand, topic: str) -> None:
    def poisoned(record: Any) -> bool:
        return not (record.partition() == 1 and record.offset() >= 30)

    with ExitStack() as stack:
        stack.enter_context(producing(kafka, topic, 100, evenly))
        with_readers(stack, kafka, topic, "poisoned", poisoned)
        wait_for_commits(kafka, "poisoned", 30, TopicPlace(topic, 1))
        found = cause(kappa, "poisoned")
    assert found["cause"] in ("stuck_offset", "stuck_member"), found
    assert found["partitions"] == [f"{topic}-1"]


def test_a_hot_key(kafka: ApacheKafka, kappa: KappaCommand, topic: str) -> None:
    def hot(number: int) -> tuple[int, str]:
        return (2, "the-one") if number % 10 else (number // 10 % PARTITIONS, str(number))

    with ExitStack() as stack:
        stack.enter_context(producing(kafka, topic, 200, hot))
        with_readers(stack, kafka, topic, "hot", *[slowly] * PARTITIONS)
        found = cause(kappa, "hot")
    assert found["cause"] == "hot_key", found
    assert found["partitions"] == [f"{topic}-2"]
    assert any("the-one" in line for line in found["evidence"])
