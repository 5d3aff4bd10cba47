"""Which record of several partitions comes next: a real Kafka Streams application and ours, over topics filled before.

Times within a partition go back and forth, and no two of the three topics share one: then the order is decided, by the
rule that the earliest head goes first, whatever was fetched when.
"""

from __future__ import annotations

import random
import subprocess
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kappaflow.streams import KafkaStreams, Serdes, StreamsBuilder, Topology
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.embedded_server import wait_until
from kappaflow.testing.java_program import java_program

pytestmark = [pytest.mark.java, pytest.mark.real]

TOPICS = ("left", "right", "rows")
PARTITIONS = 3
RECORDS = 400
QUICK = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
TEXT = Serdes.string()


@pytest.fixture
def broker() -> Generator[EmbeddedBroker]:
    with EmbeddedBroker() as started:
        yield started


def fill(broker: EmbeddedBroker, seed: int) -> None:
    """Make the topics and fill them."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    made = admin.create_topics([NewTopic(topic, PARTITIONS) for topic in (*TOPICS, "chosen", "ours")])
    for future in made.values():
        future.result()
    rng = random.Random(seed)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for index, topic in enumerate(TOPICS):
        for partition in range(PARTITIONS):
            now = 1_000
            for number in range(RECORDS):
                now += rng.choice((0, 1, 2, 5, 40, -3, -30))
                key = f"{partition}-{rng.choice('abcd')}"
                time = max(0, now) * len(TOPICS) + index
                producer.produce(topic, f"{topic}{number}", key, partition, timestamp=time)
    assert producer.flush(30) == 0


def written(broker: EmbeddedBroker, topic: str, count: int) -> dict[int, list[tuple[str, str, int]]]:
    """Wait for the records of a topic; key, value and time by partition, in order."""
    settings = {"bootstrap.servers": broker.bootstrap_servers, "group.id": "reader", "enable.auto.commit": False}
    found: dict[int, list[tuple[str, str, int]]] = defaultdict(list)
    consumer = Consumer(settings)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])

    def complete() -> bool:
        for message in consumer.consume(1_000, 0.2):
            assert message.error() is None
            key, value = (message.key() or b"").decode(), (message.value() or b"").decode()
            found[key.partition("-")[0]].append((key, value, message.timestamp()[1]))
        return sum(len(each) for each in found.values()) >= count

    try:
        wait_until(complete, f"{count} records of {topic}", 90)
    finally:
        consumer.close()
    return found


def ours(topic: str) -> Topology:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    left, right, rows = builder.stream("left"), builder.stream("right"), builder.table("rows")
    joined = left.merge(right).left_join(rows, lambda value, row: f"{value}/{'null' if row is None else row}")
    # What a task writes is one partition, in its order.
    joined.to(topic, partitioner=lambda record, _: int(record.key[0]))
    return builder.build()


@pytest.mark.parametrize(("idle_ms", "seed"), [(0, 1), (0, 2), (50, 3)])
def test_records_are_taken_in_the_order_of_kafka_streams(
    broker: EmbeddedBroker, tmp_path: Path, idle_ms: int, seed: int
) -> None:
    fill(broker, seed)
    expected_count = 2 * PARTITIONS * RECORDS
    settings = {
        "application.id": "theirs",
        "bootstrap.servers": broker.bootstrap_servers,
        "auto.offset.reset": "earliest",
        "replication.factor": "1",
        "state.dir": str(tmp_path / "theirs"),
        "statestore.cache.max.bytes": "0",
        "max.task.idle.ms": str(idle_ms),
    }
    program = java_program(Path(__file__).with_name("ChosenOrder.java"))
    command = program.command([f"{key}={value}" for key, value in settings.items()], QUICK)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            theirs = written(broker, "chosen", expected_count)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)
    with KafkaStreams(
        ours("ours"),
        application_id="mine",
        bootstrap_servers=broker.bootstrap_servers,
        state_dir=tmp_path / "mine",
        max_task_idle_ms=idle_ms,
    ):
        mine = written(broker, "ours", expected_count)
    assert mine == theirs
