"""`kappa streams run` and `kappa streams reset` on a broker, as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kappaflow.testing.embedded_broker import EmbeddedBroker

KAPPA = [sys.executable, "-m", "kappaflow.cli.main", "streams"]
PROGRAM = """
from kappaflow.streams import Serdes, StreamsBuilder

builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
lines = builder.stream("lines")
lines.map_values(str.upper).to("loud")
lines.group_by(lambda word: word).count("counts").to_stream().to("counts", value_serde=Serdes.long())
"""
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        admin = AdminClient({"bootstrap.servers": running.bootstrap_servers})
        for future in admin.create_topics([NewTopic(name, 1, 1) for name in ("lines", "loud", "counts")]).values():
            future.result(30)
        yield running


def kappa(broker: EmbeddedBroker, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*KAPPA, *words, "--application-id", "app", "--bootstrap-servers", broker.bootstrap_servers]
    environment = {**os.environ, "KAPPA_LANG": "en"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def start(broker: EmbeddedBroker, folder: Path) -> subprocess.Popen[str]:
    (folder / "program.py").write_text(PROGRAM)
    command = [
        *KAPPA, "run", "program.py:builder", "--application-id", "app", "--commit-interval-ms", "100",
        "--bootstrap-servers", broker.bootstrap_servers, "--state-dir", str(folder / "state"),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env={**os.environ, "KAPPA_LANG": "en"}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "app is running. Ctrl-C stops it.\n"
    return process


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=40)
    assert process.returncode == 0
    assert out == "app has committed and stopped.\n"


def read(broker: EmbeddedBroker, topic: str, count: int) -> list[tuple[bytes | None, bytes | None]]:
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "reader", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: list[tuple[bytes | None, bytes | None]] = []
    try:
        while len(found) < count:
            messages = consumer.consume(count, 30)
            assert messages, f"{len(found)} of {count} records in {topic}"
            found += [(message.key(), message.value()) for message in messages]
    finally:
        consumer.close()
    return found


def test_an_application_runs_stops_and_begins_anew(broker: EmbeddedBroker, tmp_path: Path) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for word in ("one", "two", "one"):
        producer.produce("lines", word, "k")
    producer.flush(30)
    process = start(broker, tmp_path)
    try:
        assert read(broker, "loud", 3) == [(b"k", b"ONE"), (b"k", b"TWO"), (b"k", b"ONE")]
        refused = kappa(broker, "reset", "--input-topics", "lines")
        assert refused.returncode == 3
        assert "app has 1 member(s)" in refused.stderr
    finally:
        stop(process)

    shown = kappa(broker, "reset", "--input-topics", "lines", "--dry-run", "--json", "--force")
    plan = json.loads(shown.stdout)
    assert len(plan["members"]) == 1  # it was stopped, and comes back as the same member
    assert plan["offsets"] == [{"topic": "lines", "partition": 0, "before": 3, "after": 0}]
    assert plan["internal_topics"] == ["app-counts-changelog", "app-counts-repartition"]
    unknown = kappa(broker, "reset", "--input-topics", "lines,linse", "--force")
    assert unknown.returncode == 1
    assert "There is no topic linse" in unknown.stderr
    topics = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=20).topics
    assert "app-counts-changelog" in topics

    done = kappa(broker, "reset", "--input-topics", "lines", "--shift-by", "-2", "--force")
    assert done.returncode == 0, done.stderr
    assert "lines-0: offset 3 -> 1\n" in done.stdout
    topics = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=20).topics
    assert not [topic for topic in topics if topic.startswith("app-")]

    process = start(broker, tmp_path)  # over the state of before, which says that it was further
    try:
        assert read(broker, "loud", 2) == [(b"k", b"TWO"), (b"k", b"ONE")]
        counts = read(broker, "counts", 4)
        assert dict(counts[-2:]) == {b"one": (1).to_bytes(8, "big"), b"two": (1).to_bytes(8, "big")}
    finally:
        stop(process)
