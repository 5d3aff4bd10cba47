"""Compaction as clients see it: the cleaner runs behind a broker that goes on serving."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message
from kappaflow.wire.record_batch import build_batch

FILLER = bytes(range(100))
CONFIGS = {
    "cleanup.policy": "compact",
    "internal.segment.bytes": "4000",
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": "0",
}


@pytest.fixture
def broker(tmp_path: Path) -> Generator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path, arguments=("--property", "log.cleaner.backoff.ms=50")) as running:
        yield running


def create(broker: EmbeddedBroker, topic: str, configs: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(topic, 1, 1, config=configs)])[topic].result(20)


def read_all(broker: EmbeddedBroker, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
    consumer = Consumer({
        "bootstrap.servers": broker.bootstrap_servers, "group.id": "g", "enable.partition.eof": True,
        "enable.auto.commit": False,
    })  # fmt: skip
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[tuple[int, bytes | None, bytes | None]] = []
    while True:
        message = consumer.poll(20)
        assert message is not None
        if message.error():
            break
        found.append((message.offset(), message.key(), message.value()))
    consumer.close()
    return found


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_the_last_value_of_each_key_stays_over_a_kill(broker: EmbeddedBroker, topic: str, codec: str) -> None:
    create(broker, topic, CONFIGS)
    producer = Producer({
        "bootstrap.servers": broker.bootstrap_servers, "enable.idempotence": True, "compression.type": codec,
        "linger.ms": 1, "batch.num.messages": 100,
    })  # fmt: skip
    for number in range(5000):
        producer.produce(topic, key=b"k%d" % (number % 50), value=b"v%d" % number)
    for key in range(10):
        producer.produce(topic, key=b"k%d" % key, value=None)
    for _ in range(2000):
        producer.produce(topic, key=b"filler", value=FILLER)
    producer.flush(30)
    eventually(lambda: len(read_all(broker, topic)) < 2500)
    broker.kill()
    broker.start()
    records = read_all(broker, topic)
    assert [row[0] for row in records] == sorted({row[0] for row in records})
    table = {key: value for _, key, value in records}
    expected = {b"k%d" % key: b"v%d" % (4950 + key) for key in range(10, 50)} | {b"filler": FILLER}
    assert {key: value for key, value in table.items() if value is not None} == expected
    producer.produce(topic, key=b"after", value=b"restart")
    assert producer.flush(30) == 0
    assert "removed" in broker.log


def test_records_without_a_key_are_named(broker: EmbeddedBroker, topic: str) -> None:
    create(broker, topic, CONFIGS)
    now_ms = int(time.time() * 1000)
    with RawClient(broker.port) as client:
        data = [
            Message(
                name=topic,
                partition_data=[
                    Message(
                        index=0,
                        records=build_batch(
                            [(b"k", b"1"), (None, b"2"), (b"k", b"3"), (None, b"4")], timestamp_ms=now_ms
                        ),
                    )
                ],
            )
        ]
        answer = client.ask(0, 9, Message(transactional_id=None, acks=-1, timeout_ms=5000, topic_data=data))
    partition = answer.responses[0].partition_responses[0]
    assert partition.error_code == ErrorCode.INVALID_RECORD
    assert [each.batch_index for each in partition.record_errors] == [1, 3]
    assert read_all(broker, topic) == []
