"""Disks of real brokers: bytes that retention frees, a full file system, one more directory."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from kappaflow.client.admin import NewTopic
from kappaflow.ops.contexts import ContextFile
from kappaflow.ops.disk import disk_usage
from kappaflow.ops.local_clusters.file_systems import mount, mounted_below
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(420)]
MIB = 1 << 20
HOUR_MS = 3_600_000
DISK_BYTES = 200 * MIB
QUICK = {
    "log.retention.check.interval.ms": "1000",
    "log.segment.delete.delay.ms": "500",
    "log.segment.bytes": str(MIB),
    "log.initial.task.delay.ms": "1000",
}


@pytest.fixture(
    scope="module",
    name="cluster",
    params=[{"controllers": 1}, {"version": "3.9.2", "zookeepers": 1}],
    ids=["KRaft", "ZooKeeper"],
)
def with_a_small_disk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalCluster]:
    """Two brokers, with KRaft and with ZooKeeper; broker 2 has a file system of 200 MB of its own."""
    if os.geteuid() != 0:
        pytest.skip("a file system of its own needs root")
    spec = ClusterSpec(brokers=2, configs=QUICK, heap="256m", **request.param)
    cluster = LocalCluster(spec, name="disks", start=False)
    try:
        data = Path(cluster.node("broker-2").data[0])
        kept = shutil.move(str(data), str(tmp_path_factory.mktemp("formatted") / "data")) if data.exists() else None
        data.mkdir(parents=True, exist_ok=True)
        mount(data, DISK_BYTES)
        if kept:
            shutil.copytree(kept, data, dirs_exist_ok=True)
        cluster.start_all()
        yield cluster
    finally:
        cluster.close()
    assert mounted_below(cluster.directory) == []


@pytest.fixture(name="kappa")
def command_on_the_cluster(cluster: LocalCluster, tmp_path: Path) -> KappaCommand:
    ContextFile(tmp_path / "clusters.toml").put(cluster.context(), use=True)
    return KappaCommand(tmp_path, timeout_s=300)


def wait_for(holds: Callable[[], bool], what: str, timeout_s: float = 90) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def make(cluster: LocalCluster, topic: str, replicas: list[list[int]]) -> None:
    with cluster.session() as session:
        session.admin.topics.create([NewTopic(topic, configs={"min.insync.replicas": "1"})], {topic: replicas})


def fill(cluster: LocalCluster, topic: str, mib: int, *, oldest_hours: float) -> None:
    """Records of half a megabyte, from so long ago to now, evenly."""
    now = int(time.time() * 1000)
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "linger.ms": 5})
    failed: list[object] = []
    with cluster.session() as session:
        partitions = len(session.admin.topics.describe([topic])[topic].partitions)
    for number in range(2 * mib):
        age_ms = int(oldest_hours * HOUR_MS * (1 - number / (2 * mib)))
        producer.produce(
            topic,
            os.urandom(MIB // 2),
            partition=number % partitions,
            timestamp=now - age_ms,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        producer.poll(0.01 if number % 8 == 0 else 0)
    assert producer.flush(120) == 0
    assert failed == []


def size_of(cluster: LocalCluster, topic: str) -> int:
    with cluster.session() as session:
        return {row.name: row.size_bytes for row in disk_usage(session, "topic")}.get(topic, 0)


def waiting_for_deletion(cluster: LocalCluster) -> bool:
    return any(any(Path(d).rglob("*.deleted")) for node in cluster.layout.of_role("broker") for d in node.data)


def test_what_is_predicted_is_what_the_brokers_free(cluster: LocalCluster, kappa: KappaCommand) -> None:
    make(cluster, "aged", [[1], [1]])
    fill(cluster, "aged", 60, oldest_hours=100)
    before = size_of(cluster, "aged")
    plan = kappa.home / "free.json"
    words = ["disk", "free", "--target", "25MB", "--topic", "aged", "--confirm", "free", "--plan-file", str(plan)]
    kappa(*words, code=-9, crash_at="plan.step.done:1")
    kappa("plan", "resume", str(plan))
    facts = json.loads(plan.read_text())["facts"]
    wait_for(lambda: not waiting_for_deletion(cluster), "segments are deleted")
    freed = before - size_of(cluster, "aged")
    assert facts["predicted_bytes"] >= 25 * MIB
    assert freed == pytest.approx(facts["predicted_bytes"], rel=0.10)
    kappa("topics", "delete", "aged", "--confirm", "aged")


def flooded_until(cluster: LocalCluster, topic: str, partitions: int, holds: Callable[[], bool], what: str) -> None:
    """Write records of half an hour ago by way of broker 1 until something holds."""
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{cluster.node('broker-1').port}", "acks": 1})
    at = int(time.time() * 1000) - HOUR_MS // 2

    def held() -> bool:
        for number in range(8):
            producer.produce(topic, os.urandom(MIB // 2), partition=number % partitions, timestamp=at)
        producer.flush(10)
        return holds()

    wait_for(held, what)


def is_in_sync(cluster: LocalCluster, topic: str) -> bool:
    with cluster.session() as session:
        partitions = session.admin.topics.describe([topic])[topic].partitions
        return all(set(p.in_sync) == {1, 2} for p in partitions)


def test_a_broker_on_a_full_file_system_is_brought_back(cluster: LocalCluster, kappa: KappaCommand) -> None:
    make(cluster, "flood", [[1, 2]])
    wait_for(lambda: not waiting_for_deletion(cluster), "nothing else is deleted")
    fill(cluster, "flood", 150, oldest_hours=150)
    flooded_until(cluster, "flood", 1, lambda: not cluster.is_running("broker-2"), "the broker with the full disk ends")
    assert shutil.disk_usage(cluster.node("broker-2").data[0]).free < 2 * MIB
    refused = kappa("disk", "rescue", "1", "--confirm", "1", code=3)
    assert "runs" in refused
    words = ["disk", "rescue", "2", "--retention", "3h", "--topic", "flood", "--confirm", "2"]
    plan = kappa.home / "rescue.json"
    kappa(*words, "--plan-file", str(plan), code=-9, crash_at="disk.trimmed")
    assert not cluster.is_running("broker-2")
    kappa("plan", "resume", str(plan))
    assert cluster.is_running("broker-2")
    wait_for(lambda: is_in_sync(cluster, "flood"), "the broker that was brought back is in sync")
    assert shutil.disk_usage(cluster.node("broker-2").data[0]).free > 50 * MIB
    kappa("topics", "delete", "flood", "--confirm", "flood")


def test_a_directory_is_added_and_levelled(cluster: LocalCluster, kappa: KappaCommand) -> None:
    make(cluster, "many", [[1]] * 8)
    fill(cluster, "many", 40, oldest_hours=1)
    path = cluster.add_disk("broker-1")
    plan = kappa.home / "add.json"
    kappa("disk", "add", "1", str(path), "--plan-file", str(plan), code=-9, crash_at="disk.directory-made")
    kappa("plan", "undo", str(plan))
    again = kappa.home / "again.json"
    kappa("disk", "add", "1", str(path), "--plan-file", str(again))
    kappa("plan", "undo", str(again))
    kappa("disk", "add", "1", str(path))
    kappa("brokers", "restart", "1", "--force", "--confirm", "disks")

    def sizes() -> dict[str, int]:
        with cluster.session() as session:
            rows = session.admin.log_dirs.describe([1], ["many"])
        return {d.path: sum(r.size_bytes for r in d.replicas if not r.is_future) for d in rows}

    assert sizes()[str(path)] == 0
    before = sizes()
    killed = kappa.run("disk", "balance", "1", crash_at="disk.moving")
    assert killed.returncode == -9, killed.stdout + killed.stderr
    plan = max((kappa.home / "plans").glob("*.json"), key=lambda p: p.stat().st_mtime)
    kappa("plan", "resume", str(plan))
    levelled = sizes()
    assert min(levelled.values()) > 0.6 * max(levelled.values())
    kappa("plan", "undo", str(plan))
    assert sizes() == before


def test_a_broker_that_lost_one_of_two_directories_gets_it_back(cluster: LocalCluster, kappa: KappaCommand) -> None:
    small = str(cluster.add_disk("broker-2", 80 * MIB))
    kappa("disk", "add", "2", small)
    kappa("brokers", "restart", "2", "--force", "--confirm", "disks")
    make(cluster, "spill", [[1, 2]] * 4)
    fill(cluster, "spill", 40, oldest_hours=100)

    def failed() -> list[str]:
        with cluster.session() as session:
            return [d.path for d in session.admin.log_dirs.describe([2]) if d.error]

    flooded_until(cluster, "spill", 4, lambda: failed() == [small], "the small directory fails")
    assert cluster.is_running("broker-2")
    kappa("disk", "rescue", "2", "--retention", "3h", "--topic", "spill", "--confirm", "2")
    assert failed() == []
    wait_for(lambda: is_in_sync(cluster, "spill"), "the broker has caught up in all partitions")
    kappa("topics", "delete", "spill", "--confirm", "spill")
