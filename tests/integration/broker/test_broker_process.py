"""The broker as a process: start, stop, refusals, what survives a restart and what a kill."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from kappaflow.errors import KappaError
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

KILL_ROUNDS = 5
FETCH, API_VERSIONS, CREATE_TOPICS = 1, 18, 19


@pytest.fixture
def own(tmp_path: Path) -> Generator[EmbeddedBroker]:
    """A broker that the test may stop."""
    with EmbeddedBroker(tmp_path / "data") as running:
        yield running


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kappaflow.cli.main", "broker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)


def read_all(broker: EmbeddedBroker, topic: str, partition: int = 0) -> list[str]:
    """Every value of a partition, in order."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "reader", "enable.auto.commit": False}
    )
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
    consumer.assign([TopicPartition(topic, partition, low)])
    values: list[str] = []
    while len(values) < high - low:
        message = consumer.poll(10)
        assert message is not None, f"{len(values)} of {high - low} records"
        assert message.error() is None, message.error()
        values.append(message.value().decode())
    consumer.close()
    return values


def test_a_locked_directory_is_one_clear_line(own: EmbeddedBroker) -> None:
    second = run("--data-dir", str(own.data_dir), "--kafka-port", "0")
    assert second.returncode == 1
    assert len(second.stderr.splitlines()) == 1
    assert str(own.pid) in second.stderr
    assert "--data-dir" in second.stderr


def test_a_taken_port_is_one_clear_line(own: EmbeddedBroker, tmp_path: Path) -> None:
    second = run("--data-dir", str(tmp_path / "other"), "--kafka-port", str(own.port))
    assert second.returncode == 1
    assert len(second.stderr.splitlines()) == 1
    assert "--kafka-port" in second.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "::"])
def test_addresses_off_this_machine_are_refused_as_unsafe(tmp_path: Path, host: str) -> None:
    refused = run("--data-dir", str(tmp_path / "data"), "--kafka-port", "0", "--host", host)
    assert refused.returncode == 3
    assert "authenticate" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_a_directory_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    refused = run("--data-dir", str(tmp_path), "--kafka-port", "0")
    assert refused.returncode == 1
    assert "holiday.jpg" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_wrong_option_is_bad_usage(tmp_path: Path) -> None:
    assert run("--data-dir", str(tmp_path / "d"), "--flush", "perhaps").returncode == 2
    wrong = run("--data-dir", str(tmp_path / "d"), "--kafka-port", "70000")
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1


def test_sigterm_ends_it_cleanly_and_soon(own: EmbeddedBroker) -> None:
    producer = Producer({"bootstrap.servers": own.bootstrap_servers})
    producer.produce("t", "value")
    assert producer.flush(10) == 0
    start = time.monotonic()
    assert own.stop() == 0
    assert time.monotonic() - start < 5
    assert (own.data_dir / ".kafka_cleanshutdown").exists()


def test_who_is_silent_for_too_long_is_let_go_but_not_who_waits_for_an_answer(tmp_path: Path) -> None:
    arguments = ("--property", "connections.max.idle.ms=1000")
    with (
        EmbeddedBroker(tmp_path / "data", arguments=arguments) as broker,
        RawClient(broker.port) as silent,
        RawClient(broker.port) as waiting,
    ):
        wanted = Message(name="t", num_partitions=1, replication_factor=1, assignments=[], configs=[])
        waiting.ask(CREATE_TOPICS, 7, Message(topics=[wanted], timeout_ms=5000, validate_only=False))
        partition = Message(
            partition=0, current_leader_epoch=-1, fetch_offset=0, last_fetched_epoch=-1, log_start_offset=-1,
            partition_max_bytes=1 << 20,
        )  # fmt: skip
        fetch = Message(
            replica_id=-1, max_wait_ms=2500, min_bytes=1, max_bytes=1 << 20, isolation_level=0, session_id=0,
            session_epoch=-1, forgotten_topics_data=[], rack_id="",
            topics=[Message(topic="t", partitions=[partition])],
        )  # fmt: skip
        answer = waiting.ask(FETCH, 12, fetch)
        assert answer.responses[0].partitions[0].error_code == ErrorCode.NONE
        assert silent.receive_frame() == b""
        assert waiting.ask(API_VERSIONS, 0, Message()).error_code == ErrorCode.NONE


def test_it_ends_when_the_parent_is_gone(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from kappaflow.testing.embedded_broker import EmbeddedBroker\n"
        "broker = EmbeddedBroker(Path(sys.argv[1])).start()\n"
        "print(broker.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "data")], capture_output=True, text=True, check=False
    )
    assert parent.returncode == -signal.SIGKILL
    child = int(parent.stdout)
    end = time.monotonic() + 10
    while Path(f"/proc/{child}/cmdline").exists() and time.monotonic() < end:
        if not Path(f"/proc/{child}/cmdline").read_bytes():
            break  # Ended; whoever inherited it has not collected it yet.
        time.sleep(0.02)
    with EmbeddedBroker(tmp_path / "data") as again:
        assert again.port


