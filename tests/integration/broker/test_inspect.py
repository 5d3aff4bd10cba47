"""`kappa broker inspect` on a directory in use, after a kill, with a torn tail: it tells, and changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from kappaflow.testing.embedded_broker import EmbeddedBroker


def inspect(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kappaflow.cli.main", "broker", "inspect", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_it_shows_everything_and_changes_nothing(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "data") as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "enable.idempotence": True})
        for number in range(10):
            producer.produce("orders", key=b"k%d" % number, value=b"v", partition=0)
            producer.flush(20)
        consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "readers"})
        consumer.commit(offsets=[TopicPartition("orders", 0, 7)], asynchronous=False)
        consumer.close()
        running = inspect(str(broker.data_dir), "--json")
        assert running.returncode == 0, running.stderr
        assert json.loads(running.stdout)["closed_cleanly"] is False
        broker.stop()
    before = contents(tmp_path / "data")
    done = inspect(str(tmp_path / "data"), "--json", "--batches", "--topic", "orders")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["closed_cleanly"] is True
    assert [(each["name"], each["partitions"]) for each in found["topics"]] == [("orders", 1)]
    (partition,) = found["partitions"]
    assert (partition["log_start_offset"], partition["log_end_offset"]) == (0, 10)
    assert [each["base_offset"] for each in partition["segments"][0]["batch_list"]] == list(range(10))
    assert [each["last_sequence"] for each in partition["producers"]] == [9]
    assert [(each["group"], each["offset"]) for each in found["groups"]] == [("readers", 7)]
    table = inspect(str(tmp_path / "data"))
    assert table.returncode == 0
    assert "orders" in table.stdout
    assert "readers" in table.stdout
    assert contents(tmp_path / "data") == before


def test_a_torn_tail_and_foreign_directories_are_told(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "data") as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
        producer.produce("orders", value=b"v" * 100)
        producer.flush(20)
    log = tmp_path / "data" / "orders-0" / f"{0:020d}.log"
    log.write_bytes(log.read_bytes() + log.read_bytes()[:70])
    torn = inspect(str(tmp_path / "data"), "--json")
    assert torn.returncode == 1
    segment = json.loads(torn.stdout)["partitions"][0]["segments"][0]
    assert (segment["unreadable_bytes"], segment["next_offset"]) == (70, 1)
    assert "cut" in segment["problem"]
    foreign = inspect(str(tmp_path))
    assert foreign.returncode == 1
    assert "Traceback" not in foreign.stderr
