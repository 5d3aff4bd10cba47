"""Transactions of the client: on Apache Kafka and on the embedded broker, in both versions of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest

from kappaflow.client.admin import LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.offsets import GroupGeneration, GroupOffsets
from kappaflow.client.records import RecordReader
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.client.transactions import TransactionalProducer, is_fenced
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.record_batch import build_batch

NOBODY = GroupGeneration()
NewTopic = Callable[..., str]


@pytest.fixture(params=["first version", "second version"])
def producer(
    request: pytest.FixtureRequest, config: ClientConfig, monkeypatch: pytest.MonkeyPatch
) -> Generator[TransactionalProducer]:
    if request.param == "first version":
        monkeypatch.setattr(TransactionalProducer, "_transaction_version", lambda _self: 1)
    with TransactionalProducer(config, f"id-{request.node.name}") as created:
        created.init()
        yield created


def batch(*values: str) -> bytes:
    return build_batch([(b"key", value.encode()) for value in values], timestamp_ms=1)


def committed(config: ClientConfig, admin: Admin, partition: TopicPartition) -> list[str]:
    end = admin.list_offsets({partition: LATEST})[partition].offset
    with RecordReader(config, {partition: 0}, isolation_level="read_committed") as reader:
        return [(record.value or b"").decode() for record in reader.read_to({partition: end})]


def offset_of(config: ClientConfig, group: str, partition: TopicPartition) -> int:
    with GroupOffsets(config, group) as offsets:
        found = offsets.fetch([partition], require_stable=True)
    return found[partition].offset if partition in found else -1


def test_what_is_committed_is_seen_with_its_positions_and_what_is_aborted_is_not(
    config: ClientConfig, admin: Admin, new_topic: NewTopic, producer: TransactionalProducer
) -> None:
    topic, source = new_topic(2), TopicPartition(new_topic(1), 0)
    one, two = TopicPartition(topic, 0), TopicPartition(topic, 1)
    for number in range(9):
        producer.send(one, batch(f"{number}a", f"{number}b"))
        producer.send(two, batch(f"{number}"))
        if number % 3 == 1:
            producer.abort()
        else:
            producer.commit({source: CommittedOffset(number, metadata="kept")}, topic, NOBODY)
    kept = [number for number in range(9) if number % 3 != 1]
    assert committed(config, admin, one) == [f"{number}{half}" for number in kept for half in "ab"]
    assert committed(config, admin, two) == [f"{number}" for number in kept]
    with GroupOffsets(config, topic) as offsets:
        assert offsets.fetch([source], require_stable=True)[source].metadata == "kept"
    assert offset_of(config, topic, source) == 8
    end = admin.list_offsets({one: LATEST})[one].offset
    assert producer.next_offset(one) == end - 1  # the marker of the commit takes one


def test_positions_alone_and_nothing_at_all_can_be_committed(
    config: ClientConfig, new_topic: NewTopic, producer: TransactionalProducer
) -> None:
    source = TopicPartition(new_topic(1), 0)
    producer.commit({}, source.topic, NOBODY)
    assert not producer.is_open
    producer.commit({source: 5}, source.topic, NOBODY)
    producer.commit({source: 6}, source.topic, NOBODY)
    assert offset_of(config, source.topic, source) == 6


def test_a_later_producer_ends_what_an_earlier_one_left_open_and_fences_it(
    config: ClientConfig, admin: Admin, new_topic: NewTopic, producer: TransactionalProducer
) -> None:
    partition = TopicPartition(new_topic(1), 0)
    producer.send(partition, batch("left open"))
    producer.flush()
    with TransactionalProducer(config, producer.transactional_id) as later:
        later.init()
        later.send(partition, batch("later"))
        later.commit({}, "", NOBODY)
    producer.send(partition, batch("too late"))
    with pytest.raises(BrokerError) as caught:
        producer.commit({}, "", NOBODY)
    assert is_fenced(caught.value)
    assert committed(config, admin, partition) == ["later"]


def test_a_member_of_an_older_generation_commits_nothing(
    config: ClientConfig, admin: Admin, new_topic: NewTopic, producer: TransactionalProducer
) -> None:
    partition, source = TopicPartition(new_topic(1), 0), TopicPartition(new_topic(1), 0)
    producer.send(partition, batch("of a zombie"))
    with pytest.raises(BrokerError) as caught:
        producer.commit({source: 5}, partition.topic, GroupGeneration(7, "gone"))
    assert caught.value.code in {ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION}
    producer.abort()
    assert committed(config, admin, partition) == []
    assert offset_of(config, partition.topic, source) == -1


def test_a_batch_that_is_refused_fails_its_transaction_and_not_the_next(
    config: ClientConfig, admin: Admin, new_topic: NewTopic, producer: TransactionalProducer
) -> None:
    topic = new_topic(1, max_message_bytes="1000")
    partition = TopicPartition(topic, 0)
    producer.send(partition, batch("before"))
    producer.send(partition, batch("x" * 2000))
    with pytest.raises(BrokerError) as caught:
        producer.commit({}, "", NOBODY)
    assert caught.value.code == ErrorCode.MESSAGE_TOO_LARGE
    with pytest.raises(BrokerError):
        producer.send(partition, batch("in the failed transaction"))
        producer.flush()
    producer.abort()
    producer.send(partition, batch("after"))
    producer.commit({}, "", NOBODY)
    assert committed(config, admin, partition) == ["after"]


def test_a_transaction_that_stays_open_for_too_long_is_aborted(
    config: ClientConfig, admin: Admin, new_topic: NewTopic
) -> None:
    partition = TopicPartition(new_topic(1), 0)
    with TransactionalProducer(config, "slow", transaction_timeout_ms=1000) as slow:
        slow.init()
        slow.send(partition, batch("slow"))
        slow.flush()
        # Reading to the end waits until it is decided; a time-out of the coordinator decides it.
        assert committed(config, admin, partition) == []
        with pytest.raises(BrokerError) as caught:
            slow.commit({}, "", NOBODY)
        # Apache Kafka takes the late commit for a repetition of one that the abort contradicts.
        assert is_fenced(caught.value) or caught.value.code == ErrorCode.INVALID_TXN_STATE
        slow.init()
        slow.send(partition, batch("again"))
        slow.commit({}, "", NOBODY)
    assert committed(config, admin, partition) == ["again"]
