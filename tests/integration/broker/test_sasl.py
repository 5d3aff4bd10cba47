"""SASL: real clients log on, strangers do not, and nothing is answered before."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Generator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

with warnings.catch_warnings():
    # It reads its message definitions in a way that Python 3.11 warns about.
    warnings.filterwarnings("ignore", "(read|open)_text is deprecated", DeprecationWarning)
    from kafka import KafkaConsumer, KafkaProducer

pytestmark = [
    pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning"),
    # kafka-python leaves its wake-up sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
PASSWORD = "correct horse, battery=staple"
REAUTH_MS = 1000


def add_user(data_dir: Path, name: str, password: str) -> None:
    command = [sys.executable, "-m", "kappaflow.cli.main", "broker", "user", "add", name, "--data-dir", str(data_dir)]
    done = subprocess.run(command, input=password + "\n", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert password not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedBroker]:
    data_dir = tmp_path_factory.mktemp("sasl")
    add_user(data_dir, "alice", PASSWORD)
    arguments = (
        *("--listener", "SASL_PLAINTEXT://127.0.0.1:0", "--listener", "SHORT://127.0.0.1:0"),
        *("--listener", "PLAINTEXT://127.0.0.1:0"),
        *("--property", "listener.security.protocol.map=SHORT:SASL_PLAINTEXT"),
        *("--property", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"),
        *("--property", f"listener.name.short.connections.max.reauth.ms={REAUTH_MS}"),
        *("--property", "connection.failed.authentication.delay.ms=200"),
    )
    with EmbeddedBroker(data_dir, arguments=arguments) as running:
        yield running
    assert PASSWORD not in running.log


def confluent(broker: EmbeddedBroker, mechanism: str, password: str = PASSWORD, **more: object) -> dict[str, object]:
    return {
        "bootstrap.servers": broker.listeners["SASL_PLAINTEXT"],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": "alice",
        "sasl.password": password,
        **more,
    }


def sasl_arguments(broker: EmbeddedBroker, mechanism: str, password: str = PASSWORD) -> dict[str, str]:
    """As kafka-python and aiokafka name them."""
    return {
        "bootstrap_servers": broker.listeners["SASL_PLAINTEXT"],
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "alice",
        "sasl_plain_password": password,
    }


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_librdkafka_produces_and_consumes(secured: EmbeddedBroker, topic: str, mechanism: str) -> None:
    producer = Producer(confluent(secured, mechanism))
    producer.produce(topic, b"hello")
    assert producer.flush(10) == 0
    consumer = Consumer(confluent(secured, mechanism, **{"group.id": topic, "auto.offset.reset": "earliest"}))
    consumer.subscribe([topic])
    found = consumer.poll(10)
    assert found is not None and found.error() is None and found.value() == b"hello"
    consumer.close()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_kafka_python_produces_and_consumes(secured: EmbeddedBroker, topic: str, mechanism: str) -> None:
    arguments = sasl_arguments(secured, mechanism)
    producer = KafkaProducer(**arguments)
    producer.send(topic, b"hello").get(10)
    producer.close()
    consumer = KafkaConsumer(topic, auto_offset_reset="earliest", consumer_timeout_ms=10_000, **arguments)
    assert next(consumer).value == b"hello"
    consumer.close()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_aiokafka_produces_and_consumes(secured: EmbeddedBroker, topic: str, mechanism: str) -> None:
    async def round_trip() -> bytes | None:
        arguments = sasl_arguments(secured, mechanism)
        async with AIOKafkaProducer(**arguments) as producer:
            await producer.send_and_wait(topic, b"hello")
        async with AIOKafkaConsumer(topic, auto_offset_reset="earliest", **arguments) as consumer:
            return (await asyncio.wait_for(consumer.getone(), 10)).value

    assert asyncio.run(round_trip()) == b"hello"


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_librdkafka_is_told_that_the_password_is_wrong(secured: EmbeddedBroker, mechanism: str) -> None:
    errors: list[KafkaError] = []
    admin = AdminClient(confluent(secured, mechanism, "wrong", error_cb=errors.append))
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=0.7)
    admin.poll(0.1)
    assert any(error.code() == KafkaError._AUTHENTICATION for error in errors), errors


def plain_log_on(client: RawClient, token: bytes) -> Message:
    assert client.ask(17, 1, Message(mechanism="PLAIN")).error_code == ErrorCode.NONE
    return client.ask(36, 2, Message(auth_bytes=token))


@pytest.fixture
def raw(secured: EmbeddedBroker) -> Generator[RawClient]:
    with RawClient(int(secured.listeners["SASL_PLAINTEXT"].rpartition(":")[2])) as client:
        yield client


@pytest.fixture(autouse=True)
def collect_sockets_here() -> Generator[None]:
    """So that kafka-python's forgotten sockets are not counted against a later test."""
    yield
    gc.collect()


