"""Quotas on the wire: what is answered, how long the connection is silent, what clients make of it."""

from __future__ import annotations

import struct
import time
from collections.abc import Generator

import pytest
from confluent_kafka import Producer

from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.codec import encode_bytes
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message
from kappaflow.wire.record_batch import build_batch

LIMIT = 200_000
"""Bytes a second, over two windows of one second."""


@pytest.fixture(scope="module")
def limited() -> Generator[EmbeddedBroker]:
    with EmbeddedBroker(arguments=("--property", "quota.window.num=2")) as running:
        yield running


class NamedClient(RawClient):
    """A client with a client id."""

    def __init__(self, port: int, client_id: str) -> None:
        super().__init__(port)
        self._client_id = client_id.encode()

    def send(self, api_key: int, version: int, body: Message) -> int:
        self._correlation_id += 1
        head = struct.pack(">hhih", api_key, version, self._correlation_id, len(self._client_id)) + self._client_id
        frame = head + encode_bytes(api_key, version, "request", body)
        self.send_bytes(len(frame).to_bytes(4, "big") + frame)
        return self._correlation_id


def set_quota(broker: EmbeddedBroker, entity: dict[str, str | None], **values: float | None) -> Message:
    ops = [Message(key=key, value=value or 0.0, remove=value is None) for key, value in values.items()]
    parts = [Message(entity_type=kind, entity_name=name) for kind, name in entity.items()]
    with RawClient(broker.port) as client:
        answer = client.ask(49, 1, Message(entries=[Message(entity=parts, ops=ops)], validate_only=False))
    return answer.entries[0]


def quotas_of(broker: EmbeddedBroker, *components: tuple[str, int, str | None], strict: bool) -> object:
    wanted = [Message(entity_type=kind, match_type=how, match=name) for kind, how, name in components]
    with RawClient(broker.port) as client:
        answer = client.ask(48, 1, Message(components=wanted, strict=strict))
    assert answer.error_code == 0
    return {
        tuple((part.entity_type, part.entity_name) for part in entry.entity): {v.key: v.value for v in entry.values}
        for entry in answer.entries
    }


def produce_request(topic: str, size: int) -> Message:
    data = [Message(index=0, records=build_batch([(None, b"x" * size)], timestamp_ms=1))]
    return Message(
        transactional_id=None, acks=1, timeout_ms=1000, topic_data=[Message(name=topic, partition_data=data)]
    )


def fetch_request(topic: str) -> Message:
    partition = Message(
        partition=0, current_leader_epoch=-1, fetch_offset=0, log_start_offset=-1, partition_max_bytes=1 << 20
    )
    return Message(
        replica_id=-1, max_wait_ms=0, min_bytes=1, max_bytes=1 << 20, isolation_level=0, session_id=0, session_epoch=-1,
        topics=[Message(topic=topic, partitions=[partition])], forgotten_topics_data=[], rack_id="",
    )  # fmt: skip


METADATA_V4 = Message(topics=[], allow_auto_topic_creation=False)


def create_topic(broker: EmbeddedBroker, topic: str) -> None:
    with RawClient(broker.port) as client:
        client.ask(3, 4, Message(topics=[Message(name=topic)], allow_auto_topic_creation=True))


def test_a_producer_over_its_rate_is_told_and_held_back(limited: EmbeddedBroker, topic: str) -> None:
    create_topic(limited, topic)
    assert set_quota(limited, {"client-id": "writer"}, producer_byte_rate=LIMIT).error_code == 0
    with NamedClient(limited.port, "writer") as client, NamedClient(limited.port, "other") as other:
        assert client.ask(0, 8, produce_request(topic, 150_000)).throttle_time_ms == 0
        answer = client.ask(0, 8, produce_request(topic, 150_000))
        assert answer.responses[0].partition_responses[0].error_code == 0
        pause_ms = answer.throttle_time_ms
        # 300 kB where 200 kB may come in the first second.
        assert 400 <= pause_ms <= 700
        told = time.monotonic()
        assert other.ask(0, 8, produce_request(topic, 150_000)).throttle_time_ms == 0
        assert time.monotonic() - told < 0.3
        client.ask(3, 4, METADATA_V4)
        assert time.monotonic() - told >= pause_ms / 1000 - 0.05


def test_the_average_rate_of_a_producer_is_the_quotas(limited: EmbeddedBroker, topic: str) -> None:
    create_topic(limited, topic)
    set_quota(limited, {"client-id": "steady"}, producer_byte_rate=4 * LIMIT)
    with NamedClient(limited.port, "steady") as client:
        started, sent = time.monotonic(), 0
        while time.monotonic() - started < 2.5:
            client.ask(0, 8, produce_request(topic, 50_000))
            sent += 50_000
        elapsed = time.monotonic() - started
    # The first window may pass at once.
    assert sent <= 4 * LIMIT * (elapsed + 1.5)
    assert sent >= 4 * LIMIT * elapsed * 0.6


