"""Care for a live cluster of Kafka 3.9 with ZooKeeper: doctor, work on a machine, what an upgrade would change."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kappaflow.client.admin import NewTopic
from kappaflow.ops.contexts import ContextFile
from kappaflow.testing.acknowledged_load import AcknowledgedLoad
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(420)]
CONFIGS = {
    "log.message.format.version": "3.0",
    "inter.broker.protocol.version": "3.9",
    "compression.type": "producer",
    "auto.leader.rebalance.enable": "false",
}


@pytest.fixture(scope="module", name="cluster")
def three_brokers() -> Iterator[LocalCluster]:
    spec = ClusterSpec(brokers=3, version="3.9.2", zookeepers=1, heap="256m", configs=CONFIGS)
    with LocalCluster(spec, name="cared") as cluster:
        with cluster.session() as session:
            session.admin.topics.create([NewTopic("orders", 6, 3, {"min.insync.replicas": "2"})])
        yield cluster


@pytest.fixture(name="kappa")
def commands(cluster: LocalCluster, tmp_path: Path) -> KappaCommand:
    ContextFile(tmp_path / "clusters.toml").put(cluster.context(), use=True)
    return KappaCommand(tmp_path, timeout_s=300)


def wait_for(holds: Callable[[], bool], what: str, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def leaders(cluster: LocalCluster) -> list[int]:
    with cluster.session() as session:
        return [p.leader for p in session.admin.topics.describe(["orders"])["orders"].partitions]


def is_whole(cluster: LocalCluster) -> bool:
    with cluster.session() as session:
        topics = session.admin.topics.describe().values()
    return all(len(p.in_sync) == len(p.replicas) for topic in topics for p in topic.partitions)


def test_a_machine_is_worked_on_under_load(cluster: LocalCluster, kappa: KappaCommand) -> None:
    before = leaders(cluster)
    plan = kappa.home / "maintain.json"
    with AcknowledgedLoad(cluster.bootstrap_servers, "orders") as load, ThreadPoolExecutor(1) as pool:
        kappa("brokers", "maintain", "2", "--plan-file", str(plan), code=-9, crash_at="node.held")
        assert not cluster.is_running("broker-2")
        assert 2 not in leaders(cluster)
        waits = pool.submit(kappa.run, "plan", "resume", str(plan))
        cluster.start("broker-2")  # the person who worked on the machine does that
        done = waits.result(200)
        assert done.returncode == 0, done.stdout + done.stderr
        assert leaders(cluster) == before
        # Once more, and the person gives up.
        again = kappa.home / "again.json"
        kappa("brokers", "maintain", "2", "--plan-file", str(again), code=-9, crash_at="node.held")
        kappa("plan", "undo", str(again))
        assert cluster.is_running("broker-2")
        wait_for(lambda: leaders(cluster) == before, "all lead as before")
    load.check()


def found(kappa: KappaCommand, code: int) -> dict[str, Any]:
    """What the doctor found, by rule."""
    done = kappa.run("cluster", "doctor", "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return {row["rule"]: row for row in json.loads(done.stdout)}


def test_the_doctor_finds_what_is_wrong_and_not_what_is_right(cluster: LocalCluster, kappa: KappaCommand) -> None:
    well = found(kappa, 0)
    assert "heap_small" in well, "true of a cluster for tests"
    wrong = {
        "offline_partitions",
        "under_min_in_sync",
        "under_replicated",
        "brokers_away",
        "unclean_elections_of_topics",
    }
    assert not wrong & set(well)
    kappa("topics", "create", "lonely", "--partitions", "3", "--replication-factor", "1")
    kappa("topics", "create", "loose", "--replication-factor", "3", "--config", "unclean.leader.election.enable=true")
    kappa("topics", "create", "huge", "--replication-factor", "3", "--config", "max.message.bytes=200000000")
    cluster.kill("broker-3")
    try:
        wait_for(lambda: 3 not in leaders(cluster), "the dead broker is noticed")
        ill = found(kappa, 1)
    finally:
        cluster.start("broker-3")
    expected = {"offline_partitions", "under_replicated", "brokers_away", "single_replica",
                "unclean_elections_of_topics", "large_messages_of_topics"}  # fmt: skip
    assert expected <= set(ill), set(ill)
    assert any("lonely" in str(subject) for subject in ill["offline_partitions"]["subjects"])
    assert all(row["reason"] and row["remedy"] for row in ill.values())
    for topic in ("lonely", "loose", "huge"):
        kappa("topics", "delete", topic, "--confirm", topic)
    wait_for(lambda: is_whole(cluster), "all replicas are in sync again")
    assert not wrong & set(found(kappa, 0))


def test_what_an_upgrade_changes(cluster: LocalCluster, kappa: KappaCommand) -> None:
    report = json.loads(kappa("cluster", "upgrade-report", "3.9.2", "4.3.0", "--json"))
    assert report["protocol"].startswith("3.9")
    assert report["java_needed"] == 17
    assert set(report["java_found"].values()) == {17}
    removed = {c["name"]: c for c in report["changes"] if c["change"] == "removed" and c["concerns"]}
    assert {"zookeeper.connect", "log.message.format.version", "inter.broker.protocol.version"} <= set(removed)
    assert removed["log.message.format.version"]["set_on"] == ["broker 1", "broker 2", "broker 3"]
    defaults = {c["name"]: (c["before"], c["after"]) for c in report["changes"] if c["change"] == "default"}
    assert defaults["num.recovery.threads.per.data.dir"] == ("1", "2")
    assert all(before != after for before, after in defaults.values())
    assert "compression.type" not in removed