METADATA = Message(topics=[], allow_auto_topic_creation=False)


@pytest.mark.parametrize("user", ["alice", "stranger"])
def test_a_wrong_password_is_answered_late_and_ends_the_connection(raw: RawClient, user: str) -> None:
    started = time.monotonic()
    answer = plain_log_on(raw, f"\0{user}\0wrong".encode())
    assert time.monotonic() - started >= 0.2
    assert answer.error_code == ErrorCode.SASL_AUTHENTICATION_FAILED
    assert answer.error_message == "Authentication failed: Invalid username or password"
    assert raw.receive_frame() == b""


@pytest.mark.parametrize("api_key", [3, 1, 19, 36])
def test_nothing_is_answered_before_the_handshake(raw: RawClient, api_key: int) -> None:
    raw.send_bytes(b"\0\0\0\x0a" + api_key.to_bytes(2, "big") + b"\0\0\0\0\0\1\xff\xff")
    assert raw.receive_frame() == b""


def test_nothing_but_tokens_is_answered_between_handshake_and_log_on(raw: RawClient) -> None:
    raw.ask(17, 1, Message(mechanism="PLAIN"))
    raw.send(3, 4, METADATA)
    assert raw.receive_frame() == b""


def test_versions_are_told_to_everyone(raw: RawClient) -> None:
    assert raw.ask(18, 0, Message()).error_code == ErrorCode.NONE


def test_an_unknown_mechanism_is_answered_with_those_that_there_are(raw: RawClient) -> None:
    answer = raw.ask(17, 1, Message(mechanism="GSSAPI"))
    assert answer.error_code == ErrorCode.UNSUPPORTED_SASL_MECHANISM
    assert tuple(answer.mechanisms) == MECHANISMS
    assert raw.receive_frame() == b""


def test_a_large_request_before_the_log_on_ends_the_connection(raw: RawClient) -> None:
    raw.send_bytes((1 << 20).to_bytes(4, "big"))
    assert raw.receive_frame() == b""


def test_the_oldest_handshake_takes_tokens_without_requests(raw: RawClient) -> None:
    raw.ask(17, 0, Message(mechanism="PLAIN"))
    token = f"\0alice\0{PASSWORD}".encode()
    raw.send_bytes(len(token).to_bytes(4, "big") + token)
    assert raw.receive_frame() == b""  # an empty token
    assert raw.ask(3, 4, METADATA).controller_id == 1


def test_clients_are_told_the_address_of_their_own_listener(secured: EmbeddedBroker, raw: RawClient) -> None:
    plain_log_on(raw, f"\0alice\0{PASSWORD}".encode())
    (sasl,) = raw.ask(3, 4, METADATA).brokers
    with RawClient(int(secured.listeners["PLAINTEXT"].rpartition(":")[2])) as other:
        (plain,) = other.ask(3, 4, METADATA).brokers
    assert f"{sasl.host}:{sasl.port}" == secured.listeners["SASL_PLAINTEXT"]
    assert f"{plain.host}:{plain.port}" == secured.listeners["PLAINTEXT"]


def test_sasl_requests_have_no_place_on_a_plain_listener(secured: EmbeddedBroker) -> None:
    with RawClient(int(secured.listeners["PLAINTEXT"].rpartition(":")[2])) as client:
        assert client.ask(17, 1, Message(mechanism="PLAIN")).error_code == ErrorCode.ILLEGAL_SASL_STATE
        assert client.ask(36, 2, Message(auth_bytes=b"")).error_code == ErrorCode.ILLEGAL_SASL_STATE