def test_a_consumer_over_its_rate_gets_nothing_until_the_pause_is_over(limited: EmbeddedBroker, topic: str) -> None:
    create_topic(limited, topic)
    with RawClient(limited.port) as writer:
        writer.ask(0, 8, produce_request(topic, 150_000))
    set_quota(limited, {"client-id": "reader"}, consumer_byte_rate=LIMIT)
    with NamedClient(limited.port, "reader") as client:
        first = client.ask(1, 11, fetch_request(topic))
        assert first.throttle_time_ms == 0 and len(first.responses[0].partitions[0].records) > 150_000
        second = client.ask(1, 11, fetch_request(topic))
        assert 400 <= second.throttle_time_ms <= 700
        assert list(second.responses) == []
        told = time.monotonic()
        deadline = told + 5
        while not (again := client.ask(1, 11, fetch_request(topic))).responses:
            assert time.monotonic() < deadline
        assert again.throttle_time_ms == 0
        assert time.monotonic() - told >= second.throttle_time_ms / 1000 - 0.05


def test_time_of_the_broker_is_shared_out(limited: EmbeddedBroker) -> None:
    set_quota(limited, {"client-id": "busy"}, request_percentage=0.001)
    with NamedClient(limited.port, "busy") as client:
        pauses = [client.ask(3, 4, METADATA_V4).throttle_time_ms for _ in range(2)]
    assert 0 < max(pauses) <= 1000
    set_quota(limited, {"client-id": "busy"}, request_percentage=None)
    assert quotas_of(limited, ("client-id", 0, "busy"), strict=True) == {}


def create_request(name: str, partitions: int) -> Message:
    wanted = Message(name=name, num_partitions=partitions, replication_factor=1, assignments=[], configs=[])
    return Message(topics=[wanted], timeout_ms=1000, validate_only=False)


def test_changes_of_topics_are_limited(limited: EmbeddedBroker, topic: str) -> None:
    set_quota(limited, {"client-id": "maker"}, controller_mutation_rate=2)
    with NamedClient(limited.port, "maker") as old:
        # Before version 6 a client does not understand that it must try again.
        assert old.ask(19, 4, create_request(f"{topic}-1", 5)).topics[0].error_code == 0
    with RawClient(limited.port) as client:
        set_quota(limited, {"client-id": None}, controller_mutation_rate=2)
        assert client.ask(19, 7, create_request(f"{topic}-2", 5)).topics[0].error_code == 0
        refused = client.ask(19, 7, create_request(f"{topic}-3", 1))
        assert refused.topics[0].error_code == ErrorCode.THROTTLING_QUOTA_EXCEEDED
        assert 300 <= refused.throttle_time_ms <= 600
        assert client.ask(19, 7, create_request(f"{topic}-3", 1)).topics[0].error_code == 0
    set_quota(limited, {"client-id": None}, controller_mutation_rate=None)


def is_answered(client: RawClient) -> bool:
    try:
        return client.receive_frame() != b""
    except ConnectionResetError:
        return False


def test_connections_of_one_address_are_limited() -> None:
    with EmbeddedBroker(arguments=("--property", "quota.window.num=2")) as broker:
        set_quota(broker, {"ip": "127.0.0.1"}, connection_creation_rate=2)
        clients = [RawClient(broker.port) for _ in range(4)]
        for client in clients:
            client.send(18, 0, Message())
        answered = [is_answered(client) for client in clients]
        for client in clients:
            client.close()
        assert answered == [True, True, False, False]


def test_quotas_are_found_by_their_parts(limited: EmbeddedBroker) -> None:
    set_quota(limited, {"user": "ann", "client-id": None}, producer_byte_rate=1000)
    set_quota(limited, {"user": "ann"}, consumer_byte_rate=2000)
    both = {(("client-id", None), ("user", "ann")): {"producer_byte_rate": 1000.0}}
    alone = {(("user", "ann"),): {"consumer_byte_rate": 2000.0}}
    assert quotas_of(limited, ("user", 0, "ann"), strict=False) == both | alone
    assert quotas_of(limited, ("user", 0, "ann"), strict=True) == alone
    assert quotas_of(limited, ("user", 2, None), ("client-id", 1, None), strict=True) == both
    assert quotas_of(limited, ("user", 1, None), strict=False) == {}


def test_wrong_quotas_are_refused(limited: EmbeddedBroker) -> None:
    for entity, values in (
        ({"user": "a"}, {"no_such": 1.0}),
        ({"user": "a"}, {"producer_byte_rate": -1.0}),
        ({"ip": "1.2.3.4", "user": "a"}, {"connection_creation_rate": 1.0}),
    ):
        assert set_quota(limited, entity, **values).error_code == ErrorCode.INVALID_REQUEST
    assert quotas_of(limited, ("user", 0, "a"), strict=False) == {}


def test_quotas_outlive_the_broker_and_reach_librdkafka(topic: str) -> None:
    with EmbeddedBroker(arguments=("--property", "quota.window.num=2")) as broker:
        set_quota(broker, {"client-id": "lib"}, producer_byte_rate=LIMIT)
        broker.kill()
        broker.start()
        pauses: list[float] = []
        producer = Producer(
            {
                "bootstrap.servers": broker.bootstrap_servers,
                "client.id": "lib",
                "linger.ms": 0,
                "throttle_cb": lambda event: pauses.append(event.throttle_time),
            }
        )
        started = time.monotonic()
        for _ in range(4):
            producer.produce(topic, b"x" * 100_000)
            assert producer.flush(20) == 0
        elapsed = time.monotonic() - started
    assert max(pauses) > 0
    assert elapsed >= 0.5
