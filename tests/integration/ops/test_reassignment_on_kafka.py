"""Reassignment on three real brokers under a load that nothing may be lost of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from kappaflow.client.admin import NewTopic
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin import ConfigResource
from kappaflow.ops.contexts import ClusterContext
from kappaflow.ops.reassignment import Throttle, find_throttles
from kappaflow.ops.session import OpsSession
from kappaflow.testing.acknowledged_load import AcknowledgedLoad
from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.kappa_command import KappaCommand

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.timeout(240)]
MIB = 1 << 20


class Commands(KappaCommand):
    """``kappa`` on the cluster."""

    def __init__(self, servers: str, home: Path) -> None:
        super().__init__(home, last_words=("--bootstrap-servers", servers))
        self.servers = servers

    def plan(self, *words: str) -> Path:
        """Do something and give the plan's file."""
        return Path(json.loads(self(*words, "--json"))["file"])


@pytest.fixture(name="session")
def a_session(kafka_all_running: ApacheKafka) -> Iterator[OpsSession]:
    with OpsSession(ClusterContext("test", kafka_all_running.bootstrap_servers)) as session:
        yield session


@pytest.fixture(name="kappa")
def commands(kafka_all_running: ApacheKafka, tmp_path: Path) -> Commands:
    return Commands(kafka_all_running.bootstrap_servers, tmp_path / "home")


def placement(session: OpsSession, topic: str) -> list[tuple[tuple[int, ...], int]]:
    return [(p.replicas, p.leader) for p in session.admin.topics.describe([topic])[topic].partitions]


def make_topic(session: OpsSession, name: str, replicas: list[list[int]], mib: int = 0) -> None:
    session.admin.topics.create([NewTopic(name, configs={"min.insync.replicas": "1"})], {name: replicas})
    producer = Producer({"bootstrap.servers": session.context.bootstrap_servers, "linger.ms": 20})
    for number in range(2 * mib * len(replicas)):
        producer.produce(name, os.urandom(MIB // 2), str(-number - 1), partition=number % len(replicas))
        producer.poll(0)
    producer.flush()


def throttles(session: OpsSession) -> list[Throttle]:
    return find_throttles(session)


def test_more_replicas_under_load_are_killed_resumed_and_undone(session: OpsSession, kappa: Commands) -> None:
    topic = "moved"
    make_topic(session, topic, [[1, 2], [2, 3], [3, 1], [1, 3]], mib=3)
    before = placement(session, topic)
    with AcknowledgedLoad(kappa.servers, topic) as load:
        killed = kappa.run(
            *("reassign", "replication-factor", "3", topic, "--throttle", "4MB/s", "--batch", "2"),
            crash_at="reassign.accepted:2",
        )
        assert killed.returncode == -9, killed.stdout + killed.stderr
        plan = next((kappa.home / "plans").glob("*.json"))
        resumed = kappa.run("plan", "resume", str(plan))
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        after = placement(session, topic)
        for (old, leader), (new, led) in zip(before, after, strict=True):
            assert new[:2] == old
            assert len(new) == 3
            assert led == leader
        assert throttles(session) == []
        undone = kappa.run("plan", "undo", str(plan))
        assert undone.returncode == 0, undone.stdout + undone.stderr
        assert placement(session, topic) == before
    load.check()


def test_a_broker_is_drained_under_load(session: OpsSession, kappa: Commands) -> None:
    topic = "drained"
    make_topic(session, topic, [[1, 2], [2, 3], [3, 1]], mib=1)
    internal = [name for name, t in session.admin.topics.describe().items() if t.is_internal or name != topic]
    session.admin.topics.delete([name for name in internal if not name.startswith("__")])
    with AcknowledgedLoad(kappa.servers, topic) as load:
        done = kappa.run("reassign", "drain", "2", "--confirm", "2")
        too_wide = [t for t in session.admin.topics.describe().values() if len(t.partitions[0].replicas) == 3]
        if too_wide:  # a topic of three replicas on three brokers has nowhere to go
            assert done.returncode == 2
            assert "reduce its replicas" in done.stderr
        else:
            assert done.returncode == 0, done.stdout + done.stderr
            assert all(2 not in replicas for replicas, _ in placement(session, topic))
    load.check()


def test_what_somebody_else_began_is_shown_and_cancelled(session: OpsSession, kappa: Commands) -> None:
    topic = "half-moved"
    make_topic(session, topic, [[1]], mib=8)
    lists = {"leader.replication.throttled.replicas": "*", "follower.replication.throttled.replicas": "*"}
    rates = {"leader.replication.throttled.rate": "1000", "follower.replication.throttled.rate": "1000"}
    session.admin.configs.alter({ConfigResource("topic", topic): lists})
    session.admin.configs.alter({ConfigResource("broker", str(b)): rates for b in (1, 2, 3)})
    session.admin.placement.reassign({TopicPartition(topic, 0): [2, 3]})
    shown = json.loads(kappa.run("reassign", "status", "--json").stdout)
    assert shown["reassignments"][0]["topic"] == topic
    assert len(shown["throttles"]) == 8
    refused = kappa.run("reassign", "replication-factor", "3", topic)
    assert refused.returncode == 3
    assert "somebody else" in refused.stderr
    assert kappa.run("reassign", "clean-throttles").returncode == 3, "it may belong to the move"
    kappa.plan("reassign", "cancel", "--confirm", "cancel")
    assert placement(session, topic) == [((1,), 1)]
    kappa.plan("reassign", "clean-throttles")
    assert throttles(session) == []