def test_a_log_on_lasts_as_long_as_the_listener_says(secured: EmbeddedBroker) -> None:
    token = f"\0alice\0{PASSWORD}".encode()
    with RawClient(int(secured.listeners["SHORT"].rpartition(":")[2])) as client:
        assert plain_log_on(client, token).session_lifetime_ms == REAUTH_MS
        assert client.ask(3, 4, METADATA).controller_id == 1
        assert plain_log_on(client, token).error_code == ErrorCode.NONE
        assert client.ask(3, 4, METADATA).controller_id == 1
        deadline = time.monotonic() + 2 * REAUTH_MS / 1000
        while time.monotonic() < deadline:
            client.send(3, 4, METADATA)
            if client.receive_frame() == b"":
                return
            time.sleep(0.2)
    pytest.fail("the session did not end")


def test_librdkafka_authenticates_again_and_goes_on(secured: EmbeddedBroker, topic: str) -> None:
    failures: list[object] = []
    settings = confluent(secured, "SCRAM-SHA-512") | {"bootstrap.servers": secured.listeners["SHORT"]}
    producer = Producer(settings)
    until = time.monotonic() + 1.5 * REAUTH_MS / 1000
    while time.monotonic() < until:
        producer.produce(topic, b"x", on_delivery=lambda error, _: failures.append(error) if error else None)
        assert producer.flush(10) == 0
        time.sleep(0.1)
    assert failures == []


def test_users_are_made_changed_and_removed_by_the_admin_client(secured: EmbeddedBroker) -> None:
    admin = AdminClient(confluent(secured, "SCRAM-SHA-256"))
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    for future in admin.alter_user_scram_credentials([UserScramCredentialUpsertion("bob", info, b"one")]).values():
        future.result(10)
    described = admin.describe_user_scram_credentials(["bob"])["bob"].result(10)
    assert [(each.mechanism, each.iterations) for each in described.scram_credential_infos] == [
        (ScramMechanism.SCRAM_SHA_512, 8192)
    ]
    bob = confluent(secured, "SCRAM-SHA-512", "one") | {"sasl.username": "bob"}
    assert AdminClient(bob).list_topics(timeout=5)
    deletion = UserScramCredentialDeletion("bob", ScramMechanism.SCRAM_SHA_512)
    for future in admin.alter_user_scram_credentials([deletion]).values():
        future.result(10)
    with pytest.raises(KafkaException):
        AdminClient(bob).list_topics(timeout=1)
    with pytest.raises(KafkaException) as failure:
        admin.describe_user_scram_credentials(["bob"])["bob"].result(10)
    assert failure.value.args[0].code() == ErrorCode.RESOURCE_NOT_FOUND


def test_users_outlive_the_broker(tmp_path: Path) -> None:
    add_user(tmp_path, "alice", "first")
    add_user(tmp_path, "alice", PASSWORD)
    assert (tmp_path / "metadata.journal").stat().st_mode & 0o077 == 0
    assert PASSWORD.encode() not in (tmp_path / "metadata.journal").read_bytes()
    with EmbeddedBroker(tmp_path, arguments=("--listener", "SASL_PLAINTEXT://127.0.0.1:0")) as broker:
        assert AdminClient(confluent(broker, "SCRAM-SHA-256")).list_topics(timeout=5)
        broker.kill()
        broker.start()
        assert AdminClient(confluent(broker, "SCRAM-SHA-256")).list_topics(timeout=5)
        with RawClient(broker.port) as client:
            assert "PLAIN" not in client.ask(17, 1, Message(mechanism="PLAIN")).mechanisms


def test_users_of_a_running_broker_are_left_to_it(secured: EmbeddedBroker) -> None:
    command = [sys.executable, "-m", "kappaflow.cli.main", "broker", "user", "add", "eve"]
    done = subprocess.run(
        [*command, "--data-dir", str(secured.data_dir)], input="x\n", capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert str(secured.pid) in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "kappaflow.cli.main", "broker", "--data-dir", str(tmp_path)]
        done = subprocess.run(
            [*command, "--listener", f"SASL_PLAINTEXT://127.0.0.1:{port}"], capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr and "--listener" in done.stderr
