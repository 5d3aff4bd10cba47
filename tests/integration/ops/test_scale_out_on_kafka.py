"""From three brokers to five under load, as slowly as the throttle says, and with a broker that dies on the way."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
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

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(420)]
MIB = 1 << 20
THROTTLE = 2 * MIB
RECORD_BYTES, BATCH_BYTES = 4 << 10, 16 << 10
"""Batches are little beside what a follower fetches at once, as with Kafka's defaults (1 MiB): an answer ends within a
batch, which does not count as copied and is fetched again, but goes over the network and so counts for the limit."""
QUOTA_WINDOW_S = 11
"""``replication.quota.window.num`` of ``replication.quota.window.size.seconds``, by default."""
PARTITIONS, MIB_A_PARTITION = 10, 20
NEW = (4, 5)
Layout = list[tuple[tuple[int, ...], int]]


def layout(cluster: LocalCluster, topic: str) -> Layout:
    """Replicas and leader of each partition."""
    with cluster.session() as session:
        return [(p.replicas, p.leader) for p in session.admin.topics.describe([topic])[topic].partitions]


def fill(cluster: LocalCluster, topic: str) -> None:
    """So much in each partition; keys are negative, which the load does not count as its own."""
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "linger.ms": 20, "batch.size": BATCH_BYTES})
    for number in range(MIB_A_PARTITION * PARTITIONS * MIB // RECORD_BYTES):
        producer.produce(topic, os.urandom(RECORD_BYTES), str(-number - 1), partition=number % PARTITIONS)
        producer.poll(0.01 if number % 200 == 0 else 0)
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
    """Bytes a second in the middle of a move: after the first window of the quota, before the last eighth of the bytes.

    Brokers hold a limit on average over eleven seconds. In the beginning they may use what they did not copy before the
    move; at the end fewer and fewer leaders have something left.
    """
    total = samples[-1][1]
    first = next(at for at, size in samples if size > 0)
    begin = next(row for row in samples if row[0] >= first + QUOTA_WINDOW_S)
    end = next(row for row in samples if row[1] >= total * 7 / 8)
    assert end[0] - begin[0] > QUOTA_WINDOW_S, "the middle is long enough to be measured"
    return (end[1] - begin[1]) / (end[0] - begin[0])


def went_well(running: Future[subprocess.CompletedProcess[str]]) -> None:
    done = running.result(600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module", name="cluster")
def with_two_empty_brokers() -> Iterator[LocalCluster]:
    """Five brokers, of which 1, 2 and 3 have the topic ``data``, two replicas of each partition."""
    configs = {
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "log.retention.ms": "-1",
        # What a follower fetches at once has to be little beside the limit: it stops when that was too much.
        "replica.fetch.max.bytes": "131072",
        "replica.fetch.backoff.ms": "100",
    }
    spec = ClusterSpec(brokers=3, controllers=1, heap="256m", configs=configs)
    with LocalCluster(spec, name="grows") as cluster:
        replicas = [[1 + n % 3, 1 + (n + 1) % 3] for n in range(PARTITIONS)]
        with cluster.session() as session:
            session.admin.topics.create([NewTopic("data", configs={"min.insync.replicas": "1"})], {"data": replicas})
        fill(cluster, "data")
        for _ in NEW:
            cluster.add_broker()
        yield cluster


@pytest.fixture(name="kappa")
def commands(cluster: LocalCluster, tmp_path: Path) -> KappaCommand:
    ContextFile(tmp_path / "clusters.toml").put(cluster.context(), use=True)
    return KappaCommand(tmp_path, timeout_s=600)


def is_whole(cluster: LocalCluster) -> bool:
    with cluster.session() as session:
        topics = session.admin.topics.describe().values()
    return all(len(p.in_sync) == len(p.replicas) for topic in topics for p in topic.partitions)


def replicas_of(layout: Layout) -> list[tuple[int, ...]]:
    return [replicas for replicas, _ in layout]


def leaders_of(layout: Layout) -> list[int]:
    return [leader for _, leader in layout]


def test_onto_new_brokers_as_fast_as_the_throttle_allows(cluster: LocalCluster, kappa: KappaCommand) -> None:
    before = layout(cluster, "data")
    words = ["reassign", "scale-out", *map(str, NEW), "--throttle", "2MB/s"]
    samples: dict[int, list[tuple[float, int]]] = {broker: [] for broker in NEW}
    with AcknowledgedLoad(cluster.bootstrap_servers, "data", records_per_s=100) as load, ThreadPoolExecutor(1) as pool:
        running = pool.submit(kappa.run, *words)
        while not running.done():
            for broker, seen in samples.items():
                seen.append((time.monotonic(), bytes_on(cluster, broker, "data")))
            time.sleep(0.3)  # the time between two samples
        went_well(running)
    load.check()
    assert all(seen[-1][1] > 75 * MIB for seen in samples.values()), "the new brokers hold their part"
    rates = [rate_of(seen) for seen in samples.values()]
    assert rates == pytest.approx([THROTTLE] * len(NEW), rel=0.2)
    with cluster.session() as session:
        assert find_throttles(session) == []
    after = layout(cluster, "data")
    moved = [len(set(new) - set(old)) for old, new in zip(replicas_of(before), replicas_of(after), strict=True)]
    assert sum(moved) == 8, "20 replicas on 5 brokers: 4 on each new one, and no other moves"


def test_more_replicas_while_a_broker_is_killed(cluster: LocalCluster, kappa: KappaCommand) -> None:
    before = layout(cluster, "data")
    target = next(b for b in (4, 5, 1, 2, 3) if any(b not in replicas for replicas in replicas_of(before)))
    plan = kappa.home / "more.json"
    words = ["reassign", "replication-factor", "3", "data", "--throttle", "4MB/s", "--plan-file", str(plan)]
    with AcknowledgedLoad(cluster.bootstrap_servers, "data", records_per_s=100) as load, ThreadPoolExecutor(1) as pool:
        running = pool.submit(kappa.run, *words)
        wait_for(lambda: any(len(row) > 2 for row in replicas_of(layout(cluster, "data"))), "replicas are being added")
        cluster.kill(f"broker-{target}")
        wait_for(lambda: target not in leaders_of(layout(cluster, "data")), "others lead")
        assert not running.done()
        cluster.start(f"broker-{target}")
        done = running.result(600)
        # What the dead broker led is led by others now; kappa says so, and nothing else is wrong.
        wrong = [line for line in done.stdout.splitlines() if "is not as planned" in line]
        assert all("is led by" in line and f"was led by {target}" in line for line in wrong), done.stdout + done.stderr
        assert done.returncode == bool(wrong)
        wait_for(lambda: is_whole(cluster), "the broker that came back is in sync")
        if wrong:
            kappa("topics", "elect-leaders")
        after = layout(cluster, "data")
        for old, new in zip(replicas_of(before), replicas_of(after), strict=True):
            assert new[: len(old)] == old
            assert len(new) == 3
        kappa("plan", "verify", str(plan))
        assert leaders_of(after) == leaders_of(before)
        kappa("plan", "undo", str(plan))
        assert layout(cluster, "data") == before
    load.check()


def test_back_instead_of_on_after_a_crash_while_a_broker_is_away(cluster: LocalCluster, kappa: KappaCommand) -> None:
    before = layout(cluster, "data")
    plan = kappa.home / "again.json"
    words = ["reassign", "replication-factor", "3", "data", "--throttle", "1MB/s", "--plan-file", str(plan)]
    with AcknowledgedLoad(cluster.bootstrap_servers, "data", records_per_s=100) as load:
        kappa(*words, code=-9, crash_at="reassign.accepted")
        cluster.kill("broker-5")
        wait_for(lambda: 5 not in leaders_of(layout(cluster, "data")), "others lead")
        said = kappa("plan", "undo", str(plan))
        cluster.start("broker-5")
        assert replicas_of(layout(cluster, "data")) == replicas_of(before)
        # A broker that is away keeps its limit: only it could take it off. That is said, and cleaned up afterwards.
        with cluster.session() as session:
            left = find_throttles(session)
        assert {row.resource.name for row in left} <= {"5"}
        if left:
            assert "broker 5 is away" in said
            kappa("reassign", "clean-throttles")
        with cluster.session() as session:
            assert find_throttles(session) == []
    load.check()


def test_one_is_drained_and_one_leaves_that_a_person_stops(cluster: LocalCluster, kappa: KappaCommand) -> None:
    before = layout(cluster, "data")
    plan = kappa.home / "drain.json"
    with AcknowledgedLoad(cluster.bootstrap_servers, "data", records_per_s=100) as load, ThreadPoolExecutor(1) as pool:
        kappa("reassign", "drain", "4", "--confirm", "4", "--plan-file", str(plan))
        assert all(4 not in replicas for replicas in replicas_of(layout(cluster, "data")))
        kappa("plan", "undo", str(plan))
        ContextFile(kappa.home / "clusters.toml").put(replace(cluster.context(), hosts=()), use=True)
        plan = kappa.home / "leave.json"
        words = ["brokers", "decommission", "5", "--confirm", "5", "--plan-file", str(plan)]
        kappa(*words, code=-9, crash_at="broker.stop-it")
        assert all(5 not in replicas for replicas in replicas_of(layout(cluster, "data")))
        running = pool.submit(kappa.run, "plan", "resume", str(plan))
        cluster.stop("broker-5")
        went_well(running)
        with cluster.session() as session:
            assert {b.node_id for b in session.admin.describe().brokers} == {1, 2, 3, 4}
        running = pool.submit(kappa.run, "plan", "undo", str(plan))
        cluster.start("broker-5")
        went_well(running)
        assert replicas_of(layout(cluster, "data")) == replicas_of(before)
    load.check()
