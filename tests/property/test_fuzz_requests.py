"""Arbitrary and mutated requests of every API and version: the broker answers or hangs up, and goes on.

One example is one connection with several requests. After it a fresh connection must be answered, nothing may have
failed inside, and the memory stays bounded.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from kappaflow.broker.api_table import API_TABLE
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.random_messages import random_struct
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.codec import body_schema, encode_bytes
from kappaflow.wire.message import Message

MAX_REQUEST_BYTES = 1 << 20
MAX_RESIDENT_BYTES = 400 << 20
APIS = sorted(API_TABLE)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedBroker]:
    arguments = ("--property", f"socket.request.max.bytes={MAX_REQUEST_BYTES}")
    with EmbeddedBroker(tmp_path_factory.mktemp("fuzz"), arguments=arguments) as running:
        yield running


def random_frame(rng: random.Random) -> bytes:
    """One request with its length in front: well-formed, mutated, or noise."""
    if rng.random() < 0.05:
        return rng.choice((struct.pack(">i", rng.randrange(-(2**31), 2**31)), b"")) + rng.randbytes(rng.randrange(200))
    spec = API_TABLE[rng.choice(APIS)]
    version = rng.randint(max(spec.min_version, 3 if spec.key == 0 else 0), spec.max_version)
    flexible = version >= spec.flexible_from
    head = struct.pack(">hhihs", spec.key, version, rng.randrange(2**31), 1, b"f") + (b"\0" if flexible else b"")
    frame = bytearray(head + encode_bytes(spec.key, version, "request", random_request(spec.key, version, rng)))
    if rng.random() < 0.5:
        mutate(frame, rng)
    return len(frame).to_bytes(4, "big") + bytes(frame)


def random_request(key: int, version: int, rng: random.Random) -> Message:
    return random_struct(body_schema(key, version, "request"), rng)


def mutate(frame: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 4)):
        if len(frame) < 10:
            return
        at = rng.randrange(8, len(frame))
        match rng.randrange(4):
            case 0:
                frame[at] = rng.randrange(256)
            case 1:
                frame[at : at + 4] = rng.choice((b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\0\0\0"))
            case 2:
                del frame[at : at + rng.randrange(1, 20)]
            case _:
                frame[at:at] = rng.randbytes(rng.randrange(1, 20))


def is_alive(broker: EmbeddedBroker) -> bool:
    with RawClient(broker.port) as client:
        body = Message(client_software_name="fuzz", client_software_version="1")
        return client.ask(18, 3, body).error_code == 0


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@given(seed=st.integers(0, 2**48))
@example(seed=79756)  # asked for metadata by an id that the version has no answer for
@settings(
    max_examples=300,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_the_broker_survives_any_request(broker: EmbeddedBroker, seed: int) -> None:
    rng = random.Random(seed)
    with suppress(OSError), socket.create_connection(("127.0.0.1", broker.port), timeout=5) as connection:
        for _ in range(rng.randint(1, 8)):
            connection.sendall(random_frame(rng))
        connection.settimeout(0.02)
        while connection.recv(1 << 16):
            pass
    assert is_alive(broker)
    assert "Traceback" not in broker.log, broker.log[-4000:]
    assert resident_bytes(broker.pid) < MAX_RESIDENT_BYTES


def test_a_request_over_the_limit_is_refused_before_it_is_read(broker: EmbeddedBroker) -> None:
    before = resident_bytes(broker.pid)
    for size in (MAX_REQUEST_BYTES + 1, 2**31 - 1, -1):
        with socket.create_connection(("127.0.0.1", broker.port), timeout=5) as connection:
            connection.sendall(struct.pack(">i", size) + b"\0" * 100)
            connection.settimeout(5)
            with suppress(ConnectionResetError):
                assert connection.recv(10) == b""
    assert resident_bytes(broker.pid) - before < 20 << 20
    assert is_alive(broker)
