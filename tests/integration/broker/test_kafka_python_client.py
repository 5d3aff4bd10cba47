"""kafka-python against the embedded broker."""

from __future__ import annotations

import gc
import threading
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


def drain(consumer: KafkaConsumer, count: int) -> list[bytes]:
    # One long poll, as kafka-python 3.0 forgets a join when poll() ends between the answers to JoinGroup and SyncGroup.
    values: list[bytes] = []
    end = time.monotonic() + 20
    while len(values) < count and time.monotonic() < end:
        for records in consumer.poll(timeout_ms=20_000).values():
            values += [record.value for record in records]
    return values


class Member:
    """A member of a group that polls in a thread of its own, by long polls."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self.consumer = consumer
        self.values: list[bytes] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.values += drain(self.consumer, 1)
            self.consumer.commit()

    def end(self) -> None:
        """The next record ends it."""
        self._ended.set()

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()


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
    assert sorted(drain(consumer, 300)) == sorted(values)
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
    first = member()
    assert sorted(drain(first, 100)) == sorted(b"first %d" % n for n in range(100))
    first.commit()
    one, two = Member(first), Member(member())
    sent: list[bytes] = []

    def send_to_all() -> None:
        for partition in range(4):
            sent.append(b"second %d" % len(sent))
            producer.send(topic, sent[-1], partition=partition).get(10)

    send_to_all()
    end = time.monotonic() + 30
    while not two.values and time.monotonic() < end:
        send_to_all()
    assert (len(first.assignment()), len(two.consumer.assignment())) == (2, 2)
    assert first.assignment() | two.consumer.assignment() == {TopicPartition(topic, n) for n in range(4)}
    for each in (one, two):
        each.end()
    send_to_all()
    for each in (one, two):
        each.join()
    # What was read while partitions moved may have been read by both, never by none.
    for consumer in (first, two.consumer):
        consumer.close()
    read = {*one.values, *two.values}
    three = member()
    rest = sorted(set(sent) - read)
    producer.send(topic, b"third").get(10)
    producer.close()
    assert {*drain(three, len(rest) + 1)} >= {*rest, b"third"}
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
