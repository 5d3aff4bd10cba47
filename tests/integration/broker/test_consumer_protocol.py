"""Consumer groups of the next-generation protocol (KIP-848) with librdkafka.

Joins, regular expressions, static members, a restart of the broker, and the change from classic members.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Consumer, ConsumerGroupType, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kappaflow.testing.embedded_broker import EmbeddedBroker

PARTITIONS = 4
# Members learn of changes with their next heartbeat.
OFTEN = [
    part
    for name in ("min.heartbeat.interval.ms", "heartbeat.interval.ms")
    for part in ("--property", f"group.consumer.{name}=300")
]


@pytest.fixture(scope="module")
def broker() -> Generator[EmbeddedBroker]:
    with EmbeddedBroker(arguments=OFTEN) as running:
        yield running


def create(broker: EmbeddedBroker, topic: str, partitions: int = PARTITIONS) -> AdminClient:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(10)
    return admin


def produce(broker: EmbeddedBroker, topic: str, values: Sequence[str]) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % PARTITIONS)
    assert producer.flush(20) == 0


def member(broker: EmbeddedBroker, group: str, topics: list[str], **settings: object) -> Consumer:
    protocol = settings.pop("group.protocol", "consumer")
    made = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": group,
            "group.protocol": protocol,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "topic.metadata.refresh.interval.ms": 500,
            **settings,
        }
    )
    made.subscribe(topics)
    return made


def poll_until(members: Sequence[Consumer], condition: Callable[[], bool], seconds: float = 40) -> list[str]:
    """Poll all members in turn until the condition holds and return what they read."""
    values: list[str] = []
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"read {len(values)}: {[len(each.assignment()) for each in members]}"
        for each in members:
            message = each.poll(0.05)
            if message is not None and message.error() is None:
                values.append((message.value() or b"").decode())
    return values


def read(members: Sequence[Consumer], count: int) -> list[str]:
    values: list[str] = []
    end = time.monotonic() + 40
    while len(values) < count:
        assert time.monotonic() < end, f"read {len(values)} of {count}"
        for each in members:
            message = each.poll(0.02)
            if message is not None and message.error() is None:
                values.append((message.value() or b"").decode())
    return values


def shares(members: Sequence[Consumer]) -> list[int]:
    return sorted(len(each.assignment()) for each in members)


def test_members_share_partitions_and_go_on_from_commits(broker: EmbeddedBroker, topic: str, group: str) -> None:
    admin = create(broker, topic)
    first = [f"first {n}" for n in range(100)]
    produce(broker, topic, first)
    one = member(broker, group, [topic])
    assert sorted(read([one], 100)) == sorted(first)
    one.commit(asynchronous=False)
    two = member(broker, group, [topic])
    assert poll_until([one, two], lambda: shares([one, two]) == [2, 2]) == []
    described = admin.describe_consumer_groups([group])[group].result(10)
    assert described.type == ConsumerGroupType.CONSUMER
    assert len(described.members) == 2
    second = [f"second {n}" for n in range(100)]
    produce(broker, topic, second)
    assert sorted(read([one, two], 100)) == sorted(second)
    for each in (one, two):
        each.commit(asynchronous=False)
    two.close()
    poll_until([one], lambda: shares([one]) == [4])
    one.close()
    produce(broker, topic, ["third"])
    three = member(broker, group, [topic])
    assert read([three], 1) == ["third"]
    three.close()


def test_a_regular_expression_follows_new_topics(broker: EmbeddedBroker, topic: str, group: str) -> None:
    create(broker, f"{topic}-a", 1)
    one = member(broker, group, [f"^{topic}-.*"])
    poll_until([one], lambda: shares([one]) == [1])
    create(broker, f"{topic}-b", 2)
    poll_until([one], lambda: shares([one]) == [3])
    assert {partition.topic for partition in one.assignment()} == {f"{topic}-a", f"{topic}-b"}
    one.close()


def test_a_static_member_keeps_its_partitions_while_it_is_away(broker: EmbeddedBroker, topic: str, group: str) -> None:
    create(broker, topic)
    one = member(broker, group, [topic], **{"group.instance.id": "one"})
    two = member(broker, group, [topic], **{"group.instance.id": "two"})
    poll_until([one, two], lambda: shares([one, two]) == [2, 2])
    kept = {(p.topic, p.partition) for p in one.assignment()}
    others = {(p.topic, p.partition) for p in two.assignment()}
    one.close()
    again = member(broker, group, [topic], **{"group.instance.id": "one"})
    poll_until([again, two], lambda: shares([again]) == [2])
    assert {(p.topic, p.partition) for p in again.assignment()} == kept
    assert {(p.topic, p.partition) for p in two.assignment()} == others
    for each in (again, two):
        each.close()


def test_classic_and_new_members_share_a_group(broker: EmbeddedBroker, topic: str, group: str) -> None:
    create(broker, topic)
    produce(broker, topic, [str(n) for n in range(40)])
    classic = member(broker, group, [topic], **{"group.protocol": "classic", "session.timeout.ms": 6000})
    assert len(read([classic], 40)) == 40
    classic.commit(asynchronous=False)
    new = member(broker, group, [topic])
    poll_until([classic, new], lambda: shares([classic, new]) == [2, 2])
    classic.close()
    poll_until([new], lambda: shares([new]) == [4])
    committed = new.committed([TopicPartition(topic, n) for n in range(PARTITIONS)], timeout=10)
    assert sum(position.offset for position in committed) == 40
    new.close()


@pytest.mark.timeout(120)
def test_groups_outlive_the_broker(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path, arguments=OFTEN) as own:
        create(own, "t")
        one, two = member(own, "g", ["t"]), member(own, "g", ["t"])
        poll_until([one, two], lambda: shares([one, two]) == [2, 2])
        produce(own, "t", [str(n) for n in range(40)])
        assert len(read([one, two], 40)) == 40
        for each in (one, two):
            each.commit(asynchronous=False)
        own.kill()
        own.start()
        produce(own, "t", ["after"])
        assert read([one, two], 1) == ["after"]
        assert shares([one, two]) == [2, 2]
        for each in (one, two):
            each.close()
