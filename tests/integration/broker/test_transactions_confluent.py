"""Transactions of librdkafka against the embedded broker."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import OFFSET_INVALID, Consumer, IsolationLevel, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from kappaflow.testing.embedded_broker import EmbeddedBroker


def producer(broker: EmbeddedBroker, transactional_id: str, **settings: object) -> Producer:
    made = Producer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "transactional.id": transactional_id,
            "linger.ms": 5,
            **settings,
        }
    )
    made.init_transactions(20)
    return made


def create(broker: EmbeddedBroker, topic: str, partitions: int = 2) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(10)


def read(broker: EmbeddedBroker, topic: str, level: str, partitions: int = 2) -> list[str]:
    """Everything up to the ends of the partitions."""
    member = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": f"{topic}-reader",
            "isolation.level": level,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    member.assign([TopicPartition(topic, index, 0) for index in range(partitions)])
    values: list[str] = []
    ends = 0
    until = time.monotonic() + 20
    while ends < partitions and time.monotonic() < until:
        message = member.poll(0.5)
        if message is None:
            continue
        if message.error():
            ends += 1
        else:
            values.append(message.value().decode())
    member.close()
    assert ends == partitions
    return sorted(values)


def test_only_committed_transactions_are_read_as_committed(broker: EmbeddedBroker, topic: str) -> None:
    create(broker, topic)
    made = producer(broker, topic)
    for name, ends in (("a", made.commit_transaction), ("b", made.abort_transaction), ("c", made.commit_transaction)):
        made.begin_transaction()
        for number in range(10):
            made.produce(topic, f"{name}{number}", partition=number % 2)
        made.flush(10)
        ends(20)
    committed = sorted(f"{name}{number}" for name in "ac" for number in range(10))
    assert read(broker, topic, "read_committed") == committed
    assert len(read(broker, topic, "read_uncommitted")) == 30


def test_open_transactions_hold_back_readers_and_the_stable_end(broker: EmbeddedBroker, topic: str) -> None:
    create(broker, topic, 1)
    made = producer(broker, topic)
    made.begin_transaction()
    made.produce(topic, "open")
    made.flush(10)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})

    def end(level: IsolationLevel) -> int:
        wanted = {TopicPartition(topic, 0): OffsetSpec.latest()}
        return next(iter(admin.list_offsets(wanted, isolation_level=level).values())).result(10).offset

    assert end(IsolationLevel.READ_COMMITTED) == 0
    assert end(IsolationLevel.READ_UNCOMMITTED) == 1
    assert read(broker, topic, "read_committed", 1) == []
    made.commit_transaction(20)
    assert end(IsolationLevel.READ_COMMITTED) == 2
    assert read(broker, topic, "read_committed", 1) == ["open"]


def test_a_second_producer_of_the_id_fences_the_first(broker: EmbeddedBroker, topic: str) -> None:
    create(broker, topic)
    first = producer(broker, topic)
    first.begin_transaction()
    first.produce(topic, "lost")
    first.flush(10)
    second = producer(broker, topic)
    second.begin_transaction()
    second.produce(topic, "kept")
    second.commit_transaction(20)
    with pytest.raises(KafkaException) as caught:
        first.commit_transaction(20)
    assert caught.value.args[0].fatal()
    assert read(broker, topic, "read_committed") == ["kept"]


def test_consumed_offsets_are_committed_with_what_was_produced(broker: EmbeddedBroker, topic: str, group: str) -> None:
    create(broker, topic, 1)
    create(broker, f"{topic}-out", 1)
    made = producer(broker, topic)
    made.begin_transaction()
    for number in range(6):
        made.produce(topic, str(number))
    made.commit_transaction(20)
    member = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    member.subscribe([topic])
    taken: list[str] = []
    until = time.monotonic() + 20
    while len(taken) < 6 and time.monotonic() < until:
        message = member.poll(0.5)
        if message is not None and not message.error():
            taken.append(message.value().decode())
    for ends, expected in ((made.abort_transaction, OFFSET_INVALID), (made.commit_transaction, 6)):
        made.begin_transaction()
        for value in taken:
            made.produce(f"{topic}-out", value)
        made.send_offsets_to_transaction(member.position(member.assignment()), member.consumer_group_metadata(), 20)
        # Readers of stable offsets wait for as long as the transaction is open.
        with pytest.raises(KafkaException):
            member.committed(member.assignment(), 0.5)
        ends(20)
        assert member.committed(member.assignment(), 20)[0].offset == expected
    member.close()
    assert read(broker, f"{topic}-out", "read_committed", 1) == taken