def test_topics_ids_configs_records_and_offsets_survive_a_restart(own: EmbeddedBroker) -> None:
    admin = AdminClient({"bootstrap.servers": own.bootstrap_servers})
    admin.create_topics([NewTopic("kept", 3, 1, config={"retention.ms": "99999999"})])["kept"].result(10)
    admin.create_topics([NewTopic("gone", 3, 1)])["gone"].result(10)
    admin.delete_topics(["gone"])["gone"].result(10)
    producer = Producer({"bootstrap.servers": own.bootstrap_servers})
    for n in range(100):
        producer.produce("kept", str(n), partition=n % 3)
    assert producer.flush(10) == 0
    settings = {"bootstrap.servers": own.bootstrap_servers, "group.id": "g", "enable.auto.commit": False}
    consumer = Consumer(settings)
    consumer.commit(offsets=[TopicPartition("kept", 1, 17, "note")], asynchronous=False)
    consumer.close()

    def ids() -> dict[str, str]:
        from confluent_kafka import TopicCollection

        described = admin.describe_topics(TopicCollection(["kept"]))["kept"].result(10)
        return {described.name: str(described.topic_id)}

    before = ids()
    for end in (own.stop, own.kill):
        end()
        own.start()
        assert ids() == before
        assert set(admin.list_topics(timeout=10).topics) == {"kept"}
        resource = ConfigResource(ResourceType.TOPIC, "kept")
        assert admin.describe_configs([resource])[resource].result(10)["retention.ms"].value == "99999999"
        assert read_all(own, "kept", 1) == [str(n) for n in range(1, 100, 3)]
        consumer = Consumer(settings)
        (committed,) = consumer.committed([TopicPartition("kept", 1)], timeout=10)
        assert (committed.offset, committed.metadata) == (17, "note")
        consumer.close()


@pytest.mark.parametrize("flush", ["none", "interval", "group"])
def test_acknowledged_records_survive_kills_under_load(tmp_path: Path, flush: str) -> None:
    acknowledged: list[tuple[int, str]] = []
    stop = threading.Event()
    with EmbeddedBroker(tmp_path / "data", flush=flush) as broker:

        def load() -> None:
            producer = Producer(
                {
                    "bootstrap.servers": broker.bootstrap_servers,
                    "enable.idempotence": True,
                    "linger.ms": 1,
                    "reconnect.backoff.max.ms": 100,
                    "retry.backoff.ms": 20,
                    "log_level": 0,
                }
            )

            def delivered(error: object, message: object) -> None:
                if error is None:
                    acknowledged.append((message.offset(), message.value().decode()))

            number = 0
            while not stop.is_set():
                producer.produce("load", str(number), partition=0, on_delivery=delivered)
                number += 1
                producer.poll(0.01 if len(producer) > 200 else 0)
            producer.flush(20)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for _ in range(KILL_ROUNDS):
                target = len(acknowledged) + 200
                end = time.monotonic() + 20
                while len(acknowledged) < target and time.monotonic() < end:
                    time.sleep(0.005)
                assert len(acknowledged) >= target, broker.log
                broker.kill()
                broker.start()
        finally:
            stop.set()
            thread.join()
        values = read_all(broker, "load")
        assert len(values) == len(set(values)), "a retried batch was appended twice"
        for offset, value in acknowledged:
            assert values[offset] == value


def test_a_full_disk_refuses_records_keeps_reads_and_recovers(own: EmbeddedBroker) -> None:
    settings = {"bootstrap.servers": own.bootstrap_servers, "retries": 0, "linger.ms": 0}
    results: list[str] = []

    def send(value: bytes) -> str:
        producer = Producer(settings)
        producer.produce("full", value, partition=0, on_delivery=lambda e, _: results.append(e.name() if e else "ok"))
        producer.flush(20)
        return results.pop()

    assert send(b"before") == "ok"
    # A limit on the size of files stands for a device without space: the write fails the same way.
    _, hard = resource.prlimit(own.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(own.pid, resource.RLIMIT_FSIZE, (4096, hard))
    assert send(os.urandom(100_000)) == "KAFKA_STORAGE_ERROR"
    assert read_all(own, "full") == ["before"]
    resource.prlimit(own.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert send(b"after") == "ok"
    assert read_all(own, "full") == ["before", "after"]
    own.kill()
    own.start()
    assert read_all(own, "full") == ["before", "after"]


def test_a_small_device_fills_up_and_recovers_when_a_topic_is_deleted(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(mount)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        with EmbeddedBroker(mount / "data") as broker:
            producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "retries": 0, "linger.ms": 0})
            results: list[str] = []
            for _ in range(90):
                producer.produce(
                    "big",
                    os.urandom(900_000),
                    partition=0,
                    on_delivery=lambda error, _: results.append(error.name() if error else "ok"),
                )
                producer.flush(20)
            assert set(results) == {"ok", "KAFKA_STORAGE_ERROR"}
            assert results[-1] == "KAFKA_STORAGE_ERROR"
            consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "g"})
            _, high = consumer.get_watermark_offsets(TopicPartition("big", 0), timeout=10)
            assert high == results.count("ok")
            consumer.close()
            admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
            admin.delete_topics(["big"])["big"].result(10)
            producer.produce("small", b"fits again", on_delivery=lambda e, _: results.append(e.name() if e else "ok"))
            producer.flush(20)
            assert results[-1] == "ok"
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(KappaError, match="something"):
        EmbeddedBroker(tmp_path).start()
