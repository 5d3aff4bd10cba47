"""A broker killed at each point of a commit: the transaction is whole afterwards, or not there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kappaflow.testing.apache_kafka import java_tool
from kappaflow.testing.embedded_broker import EmbeddedBroker

TOPIC = "t"
PARTITIONS = 3
DECIDED = {
    "before-txn-prepare": False,
    "after-txn-prepare": True,
    "before-txn-marker:2": True,
    "after-txn-marker:2": True,
    "after-txn-offsets": True,
    "before-txn-complete": True,
    "after-txn-complete": True,
}
"""Crash points of the first commit, and whether the transaction counts although the client was not told."""


def committed_values(broker: EmbeddedBroker, seconds: float = 20) -> list[str]:
    member = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    member.assign([TopicPartition(TOPIC, index, 0) for index in range(PARTITIONS)])
    values: list[str] = []
    ends: set[int] = set()
    until = time.monotonic() + seconds
    while len(ends) < PARTITIONS and time.monotonic() < until:
        message = member.poll(0.2)
        if message is not None and message.error() is None:
            values.append(message.value().decode())
        elif message is not None:
            ends.add(message.partition())
    member.close()
    assert len(ends) == PARTITIONS
    return sorted(values)


def producer(broker: EmbeddedBroker, **settings: object) -> Producer:
    made = Producer(
        {"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "x", "log_level": 0, **settings}
    )
    made.init_transactions(20)
    return made


@pytest.mark.parametrize("point", DECIDED)
def test_a_killed_broker_finishes_what_was_decided(tmp_path: Path, point: str) -> None:
    environment = {**os.environ, "KAPPA_CRASH_POINT": point}
    with EmbeddedBroker(tmp_path / "data", environment=environment) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(10)
        made = producer(broker)
        made.begin_transaction()
        for index in range(PARTITIONS):
            made.produce(TOPIC, f"a{index}", partition=index)
        made.flush(10)
        with pytest.raises(KafkaException):
            made.commit_transaction(1)
        port = broker.port
    with EmbeddedBroker(tmp_path / "data", port=port) as broker:
        expected = [f"a{index}" for index in range(PARTITIONS)] if DECIDED[point] else []
        # A new producer aborts what was not decided, and finds nothing to abort where it was.
        after = producer(broker)
        assert committed_values(broker) == expected
        after.begin_transaction()
        after.produce(TOPIC, "z", partition=0)
        after.commit_transaction(20)
        assert committed_values(broker) == sorted([*expected, "z"])
    logs = sorted(path for path in (tmp_path / "data").rglob("*.log") if path.stat().st_size)
    assert logs


@pytest.mark.java
def test_javas_tools_show_transactions_and_read_their_files(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "data") as broker:
        address = ("--bootstrap-server", broker.bootstrap_servers)
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(10)
        made = producer(broker)
        made.begin_transaction()
        made.produce(TOPIC, "lost", partition=0)
        made.flush(10)
        command = "org.apache.kafka.tools.TransactionsCommand"
        listed = java_tool(command, *address, "list")
        assert [line.split()[0::3] for line in listed.splitlines()[1:]] == [["x", "Ongoing"]]
        described = java_tool(command, *address, "describe", "--transactional-id", "x")
        assert f"{TOPIC}-0" in described
        producers = java_tool(command, *address, "describe-producers", "--topic", TOPIC, "--partition", "0")
        assert len(producers.splitlines()) == 2
        made.abort_transaction(20)
        speed = java_tool(
            "org.apache.kafka.tools.ProducerPerformance",
            "--topic", TOPIC, "--num-records", "2000", "--record-size", "100", "--throughput", "-1",
            "--transactional-id", "perf", "--transaction-duration-ms", "50",
            "--producer-props", f"bootstrap.servers={broker.bootstrap_servers}",
        )  # fmt: skip
        assert "2000 records sent" in speed
        assert len(committed_values(broker)) == 2000
    files = [path for suffix in ("log", "txnindex", "snapshot") for path in (tmp_path / "data").rglob(f"*.{suffix}")]
    assert any(path.suffix == ".txnindex" for path in files)
    shown = java_tool(
        "org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--files", ",".join(map(str, files))
    )
    assert "endTxnMarker: ABORT" in shown
    assert "endTxnMarker: COMMIT" in shown
    assert "isvalid: false" not in shown
