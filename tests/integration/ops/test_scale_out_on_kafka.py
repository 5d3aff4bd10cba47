"""From three brokers to five under load, as slowly as the throttle says, and with a broker that dies on the way."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer

from kappaflow.client.admin import NewTopic
from kappaflow.ops.contexts import ContextFile
from kappaflow.ops.reassignment import find_throttles
from kappaflow.testing.acknowledged_load import AcknowledgedLoad
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(840)]
MIB = 1 << 20
THROTTLE = 2 * MIB
PARTITIONS, MIB_A_PARTITION = 10, 10
NEW = (4, 5)
Layout = list[tuple[tuple[int, ...], int]]


def layout(cluster: LocalCluster, topic: str) -> Layout:
    """Replicas and leader of each partition."""
    with cluster.session() as session:
        return [(p.replicas, p.leader) for p in session.admin.topics.describe([topic])[topic].partitions]


def fill(cluster: LocalCluster, topic: str) -> None:
    """So much in each partition; keys are negative, which the load does not count as its own."""
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "linger.ms": 20})
    for number in range(2 * MIB_A_PARTITION * PARTITIONS):
        producer.produce(topic, os.urandom(MIB // 2), str(-number - 1), partition=number % PARTITIONS)
        producer.poll(0.02 if number % 8 == 0 else 0)
    assert producer.flush(120) == 0


def bytes_on(cluster: LocalCluster, broker: int, topic: str) -> int:
    with cluster.session() as session:
        return sum(row.size_bytes for d in session.admin.log_dirs.describe([broker], [topic]) for row in d.replicas)


def wait_for(holds: Callable[[], bool], what: str, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def rate_of(samples: list[tuple[float, int]]) -> float:
    """Bytes a second between a tenth and nine tenths of all that came: without the start and the last records."""
    total = samples[-1][1]
    middle = [(at, size) for at, size in samples if 0.1 * total <= size <= 0.9 * total]
    (first, small), (last, large) = middle[0], middle[-1]
    return (large - small) / (last - first)


def went_well(running: Future[subprocess.CompletedProcess[str]]) -> None:
    done = running.result(600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_from_three_to_five_and_more_replicas_with_a_broker_killed(tmp_path: Path) -> None:
    configs = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
    spec = ClusterSpec(brokers=3, controllers=1, heap="256m", configs=configs | {"log.retention.ms": "-1"})
    kappa = KappaCommand(tmp_path, timeout_s=600)
    with LocalCluster(spec, name="grows") as cluster, ThreadPoolExecutor(1) as pool:
        replicas = [[1 + n % 3, 1 + (n + 1) % 3] for n in range(PARTITIONS)]
        with cluster.session() as session:
            session.admin.topics.create([NewTopic("data", configs={"min.insync.replicas": "1"})], {"data": replicas})
        fill(cluster, "data")
        for _ in NEW:
            cluster.add_broker()
        ContextFile(tmp_path / "clusters.toml").put(cluster.context(), use=True)
        with AcknowledgedLoad(cluster.bootstrap_servers, "data", records_per_s=100) as load:
            before = layout(cluster, "data")
            plan = tmp_path / "out.json"
            words = ["reassign", "scale-out", *map(str, NEW), "--throttle", "2MB/s", "--plan-file", str(plan)]
            running = pool.submit(kappa.run, *words)
            samples: dict[int, list[tuple[float, int]]] = {broker: [] for broker in NEW}
            while not running.done():
                for broker, seen in samples.items():
                    seen.append((time.monotonic(), bytes_on(cluster, broker, "data")))
                time.sleep(0.3)  # the time between two samples
            went_well(running)
            assert all(seen[-1][1] > 20 * MIB for seen in samples.values()), "the new brokers hold their part"
            # A broker may get less where those that give are at their own limit, but none may get more.
            rates = [rate_of(seen) for seen in samples.values()]
            assert max(rates) == pytest.approx(THROTTLE, rel=0.20), rates
            with cluster.session() as session:
                assert find_throttles(session) == []
            moved = sum(
                len(set(new) - set(old)) for (old, _), (new, _) in zip(before, layout(cluster, "data"), strict=True)
            )
            assert moved == 8, "20 replicas over 5 brokers: 4 on each new one, and no other moves"

            # Three replicas instead of two, and one of the brokers that take them dies on the way.
            before = layout(cluster, "data")
            plan = tmp_path / "more.json"
            words = ["reassign", "replication-factor", "3", "data", "--throttle", "2MB/s", "--plan-file", str(plan)]
            running = pool.submit(kappa.run, *words)
            wait_for(lambda: any(len(r) > 2 for r, _ in layout(cluster, "data")), "replicas are being added")
            cluster.kill("broker-4")
            wait_for(lambda: all(leader != 4 for _, leader in layout(cluster, "data")), "others lead")
            assert not running.done()
            cluster.start("broker-4")
            went_well(running)
            after = layout(cluster, "data")
            for (old, _), (new, _) in zip(before, after, strict=True):
                assert new[: len(old)] == old
                assert len(new) == 3
            assert kappa("plan", "verify", str(plan))
            if [leader for _, leader in layout(cluster, "data")] != [leader for _, leader in before]:
                kappa("topics", "elect-leaders")  # those that led where the broker died
            assert [leader for _, leader in layout(cluster, "data")] == [leader for _, leader in before]

            # The same once more, and back instead of on: kappa dies too.
            kappa("plan", "undo", str(plan))
            assert layout(cluster, "data") == before
            plan = tmp_path / "again.json"
            running = pool.submit(kappa.run, *words[:-1], str(plan), crash_at="reassign.accepted")
            assert running.result(600).returncode == -9
            cluster.kill("broker-5")
            said = kappa("plan", "undo", str(plan))
            cluster.start("broker-5")
            assert [replicas for replicas, _ in layout(cluster, "data")] == [replicas for replicas, _ in before]
            # A broker that is away keeps its limit: only it could take it off. That is said, and cleaned up afterwards.
            with cluster.session() as session:
                left = find_throttles(session)
            assert {row.resource.name for row in left} <= {"5"}
            if left:
                assert "broker 5 is away" in said
                kappa("reassign", "clean-throttles")
            with cluster.session() as session:
                assert find_throttles(session) == []

            # One is drained and filled again; one leaves whose machine is not known, so that a person stops it.
            plan = tmp_path / "drain.json"
            kappa("reassign", "drain", "4", "--confirm", "4", "--plan-file", str(plan))
            assert all(4 not in replicas for replicas, _ in layout(cluster, "data"))
            kappa("plan", "undo", str(plan))
            ContextFile(tmp_path / "clusters.toml").put(replace(cluster.context(), hosts=()), use=True)
            plan = tmp_path / "leave.json"
            words = ["brokers", "decommission", "5", "--confirm", "5", "--plan-file", str(plan)]
            kappa(*words, code=-9, crash_at="broker.stop-it")
            assert all(5 not in replicas for replicas, _ in layout(cluster, "data"))
            running = pool.submit(kappa.run, "plan", "resume", str(plan))
            cluster.stop("broker-5")
            went_well(running)
            with cluster.session() as session:
                assert {b.node_id for b in session.admin.describe().brokers} == {1, 2, 3, 4}
            running = pool.submit(kappa.run, "plan", "undo", str(plan))
            cluster.start("broker-5")
            went_well(running)
            assert [replicas for replicas, _ in layout(cluster, "data")] == [replicas for replicas, _ in before]
        load.check()
        assert load.acknowledged
