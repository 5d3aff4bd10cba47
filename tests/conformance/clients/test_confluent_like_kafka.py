"""A script of confluent-kafka (librdkafka) on our broker and on a real Apache Kafka: the same answers step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

from kappaflow.testing.embedded_server import wait_until

pytestmark = pytest.mark.java

TOPIC, GROUP, TIME = "confluent", "confluent-group", 1_700_000_000_000
Steps = list[tuple[str, Any]]


def outcome(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except KafkaException as error:
        return KafkaError.__name__, error.args[0].name(), error.args[0].fatal()


def result(futures: dict[Any, Any]) -> Any:
    return outcome(lambda: [future.result(10) for future in futures.values()])


def produced(producer: Producer, **record: Any) -> Any:
    delivered: list[Any] = []

    def told(error: KafkaError | None, message: Message) -> None:
        kind, time = message.timestamp()
        delivered.append(error.name() if error else (message.partition(), message.offset(), kind, time))

    try:
        producer.produce(record.pop("topic", TOPIC), on_delivery=told, **record)
    except KafkaException as error:
        return error.args[0].name()
    producer.flush(10)
    return delivered


def read(consumer: Consumer, count: int) -> list[Any]:
    """So many records, by partition and offset."""
    found: list[Any] = []
    while len(found) < count:
        messages = consumer.consume(count - len(found), 10)
        assert messages, f"{len(found)} of {count}"
        found += messages
    rows = [
        (m.partition(), m.offset(), m.key(), m.value(), m.headers(), m.timestamp(), m.leader_epoch()) for m in found
    ]
    return sorted(row[:6] for row in rows)


class Script:
    def __init__(self, address: str) -> None:
        self.settings = {"bootstrap.servers": address}
        self.admin = AdminClient(self.settings)
        self.steps: Steps = []

    def step(self, name: str, answer: Any) -> None:
        self.steps.append((name, answer))

    def consumer(self, **more: Any) -> Consumer:
        own = {"group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        return Consumer({**self.settings, **own, **{name.replace("_", "."): value for name, value in more.items()}})

    def run(self) -> Steps:
        self.topics()
        self.records()
        self.groups()
        self.transactions()
        self.access()
        self.ends()
        return self.steps

    def topics(self) -> None:
        topic = NewTopic(TOPIC, 2, 1, config={"retention.ms": "-1", "max.message.bytes": "5000"})
        self.step("create", result(self.admin.create_topics([topic])))
        self.step("create again", result(self.admin.create_topics([topic])))
        self.step("create in vain", result(self.admin.create_topics([NewTopic("x", 1, 1)], validate_only=True)))
        self.step("too many copies", result(self.admin.create_topics([NewTopic("x", 1, 5)])))
        self.step("bad config", result(self.admin.create_topics([NewTopic("x", 1, 1, config={"segment.bytes": "x"})])))
        described = self.admin.list_topics(TOPIC, 10).topics[TOPIC]
        self.step("metadata", [(p.id, p.leader, p.replicas, p.isrs, p.error) for p in described.partitions.values()])
        resource = ConfigResource(ResourceType.TOPIC, TOPIC)
        change = ConfigEntry("retention.ms", "1000000", incremental_operation=AlterConfigOpType.SET)
        changed = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[change])
        self.step("alter", result(self.admin.incremental_alter_configs([changed])))
        # Brokers of Kafka learn of a change after it was answered.
        wait_until(lambda: self.configs(resource)["retention.ms"].value == "1000000", "the change of a setting")
        configs = self.configs(resource)
        names = ("retention.ms", "max.message.bytes", "cleanup.policy")
        self.step("configs", [(configs[n].value, configs[n].source, configs[n].is_default) for n in names])
        self.step("absent", result(self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, "absent")])))
        self.step("grow", result(self.admin.create_partitions([NewPartitions(TOPIC, 3)])))
        self.step("shrink", result(self.admin.create_partitions([NewPartitions(TOPIC, 1)])))
        cluster = self.admin.describe_cluster().result(10)
        self.step(
            "cluster", (cluster.controller.id, [node.id for node in cluster.nodes], cluster.authorized_operations)
        )

    def configs(self, resource: ConfigResource) -> dict[str, ConfigEntry]:
        return result(self.admin.describe_configs([resource]))[0]

    def records(self) -> None:
        for number, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
            producer = Producer({**self.settings, "compression.type": codec, "enable.idempotence": number % 2 == 0})
            headers = [("h", b"1"), ("h", None), ("", b"")]
            record = {"key": f"k{number}", "value": "v" * 300, "headers": headers, "timestamp": TIME + number * 1000}
            self.step(f"produce {codec}", produced(producer, partition=number % 2, **record))
        self.step("tombstone", produced(producer, partition=0, key="k0", value=None, timestamp=TIME))
        plain = Producer({**self.settings, "enable.idempotence": False})
        self.step("too large", produced(plain, partition=0, value=b"x" * 9000))
        self.step("no such partition", produced(plain, partition=77, value=b"x"))
        with_time = {
            TopicPartition(TOPIC, 0): OffsetSpec.latest(),
            TopicPartition(TOPIC, 1): OffsetSpec.max_timestamp(),
        }
        self.step("offsets", [(r.offset, r.timestamp) for r in result(self.admin.list_offsets(with_time))])
        consumer = self.consumer()
        places = [TopicPartition(TOPIC, 0, TIME + 1), TopicPartition(TOPIC, 1, TIME + 10**9)]
        self.step("by time", [(p.partition, p.offset) for p in consumer.offsets_for_times(places, 10)])
        self.step("watermarks", [consumer.get_watermark_offsets(TopicPartition(TOPIC, p), 10) for p in (0, 1, 2)])
        consumer.assign([TopicPartition(TOPIC, p, 0) for p in (0, 1, 2)])
        self.step("read", read(consumer, 6))
        consumer.close()
        strict = self.consumer(auto_offset_reset="error")
        strict.assign([TopicPartition(TOPIC, 0, 999)])
        message = strict.poll(10)
        self.step("beyond the end", message.error().name() if message is not None and message.error() else message)
        strict.close()

    def groups(self) -> None:
        for protocol in ("classic", "consumer"):
            name = f"{GROUP}-{protocol}"
            member = self.consumer(group_protocol=protocol, group_id=name)
            member.subscribe([TOPIC])
            self.step(f"{protocol}: read", read(member, 6))
            self.step(f"{protocol}: assigned", sorted(p.partition for p in member.assignment()))
            committed = member.commit(asynchronous=False)
            self.step(f"{protocol}: commit", sorted((p.partition, p.offset) for p in committed if p.offset >= 0))
            (group,) = result(self.admin.describe_consumer_groups([name]))
            rows = [(m.client_id, sorted(p.partition for p in m.assignment.topic_partitions)) for m in group.members]
            self.step(f"{protocol}: described", (group.state, group.is_simple_consumer_group, str(group.type), rows))
            self.step(f"{protocol}: delete in use", result(self.admin.delete_consumer_groups([name])))
            member.close()
        places = [ConsumerGroupTopicPartitions(f"{GROUP}-classic")]
        listed = result(self.admin.list_consumer_group_offsets(places))[0].topic_partitions
        self.step("group offsets", sorted((p.topic, p.partition, p.offset, p.metadata) for p in listed))
        moved = ConsumerGroupTopicPartitions(f"{GROUP}-classic", [TopicPartition(TOPIC, 0, 1)])
        altered = result(self.admin.alter_consumer_group_offsets([moved]))[0].topic_partitions
        self.step("alter offsets", [(p.partition, p.offset, p.error) for p in altered])
        empty = self.admin.list_consumer_groups(states={ConsumerGroupState.EMPTY}).result(10).valid
        self.step("groups", sorted((g.group_id, str(g.type)) for g in empty if g.group_id.startswith(GROUP)))
        self.step("delete group", result(self.admin.delete_consumer_groups([f"{GROUP}-classic"])))
        self.step("delete group again", result(self.admin.delete_consumer_groups([f"{GROUP}-classic"])))

    def transactions(self) -> None:
        self.admin.create_topics([NewTopic("confluent-txn", 1, 1)])["confluent-txn"].result(10)
        first, second = (Producer({**self.settings, "transactional.id": "confluent-id"}) for _ in range(2))
        first.init_transactions(10)
        for number, end in enumerate((first.commit_transaction, first.abort_transaction, first.commit_transaction)):
            first.begin_transaction()
            self.step(
                f"in transaction {number}", produced(first, topic="confluent-txn", value=f"{number}", timestamp=TIME)
            )
            if number == 2:
                reader = self.consumer(group_id="confluent-in-txn")
                first.send_offsets_to_transaction([TopicPartition(TOPIC, 0, 2)], reader.consumer_group_metadata(), 10)
                reader.close()
            self.step(f"end {number}", outcome(lambda end=end: end(10)))
        for level in ("read_committed", "read_uncommitted"):
            consumer = self.consumer(isolation_level=level)
            consumer.assign([TopicPartition("confluent-txn", 0, 0)])
            self.step(level, read(consumer, 2 if level == "read_committed" else 3))
            self.step(f"{level}: watermarks", consumer.get_watermark_offsets(TopicPartition("confluent-txn", 0), 10))
            consumer.close()
        listed = result(self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("confluent-in-txn")]))
        self.step("offsets in transaction", [(p.partition, p.offset) for p in listed[0].topic_partitions])
        second.init_transactions(10)
        first.begin_transaction()
        self.step("fenced: produce", outcome(lambda: produced(first, topic="confluent-txn", value="late")))
        self.step("fenced: commit", outcome(lambda: first.commit_transaction(10)))

    def access(self) -> None:
        entry = AclBinding(
            ResourceType.TOPIC, TOPIC, ResourcePatternType.LITERAL, "User:ann", "*", AclOperation.READ,
            AclPermissionType.ALLOW,
        )  # fmt: skip
        anything = AclBindingFilter(
            ResourceType.TOPIC, TOPIC, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
        )
        self.step("add an entry", result(self.admin.create_acls([entry])))
        self.step("entries", [str(each) for each in self.admin.describe_acls(anything).result(10)])
        self.step("remove it", [[str(each) for each in found] for found in result(self.admin.delete_acls([anything]))])

    def ends(self) -> None:
        deleted = self.admin.delete_records([TopicPartition(TOPIC, 0, 2)])
        self.step("delete records", [each.low_watermark for each in result(deleted)])
        self.step("delete too many", result(self.admin.delete_records([TopicPartition(TOPIC, 0, 99)])))
        self.step("delete", result(self.admin.delete_topics([TOPIC])))
        self.step("delete again", result(self.admin.delete_topics([TOPIC])))
        described = self.admin.list_topics(TOPIC, 10).topics[TOPIC]
        self.step("gone", described.error.name() if described.error else None)


@pytest.mark.timeout(90)
def test_the_same_answers(pair: Any, on_both: Callable[[Any, Callable[[str], Steps]], list[str]]) -> None:
    assert on_both(pair, lambda address: Script(address).run()) == []
