"""kafka-python against the embedded broker."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Generator

import pytest

from kappaflow.testing.embedded_broker import EmbeddedBroker

with warnings.catch_warnings():
    # It reads its message definitions in a way that Python 3.11 warns about.
    warnings.filterwarnings("ignore", "(read|open)_text is deprecated", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
    from kafka import codec as kafka_codec
    from kafka.admin import NewTopic

pytestmark = [
    pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning"),
    # It leaves its wake-up sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def collected_here() -> Generator[None]:
    """What the client leaves behind is collected under the filters above, not in someone else's test."""
    yield
    gc.collect()


def create(broker: EmbeddedBroker, topic: str, partitions: int = 4) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.create_topics([NewTopic(topic, partitions, 1)])
    assert topic in admin.list_topics()
    admin.close()


def drain(members: list[KafkaConsumer], count: int) -> list[bytes]:
    values: list[bytes] = []
    end = time.monotonic() + 20
    while len(values) < count and time.monotonic() < end:
        for member in members:
            for records in member.poll(timeout_ms=100).values():
                values += [record.value for record in records]
    return values


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_records_come_back_as_sent(broker: EmbeddedBroker, topic: str, codec: str | None) -> None:
    if codec and not getattr(kafka_codec, f"has_{codec}")():
        pytest.skip(f"kafka-python finds no library for {codec}; the other clients cover it")
    create(broker, topic)
    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, compression_type=codec, enable_idempotence=codec == "lz4"
    )
    values = [b"%d" % n for n in range(300)]
    sent = [producer.send(topic, value, key=value) for value in values]
    producer.flush(20)
    assert all(future.succeeded() for future in sent)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, n) for n in range(4)])
    assert sorted(drain([consumer], 300)) == sorted(values)
    consumer.close()


def test_two_members_rebalance_commit_and_resume(broker: EmbeddedBroker, topic: str, group: str) -> None:
    create(broker, topic)

    def member() -> KafkaConsumer:
        return KafkaConsumer(
            topic,
            bootstrap_servers=broker.bootstrap_servers,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            heartbeat_interval_ms=300,
            session_timeout_ms=6000,
        )

    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    for n in range(100):
        producer.send(topic, b"first %d" % n, key=b"%d" % n)
    producer.flush()
    one = member()
    assert len(drain([one], 100)) == 100
    one.commit()
    two = member()
    end = time.monotonic() + 30
    while (len(one.assignment()), len(two.assignment())) != (2, 2) and time.monotonic() < end:
        for each in (one, two):
            assert each.poll(timeout_ms=50) == {}
    assert one.assignment() | two.assignment() == {TopicPartition(topic, n) for n in range(4)}
    for n in range(100):
        producer.send(topic, b"second %d" % n, key=b"%d" % n)
    producer.flush()
    assert sorted(drain([one, two], 100)) == sorted(b"second %d" % n for n in range(100))
    for each in (one, two):
        each.commit()
        each.close()
    producer.send(topic, b"third").get(10)
    producer.close()
    three = member()
    assert drain([three], 1) == [b"third"]
    three.close()


def test_transactions_are_committed_and_aborted(broker: EmbeddedBroker, topic: str) -> None:
    create(broker, topic, 1)
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers, transactional_id=topic)
    producer.init_transactions()
    for value, ends in ((b"a", True), (b"b", False), (b"c", True)):
        producer.begin_transaction()
        producer.send(topic, value)
        producer.flush(20)
        if ends:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap_servers, isolation_level="read_committed")
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    values: list[bytes] = []
    until = time.monotonic() + 20
    while len(values) < 2 and time.monotonic() < until:
        values += [record.value for record in consumer.poll(500).get(partition, [])]
    consumer.close()
    assert values == [b"a", b"c"]
