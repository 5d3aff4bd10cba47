"""Strangers who send anything: they are let in never, harm nothing, and learn nothing of topics."""

from __future__ import annotations

import socket
import struct
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kappaflow.broker.security.scram import (
    SCRAM_MECHANISMS,
    AuthenticationFailed,
    ScramCredential,
    ScramServer,
    credential_of_salted,
)
from kappaflow.broker.security.user_files import add_user
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.codec import encode_bytes
from kappaflow.wire.message import Message

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "")
SECRET_TOPIC = "a-topic-that-strangers-do-not-see"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedBroker]:
    data_dir: Path = tmp_path_factory.mktemp("strangers")
    add_user(data_dir, "alice", "alice secret", ["SCRAM-SHA-256"], 4096)
    arguments = (
        *("--listener", "SASL_PLAINTEXT://127.0.0.1:0", "--property", "connection.failed.authentication.delay.ms=0"),
        *("--property", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"),
    )
    with EmbeddedBroker(data_dir, arguments=arguments) as running:
        with RawClient(running.port) as client:
            client.ask(17, 1, Message(mechanism="PLAIN"))
            assert client.ask(36, 2, Message(auth_bytes=b"\0alice\0alice secret")).error_code == 0
            client.ask(3, 4, Message(topics=[Message(name=SECRET_TOPIC)], allow_auto_topic_creation=True))
        yield running


def frame(api_key: int, version: int, body: bytes) -> bytes:
    head = struct.pack(">hhih", api_key, version, 1, -1) + (b"\0" if api_key == 36 and version >= 2 else b"")
    return (len(head) + len(body)).to_bytes(4, "big") + head + body


def request(api_key: int, version: int, body: Message) -> bytes:
    return frame(api_key, version, encode_bytes(api_key, version, "request", body))


scram_texts = st.lists(
    st.sampled_from(
        [
            "n",
            "y",
            "p=x",
            "",
            "a=alice",
            "n=alice",
            "n=eve",
            "r=abc",
            "r=",
            "c=biws",
            "p=AAAA",
            "s=",
            "i=0",
            "m=ext",
            "\0",
        ]
    ),
    max_size=7,
).map(lambda parts: ",".join(parts).encode())
tokens = st.one_of(
    st.binary(max_size=60),
    scram_texts,
    st.lists(st.sampled_from(["", "alice", "alice secre", "eve", "é"]), max_size=4).map(
        lambda parts: "\0".join(parts).encode()
    ),
)
handshakes = st.builds(
    lambda version, mechanism: request(17, version, Message(mechanism=mechanism)),
    st.integers(0, 1),
    st.sampled_from(MECHANISMS),
)
authentications = st.builds(
    lambda version, token: request(36, version, Message(auth_bytes=token)), st.integers(0, 2), tokens
)
raw_tokens = tokens.map(lambda token: len(token).to_bytes(4, "big") + token)
others = st.sampled_from(
    [request(3, 4, Message(topics=None, allow_auto_topic_creation=False)), request(18, 0, Message())]
)
noise = st.binary(max_size=40).map(lambda data: len(data).to_bytes(4, "big") + data)


@given(st.lists(st.one_of(handshakes, authentications, raw_tokens, others, noise), max_size=6))
@settings(
    max_examples=150,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_a_stranger_stays_outside(guarded: EmbeddedBroker, frames: list[bytes]) -> None:
    received = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", guarded.port), timeout=5) as connection:
        connection.sendall(b"".join(frames))
        connection.settimeout(0.02)
        while chunk := connection.recv(1 << 16):
            received += chunk
    assert SECRET_TOPIC.encode() not in received
    with RawClient(guarded.port) as client:
        assert client.ask(18, 0, Message()).error_code == 0
    assert "Traceback" not in guarded.log, guarded.log[-4000:]
    assert "alice secret" not in guarded.log


SHA_256 = SCRAM_MECHANISMS["SCRAM-SHA-256"]
CREDENTIAL: ScramCredential = credential_of_salted(SHA_256, b"s" * 32, b"salt", 4096)


@given(st.lists(tokens, max_size=5))
@settings(max_examples=500, deadline=None)
def test_no_sequence_of_tokens_without_the_password_completes(sequence: list[bytes]) -> None:
    scram = ScramServer(SHA_256, lambda user: CREDENTIAL if user == "alice" else None)
    for token in sequence:
        try:
            scram.respond(token)
        except AuthenticationFailed:
            break
    assert not scram.is_complete
