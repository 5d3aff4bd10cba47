"""librdkafka, through confluent-kafka, against the embedded broker."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from kappaflow.testing.embedded_broker import EmbeddedBroker


@pytest.fixture
def admin(broker: EmbeddedBroker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.bootstrap_servers})


def create(admin: AdminClient, name: str, partitions: int = 4, **configs: str) -> None:
    topic = NewTopic(name, partitions, 1, config={key.replace("_", "."): value for key, value in configs.items()})
    admin.create_topics([topic])[name].result(10)


def produce(broker: EmbeddedBroker, topic: str, values: list[str], **settings: object) -> None:
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 5, **settings})
    for value in values:
        producer.produce(
            topic, value, key=value, on_delivery=lambda error, _: failures.append(error) if error else None
        )
    assert producer.flush(20) == 0
    assert failures == []


def consumer(broker: EmbeddedBroker, group: str, **settings: object) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "heartbeat.interval.ms": 500,
            "session.timeout.ms": 6000,
            **settings,
        }
    )


def poll_until(members: list[Consumer], count: int, seconds: float = 20) -> list[str]:
    """Poll in turn until so many records have come."""
    values: list[str] = []
    end = time.monotonic() + seconds
    while len(values) < count and time.monotonic() < end:
        for member in members:
            message = member.poll(0.1)
            if message is not None:
                assert message.error() is None, message.error()
                values.append(message.value().decode())
    return values


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("idempotent", [False, True])
def test_records_come_back_as_sent(
    broker: EmbeddedBroker, admin: AdminClient, topic: str, group: str, codec: str, idempotent: bool
) -> None:
    create(admin, topic)
    values = [f"{codec} {number}" for number in range(500)]
    produce(broker, topic, values, **{"compression.type": codec, "enable.idempotence": idempotent})
    member = consumer(broker, group)
    member.subscribe([topic])
    assert sorted(poll_until([member], 500)) == sorted(values)
    member.close()


def test_headers_timestamps_and_nulls_come_back(broker: EmbeddedBroker, admin: AdminClient, topic: str) -> None:
    create(admin, topic, 1)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    now_ms = int(time.time() * 1000)
    producer.produce(topic, None, key=b"k", headers=[("a", b"1"), ("a", None)], timestamp=now_ms)
    producer.produce(topic, b"", key=None, timestamp=now_ms + 1)
    producer.flush(10)
    member = consumer(broker, "unused")
    member.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    first, second = (member.poll(10) for _ in range(2))
    assert (first.key(), first.value(), first.headers()) == (b"k", None, [("a", b"1"), ("a", None)])
    assert first.timestamp()[1] == now_ms
    assert (second.key(), second.value()) == (None, b"")
    member.close()


def test_two_members_share_the_partitions_and_resume_from_the_commit(
    broker: EmbeddedBroker, admin: AdminClient, topic: str, group: str
) -> None:
    create(admin, topic)
    produce(broker, topic, [f"first {n}" for n in range(200)])
    one = consumer(broker, group)
    one.subscribe([topic])
    assert len(poll_until([one], 200)) == 200
    one.commit(asynchronous=False)
    two = consumer(broker, group)
    two.subscribe([topic])
    end = time.monotonic() + 30
    while not (len(one.assignment()) == 2 and len(two.assignment()) == 2) and time.monotonic() < end:
        assert one.poll(0.1) is None
        assert two.poll(0.1) is None
    held = {(p.topic, p.partition) for member in (one, two) for p in member.assignment()}
    assert held == {(topic, n) for n in range(4)}
    produce(broker, topic, [f"second {n}" for n in range(200)])
    assert sorted(poll_until([one, two], 200)) == sorted(f"second {n}" for n in range(200))
    for member in (one, two):
        member.commit(asynchronous=False)
        member.close()
    produce(broker, topic, ["third"])
    three = consumer(broker, group)
    three.subscribe([topic])
    assert poll_until([three], 1) == ["third"]
    three.close()


def test_a_cooperative_and_a_static_member(broker: EmbeddedBroker, admin: AdminClient, topic: str, group: str) -> None:
    create(admin, topic)
    settings = {"partition.assignment.strategy": "cooperative-sticky", "group.instance.id": "one"}
    one = consumer(broker, group, **settings)
    one.subscribe([topic])
    end = time.monotonic() + 20
    while len(one.assignment()) < 4 and time.monotonic() < end:
        one.poll(0.1)
    assert len(one.assignment()) == 4
    one.close()
    described = admin.describe_consumer_groups([group])[group].result(10)
    assert [member.group_instance_id for member in described.members] == ["one"]
    again = consumer(broker, group, **settings)
    again.subscribe([topic])
    end = time.monotonic() + 20
    while len(again.assignment()) < 4 and time.monotonic() < end:
        again.poll(0.1)
    assert len(again.assignment()) == 4
    again.close()


def test_a_long_wait_does_not_hold_up_others_and_ends_with_the_record(
    broker: EmbeddedBroker, admin: AdminClient, topic: str
) -> None:
    create(admin, topic, 1)
    waiting = consumer(broker, "unused", **{"fetch.wait.max.ms": 8000, "fetch.min.bytes": 1})
    waiting.assign([TopicPartition(topic, 0, 0)])
    assert waiting.poll(0.5) is None
    start = time.monotonic()
    produce(broker, topic, ["at last"])
    message = waiting.poll(8)
    assert message is not None
    assert message.value() == b"at last"
    assert time.monotonic() - start < 4
    waiting.close()


def test_topics_are_listed_grown_configured_and_deleted(admin: AdminClient, topic: str) -> None:
    create(admin, topic, 2, retention_ms="123456")
    assert len(admin.list_topics(timeout=10).topics[topic].partitions) == 2
    admin.create_partitions([NewPartitions(topic, 5)])[topic].result(10)
    assert len(admin.list_topics(timeout=10).topics[topic].partitions) == 5
    change = ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
    admin.incremental_alter_configs([resource])[resource].result(10)
    resource = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([resource])[resource].result(10)
    assert entries["cleanup.policy"].value == "delete,compact"
    assert entries["retention.ms"].value == "123456"
    assert entries["segment.bytes"].is_default
    admin.delete_topics([topic])[topic].result(10)
    assert topic not in admin.list_topics(timeout=10).topics


@pytest.mark.parametrize(
    ("name", "partitions", "config", "error"),
    [
        ("bad name!", 1, {}, "TOPIC_EXCEPTION"),
        ("fine", 0, {}, "INVALID_PARTITIONS"),
        ("fine", 1, {"no.such.config": "1"}, "INVALID_CONFIG"),
        ("fine", 1, {"retention.ms": "soon"}, "INVALID_CONFIG"),
    ],
)
def test_wrong_topics_are_refused_with_the_reason(
    admin: AdminClient, name: str, partitions: int, config: dict[str, str], error: str
) -> None:
    with pytest.raises(Exception, match=error):
        admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(10)


def test_groups_are_listed_described_and_deleted(
    broker: EmbeddedBroker, admin: AdminClient, topic: str, group: str
) -> None:
    create(admin, topic)
    produce(broker, topic, [str(n) for n in range(20)])
    member = consumer(broker, group)
    member.subscribe([topic])
    poll_until([member], 20)
    member.commit(asynchronous=False)
    assert group in [listed.group_id for listed in admin.list_consumer_groups().result(10).valid]
    described = admin.describe_consumer_groups([group])[group].result(10)
    assert described.state.name == "STABLE"
    assert len(described.members[0].assignment.topic_partitions) == 4
    member.close()
    offsets = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(10)
    assert sum(each.offset for each in offsets.topic_partitions) == 20
    admin.delete_consumer_groups([group])[group].result(10)
    assert group not in [listed.group_id for listed in admin.list_consumer_groups().result(10).valid]


def test_offsets_by_time_and_position(broker: EmbeddedBroker, admin: AdminClient, topic: str) -> None:
    create(admin, topic, 1)
    now_ms = int(time.time() * 1000)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for step in range(10):
        producer.produce(topic, str(step), timestamp=now_ms + step * 1000)
        producer.flush(10)
    partition = TopicPartition(topic, 0)

    def offset(spec: OffsetSpec) -> int:
        return admin.list_offsets({partition: spec})[partition].result(10).offset

    assert offset(OffsetSpec.earliest()) == 0
    assert offset(OffsetSpec.latest()) == 10
    assert offset(OffsetSpec.for_timestamp(now_ms + 3500)) == 4
    assert offset(OffsetSpec.for_timestamp(now_ms + 99_000)) == -1
    assert offset(OffsetSpec.max_timestamp()) == 9
    deleted = admin.delete_records([TopicPartition(topic, 0, 6)])[TopicPartition(topic, 0, 6)].result(10)
    assert deleted.low_watermark == 6
    assert offset(OffsetSpec.earliest()) == 6
