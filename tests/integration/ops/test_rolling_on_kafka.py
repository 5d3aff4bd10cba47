"""Rolling work on real clusters under a producer with acks=all: nothing fails, nothing acknowledged is lost."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer

from kappaflow.ops.admin.faces import ConfigResource
from kappaflow.ops.contexts import ContextFile
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster

pytestmark = [pytest.mark.java, pytest.mark.slow]
TOPIC, PARTITIONS = "load", 6
PAUSE_S = 0.002
DELIVERY_TIMEOUT_MS = 60_000
QUICK = {"broker.session.timeout.ms": 6000, "broker.heartbeat.interval.ms": 1000, "num.partitions": 3}


class Load:
    """A producer that writes without end; every record is counted as acknowledged or failed."""

    def __init__(self, servers: str) -> None:
        self.acknowledged: list[int] = []
        self.failed: list[str] = []
        self.slowest_s = 0.0
        self._servers = servers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self._servers,
                "acks": "all",
                "linger.ms": 5,
                "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
                "log_level": 0,
            }
        )
        number = 0
        while not self._stop.wait(PAUSE_S):
            producer.produce(TOPIC, value=str(number), partition=number % PARTITIONS, on_delivery=self._told())
            number += 1
            producer.poll(0)
        assert producer.flush(DELIVERY_TIMEOUT_MS / 1000) == 0

    def _told(self):
        sent = time.monotonic()

        def told(error: KafkaError | None, message: Message) -> None:
            self.slowest_s = max(self.slowest_s, time.monotonic() - sent)
            if error is not None:
                self.failed.append(str(error))
            else:
                value = message.value()
                assert value is not None
                self.acknowledged.append(int(value))

        return told

    def lost(self) -> set[int]:
        """What was acknowledged and cannot be read."""
        missing = set(self.acknowledged)
        consumer = Consumer(
            {"bootstrap.servers": self._servers, "group.id": "check", "auto.offset.reset": "earliest", "log_level": 0}
        )
        consumer.subscribe([TOPIC])
        deadline = time.monotonic() + 60
        while missing and time.monotonic() < deadline:
            for record in consumer.consume(1000, 1.0):
                value = record.value()
                if record.error() is None and value is not None:
                    missing.discard(int(value))
        consumer.close()
        return missing


@contextmanager
def cluster_under_load(spec: ClusterSpec, home: Path) -> Generator[tuple[LocalCluster, KappaCommand]]:
    """A cluster with a topic of min ISR 2 and a producer; at the end nothing had failed and nothing is lost."""
    kappa = KappaCommand(home, timeout_s=540)
    with LocalCluster(spec, name="under-load") as cluster:
        ContextFile(home / "clusters.toml").put(cluster.context(), use=True)
        config = ["--config", "min.insync.replicas=2"]
        kappa("topics", "create", TOPIC, "--partitions", str(PARTITIONS), "--replication-factor", "3", *config)
        with Load(cluster.bootstrap_servers) as load:
            yield cluster, kappa
            seen = len(load.acknowledged)
            deadline = time.monotonic() + 60
            while len(load.acknowledged) < seen + 100:
                assert time.monotonic() < deadline, "the producer does not go on"
                time.sleep(0.05)
        assert load.failed == []
        assert len(load.acknowledged) > 1_000
        assert load.lost() == set()
        sys.stderr.write(f"{len(load.acknowledged)} acknowledged, 0 failed, slowest {load.slowest_s:.1f} s\n")


def processes(cluster: LocalCluster) -> dict[str, int]:
    """The process of each server; another one after a restart."""
    return {row.name: row.pid for row in cluster.status()}


@pytest.mark.timeout(300)
def test_brokers_restart_under_load_and_after_a_kill_the_plan_goes_on(tmp_path: Path) -> None:
    spec = ClusterSpec(brokers=3, configs=QUICK, heap="256m")
    with cluster_under_load(spec, tmp_path) as (cluster, kappa):
        before = processes(cluster)
        kappa("topics", "create", "single", "--partitions", "1", "--replication-factor", "1")
        assert "single" in kappa("brokers", "restart", code=3)
        assert processes(cluster) == before
        with cluster.session() as session:
            session.admin.topics.delete(["single"])
        plan = tmp_path / "restart.json"
        kappa("brokers", "restart", "--plan-file", str(plan), code=-9, crash_at="node.started:2")
        said = kappa("plan", "resume", str(plan))
        assert "Done and verified" in said
        assert not set(processes(cluster).values()) & set(before.values())
        rows = json.loads(kappa("brokers", "list", "--json"))
        assert all(row["leaders"] == row["preferred"] for row in rows)


@pytest.mark.real
@pytest.mark.timeout(600)
def test_options_roll_out_under_load_and_are_taken_back(tmp_path: Path) -> None:
    with cluster_under_load(ClusterSpec(brokers=3, configs=QUICK, heap="256m"), tmp_path) as (cluster, kappa):
        before = processes(cluster)
        kappa("brokers", "rollout", "--set", "num.io.threads=5")
        assert processes(cluster) == before
        plan = tmp_path / "rollout.json"
        kappa("brokers", "rollout", "--set", "num.partitions=4", "--plan-file", str(plan))
        resource = ConfigResource("broker", "2")
        with cluster.session() as session:
            found = session.admin.configs.describe([resource])[resource]
            assert (found["num.partitions"].value, found["num.io.threads"].value) == ("4", "5")
        kappa("plan", "undo", str(plan), code=-9, crash_at="plan.step.undoing:5")
        kappa("plan", "undo", str(plan))
        with cluster.session() as session:
            assert session.admin.configs.describe([resource])[resource]["num.partitions"].value == "3"


def upgraded(cluster: LocalCluster) -> set[str]:
    """The versions that Kafka's servers said when they last started."""
    said = [
        re.findall(r"INFO Kafka version: ([\d.]+\d)", cluster.log_text(row.name))[-1]
        for row in cluster.status()
        if "zookeeper" not in row.roles
    ]
    assert set(said) == {row.version for row in cluster.status() if "zookeeper" not in row.roles}
    return set(said)


