"""A script of kafka-python on our broker and on a real Apache Kafka: the same answers step by step."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Generator
from typing import Any

import pytest

with warnings.catch_warnings():
    # It reads its message definitions in a way that Python 3.11 warns about.
    warnings.filterwarnings("ignore", "(read|open)_text is deprecated", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
    from kafka import codec as kafka_codec
    from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
    from kafka.errors import KafkaError

pytestmark = [
    pytest.mark.java,
    pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning"),
    # It leaves its wake-up sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

CODECS = [None, *(name for name in ("gzip", "snappy", "lz4", "zstd") if getattr(kafka_codec, f"has_{name}")())]
TOPIC, GROUP, TIME = "kafka-python", "kafka-python-group", 1_700_000_000_000
Steps = list[tuple[str, Any]]


@pytest.fixture(autouse=True)
def collected_here() -> Generator[None]:
    """What the client leaves behind is collected under the filters above, not in someone else's test."""
    yield
    gc.collect()


def outcome(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except KafkaError as error:
        return type(error).__name__


class Script:
    def __init__(self, address: str) -> None:
        self.settings: dict[str, Any] = {"bootstrap_servers": address}
        self.admin = KafkaAdminClient(**self.settings)
        self.steps: Steps = []

    def step(self, name: str, action: Callable[[], Any]) -> None:
        self.steps.append((name, outcome(action)))

    def run(self) -> Steps:
        self.topics()
        self.records()
        self.group()
        self.transactions()
        self.ends()
        self.admin.close()
        return self.steps

    def consumer(self, **more: Any) -> KafkaConsumer:
        return KafkaConsumer(**self.settings, auto_offset_reset="earliest", enable_auto_commit=False, **more)

    def read(self, consumer: KafkaConsumer, count: int) -> list[Any]:
        found: list[Any] = []
        for _ in range(10):
            for records in consumer.poll(timeout_ms=5_000).values():
                found += records
            if len(found) >= count:
                break
        rows = [(r.partition, r.offset, r.key, r.value, r.headers, r.timestamp, r.timestamp_type) for r in found]
        return sorted(rows)

    def topics(self) -> None:
        def created(*topics: NewTopic, **more: Any) -> Any:
            answer = self.admin.create_topics(list(topics), **more)
            return "created" if answer else answer

        self.step("create", lambda: created(NewTopic(TOPIC, 2, 1, topic_configs={"cleanup.policy": "delete"})))
        self.step("create again", lambda: created(NewTopic(TOPIC, 2, 1)))
        self.step("create in vain", lambda: created(NewTopic("y", 2, 1), validate_only=True))
        self.step("no copies", lambda: created(NewTopic("y", 2, 9)))
        self.step("bad name", lambda: created(NewTopic("a b", 2, 1)))
        self.step("grow", lambda: bool(self.admin.create_partitions({TOPIC: NewPartitions(3)})))
        self.step("shrink", lambda: bool(self.admin.create_partitions({TOPIC: NewPartitions(1)})))
        resource = ConfigResource(ConfigResourceType.TOPIC, TOPIC, configs={"max.message.bytes": "4000"})
        self.step("alter", lambda: bool(self.admin.alter_configs([resource])))
        absent = ConfigResource(ConfigResourceType.TOPIC, "absent")
        self.step("absent", lambda: bool(self.admin.describe_configs([absent])))

    def records(self) -> None:
        for number, codec in enumerate(CODECS):
            producer = KafkaProducer(**self.settings, compression_type=codec, enable_idempotence=number % 2 == 0)

            def send(producer: KafkaProducer = producer, number: int = number) -> Any:
                headers = [("h", b"1"), ("e", b"")]
                sent = producer.send(
                    TOPIC, b"v" * 300, key=b"k", headers=headers, partition=number % 2, timestamp_ms=TIME + number
                ).get(10)
                return sent.topic_partition, sent.offset, sent.timestamp

            self.step(f"produce {codec}", send)
            producer.close()
        producer = KafkaProducer(**self.settings, enable_idempotence=False)
        self.step("tombstone", lambda: producer.send(TOPIC, None, key=b"k", partition=1, timestamp_ms=1).get(10).offset)
        self.step("too large", lambda: producer.send(TOPIC, b"x" * 9000, partition=1).get(10).offset)
        producer.close()
        consumer = self.consumer()
        partitions = [TopicPartition(TOPIC, number) for number in range(3)]
        self.step("beginnings", lambda: consumer.beginning_offsets(partitions))
        self.step("ends", lambda: consumer.end_offsets(partitions))
        self.step("by time", lambda: consumer.offsets_for_times({partitions[0]: TIME + 1, partitions[1]: TIME + 10**9}))
        consumer.assign(partitions)
        self.step("read", lambda: self.read(consumer, len(CODECS) + 1))
        self.step("position", lambda: [consumer.position(each) for each in partitions])
        consumer.close()

    def group(self) -> None:
        member = self.consumer(group_id=GROUP, client_id="kp")
        member.subscribe([TOPIC])
        self.step("group: read", lambda: self.read(member, len(CODECS) + 1))
        self.step("group: assigned", lambda: sorted(member.assignment()))
        self.step("group: commit", member.commit)
        self.step("group: committed", lambda: [member.committed(each) for each in sorted(member.assignment())])
        place = {TopicPartition(TOPIC, 0): OffsetAndMetadata(1, "note", -1)}
        self.step("group: commit a place", lambda: member.commit(place))
        member.close()
        other = self.consumer(group_id=GROUP)
        self.step("group: read back", lambda: other.committed(TopicPartition(TOPIC, 0), metadata=True))
        other.close()
        self.step("group: delete", lambda: bool(self.admin.delete_groups([GROUP])))

    def transactions(self) -> None:
        self.admin.create_topics([NewTopic("kafka-python-txn", 1, 1)])
        first, second = (KafkaProducer(**self.settings, transactional_id="kafka-python-id") for _ in range(2))
        first.init_transactions()
        for number, end in enumerate((first.commit_transaction, first.abort_transaction)):
            first.begin_transaction()
            self.step(f"in transaction {number}", lambda: first.send("kafka-python-txn", b"v").get(10).offset)
            self.step(f"end {number}", end)
        second.init_transactions()
        first.begin_transaction()
        self.step("fenced", lambda: first.send("kafka-python-txn", b"late").get(10).offset)
        for level, count in (("read_committed", 1), ("read_uncommitted", 2)):
            consumer = self.consumer(isolation_level=level)
            consumer.assign([TopicPartition("kafka-python-txn", 0)])
            self.step(level, lambda c=consumer, n=count: [row[:4] for row in self.read(c, n)])
            self.step(f"{level}: end", lambda c=consumer: c.end_offsets([TopicPartition("kafka-python-txn", 0)]))
            consumer.close()
        for producer in (first, second):
            outcome(lambda producer=producer: producer.close(timeout=1))

    def ends(self) -> None:
        self.step("delete records", lambda: bool(self.admin.delete_records({TopicPartition(TOPIC, 0): 1})))
        self.step("delete too many", lambda: bool(self.admin.delete_records({TopicPartition(TOPIC, 0): 99})))
        self.step("delete", lambda: bool(self.admin.delete_topics([TOPIC])))
        self.step("delete again", lambda: bool(self.admin.delete_topics([TOPIC])))


@pytest.mark.timeout(90)
def test_the_same_answers(pair: Any, on_both: Callable[[Any, Callable[[str], Steps]], list[str]]) -> None:
    assert on_both(pair, lambda address: Script(address).run()) == []
