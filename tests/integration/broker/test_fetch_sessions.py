"""Incremental fetch sessions over the wire: what is told, what is left out, what is refused."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message
from kappaflow.wire.record_batch import build_batch, iterate_headers

FETCH = 1


@pytest.fixture
def client(broker: EmbeddedBroker) -> Generator[RawClient]:
    with RawClient(broker.port) as connected:
        yield connected


@pytest.fixture
def topic_id(client: RawClient, topic: str) -> object:
    wanted = Message(name=topic, num_partitions=3, replication_factor=1, assignments=[], configs=[])
    answer = client.ask(19, 7, Message(topics=[wanted], timeout_ms=5000, validate_only=False))
    return answer.topics[0].topic_id


def produce(client: RawClient, topic: str, partition: int, size: int = 10) -> None:
    records = build_batch([(b"k", b"v" * size)], timestamp_ms=int(time.time() * 1000))
    data = [Message(name=topic, partition_data=[Message(index=partition, records=records)])]
    answer = client.ask(0, 9, Message(transactional_id=None, acks=-1, timeout_ms=5000, topic_data=data))
    assert answer.responses[0].partition_responses[0].error_code == ErrorCode.NONE


def partition(index: int, offset: int) -> Message:
    return Message(
        partition=index, current_leader_epoch=-1, fetch_offset=offset, last_fetched_epoch=-1, log_start_offset=-1,
        partition_max_bytes=1 << 20,
    )  # fmt: skip


def fetch(
    client: RawClient,
    topic: str,
    partitions: dict[int, int],
    *,
    session: int = 0,
    epoch: int = 0,
    forgotten: tuple[int, ...] = (),
    topic_id: object = None,
    **settings: int,
) -> Message:
    names = {"topic": topic, "topic_id": topic_id or ZERO_UUID}
    body = {
        "replica_id": -1, "max_wait_ms": 0, "min_bytes": 1, "max_bytes": 1 << 20, "isolation_level": 0,
        "session_id": session, "session_epoch": epoch, "rack_id": "",
        "topics": [Message(**names, partitions=[partition(*each) for each in partitions.items()])] * bool(partitions),
        "forgotten_topics_data": [Message(**names, partitions=list(forgotten))] * bool(forgotten),
    }  # fmt: skip
    return client.ask(FETCH, 13 if topic_id else 12, Message(**(body | settings)))


def told(answer: Message) -> list[int]:
    return [each.partition_index for topic in answer.responses for each in topic.partitions]


def test_only_what_changes_is_told(client: RawClient, topic: str, topic_id: object) -> None:
    first = fetch(client, topic, {0: 0, 1: 0, 2: 0})
    assert first.session_id != 0
    assert told(first) == [0, 1, 2]
    session = first.session_id
    assert told(fetch(client, topic, {}, session=session, epoch=1)) == []
    produce(client, topic, 1)
    second = fetch(client, topic, {}, session=session, epoch=2)
    assert told(second) == [1]
    assert len(list(iterate_headers(second.responses[0].partitions[0].records))) == 1
    assert told(fetch(client, topic, {}, session=session, epoch=3)) == [1], "not moved on: told again"
    assert told(fetch(client, topic, {1: 1}, session=session, epoch=4)) == []
    produce(client, topic, 1)
    produce(client, topic, 2)
    assert told(fetch(client, topic, {}, session=session, epoch=5, forgotten=(1,))) == [2]


def test_partitions_that_gave_records_go_to_the_back(client: RawClient, topic: str, topic_id: object) -> None:
    session = fetch(client, topic, {0: 0, 1: 0, 2: 0}).session_id
    for index in range(3):
        produce(client, topic, index, 1000)
    seen = [told(fetch(client, topic, {}, session=session, epoch=epoch, max_bytes=10))[0] for epoch in (1, 2, 3)]
    assert sorted(seen) == [0, 1, 2]


def test_an_error_is_told_each_time(client: RawClient, topic: str, topic_id: object) -> None:
    session = fetch(client, topic, {0: 5, 1: 0}).session_id
    for epoch in (1, 2):
        answer = fetch(client, topic, {}, session=session, epoch=epoch)
        assert [(each.partition_index, each.error_code) for each in answer.responses[0].partitions] == [
            (0, ErrorCode.OFFSET_OUT_OF_RANGE)
        ]


def test_epochs_and_ends(client: RawClient, topic: str, topic_id: object) -> None:
    session = fetch(client, topic, {0: 0}).session_id
    assert fetch(client, topic, {}, session=session, epoch=2).error_code == ErrorCode.INVALID_FETCH_SESSION_EPOCH
    by_id = fetch(client, topic, {}, session=session, epoch=1, topic_id=topic_id)
    assert by_id.error_code == ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
    final = fetch(client, topic, {0: 0}, session=session, epoch=-1)
    assert (final.error_code, final.session_id, told(final)) == (ErrorCode.NONE, 0, [0])
    assert fetch(client, topic, {}, session=session, epoch=1).error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND


def test_a_session_by_topic_id_waits_for_records(
    broker: EmbeddedBroker, client: RawClient, topic: str, topic_id: object
) -> None:
    session = fetch(client, topic, {0: 0, 1: 0}, topic_id=topic_id).session_id
    assert session != 0
    with RawClient(broker.port) as other:
        produce(other, topic, 1)
    answer = fetch(client, topic, {}, session=session, epoch=1, topic_id=topic_id, max_wait_ms=5000)
    assert told(answer) == [1]
    assert answer.responses[0].topic_id == topic_id