@pytest.mark.real
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("old", "new"), [("2.8.2", "3.9.2"), ("3.8.1", "3.9.2")])
def test_zookeeper_lines_are_upgraded_under_load(old: str, new: str, tmp_path: Path) -> None:
    with cluster_under_load(ClusterSpec(brokers=3, version=old, zookeepers=1), tmp_path) as (cluster, kappa):
        plan = tmp_path / "upgrade.json"
        kappa("cluster", "upgrade", "--to", new, "--plan-file", str(plan), code=-9, crash_at="node.stopping:3")
        kappa("plan", "resume", str(plan))
        assert upgraded(cluster) == {new}
        resource = ConfigResource("broker", "1")
        with cluster.session() as session:
            found = session.admin.configs.describe([resource])[resource]["inter.broker.protocol.version"]
        assert (found.value or "").startswith(new[:3])
        assert "cannot be taken back" in kappa("plan", "undo", str(plan), code=3)


@pytest.mark.real
@pytest.mark.timeout(900)
def test_kraft_is_upgraded_under_load_by_feature_level(tmp_path: Path) -> None:
    spec = ClusterSpec(brokers=3, version="4.0.0", configs=QUICK)
    with cluster_under_load(spec, tmp_path) as (cluster, kappa):
        with cluster.session() as session:
            before = session.admin.features.describe()["metadata.version"].level
        kappa("cluster", "upgrade", "--to", "4.3.0")
        assert upgraded(cluster) == {"4.3.0"}
        with cluster.session() as session:
            state = session.admin.features.describe()["metadata.version"]
        assert before < state.level == state.supported_max


@pytest.mark.real
@pytest.mark.timeout(900)
def test_an_upgrade_that_is_not_finalized_is_taken_back_under_load(tmp_path: Path) -> None:
    with cluster_under_load(ClusterSpec(brokers=3, version="3.8.1", zookeepers=1), tmp_path) as (cluster, kappa):
        plan = tmp_path / "upgrade.json"
        kappa("cluster", "upgrade", "--to", "3.9.2", "--no-finalize", "--plan-file", str(plan))
        assert upgraded(cluster) == {"3.9.2"}
        kappa("plan", "undo", str(plan))
        assert upgraded(cluster) == {"3.8.1"}


@pytest.mark.real
@pytest.mark.timeout(900)
def test_a_full_stop_upgrade_is_resumed_when_all_are_down(tmp_path: Path) -> None:
    kappa = KappaCommand(tmp_path, timeout_s=540)
    with LocalCluster(ClusterSpec(brokers=3, version="4.0.0"), name="stopped") as cluster:
        ContextFile(tmp_path / "clusters.toml").put(cluster.context(), use=True)
        kappa("topics", "create", TOPIC, "--partitions", "3", "--replication-factor", "3")
        plan = tmp_path / "upgrade.json"
        words = ["cluster", "upgrade", "--to", "4.3.0", "--strategy", "full-stop", "--plan-file", str(plan)]
        kappa(*words, code=3)
        kappa(*words, "--confirm", "stopped", code=-9, crash_at="plan.step.done:3")
        kappa("plan", "resume", str(plan))
        assert upgraded(cluster) == {"4.3.0"}


@pytest.mark.real
@pytest.mark.timeout(600)
def test_zookeeper_is_upgraded_on_its_own_under_load(tmp_path: Path) -> None:
    spec = ClusterSpec(brokers=3, version="3.9.2", zookeepers=3, zookeeper_version="3.6.4", heap="256m")
    with cluster_under_load(spec, tmp_path) as (cluster, kappa):
        kappa("cluster", "upgrade", "--zookeeper-to", "3.8.4")
        assert {row.version for row in cluster.status() if "zookeeper" in row.roles} == {"3.8.4"}
