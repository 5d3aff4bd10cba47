"""From ZooKeeper to KRaft on a real Kafka 3.9.2: there, back, and to the end, under a load that loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kappaflow.client.admin import NewTopic
from kappaflow.ops.contexts import ContextFile
from kappaflow.testing.acknowledged_load import AcknowledgedLoad
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(840)]


def test_there_and_back_and_to_the_end_under_load(tmp_path: Path) -> None:
    kappa = KappaCommand(tmp_path, timeout_s=400)

    def phase() -> str:
        return json.loads(kappa("cluster", "migration", "--json"))["phase"]

    with LocalCluster(ClusterSpec(brokers=3, version="3.9.2", zookeepers=1, heap="256m"), name="moving") as cluster:
        with cluster.session() as session:
            session.admin.topics.create([NewTopic("kept", 6, 3, {"min.insync.replicas": "2"})])
        context = cluster.context()
        ContextFile(tmp_path / "clusters.toml").put(context, use=True)
        assert "role controller" in kappa("cluster", "migrate", code=2)
        cluster.add_controllers_beside_zookeeper(3)
        ContextFile(tmp_path / "clusters.toml").put(cluster.context(), use=True)
        assert phase() == "zookeeper"
        with AcknowledgedLoad(cluster.bootstrap_servers, "kept") as load:
            plan = tmp_path / "first.json"
            words = ["cluster", "migrate", "--to", "dual-write", "--plan-file", str(plan)]
            kappa(*words, code=-9, crash_at="node.started:2")
            kappa("plan", "resume", str(plan))
            assert phase() == "dual-write"
            kappa("topics", "create", "made-in-between", "--partitions", "2")
            kappa("plan", "undo", str(plan))
            assert phase() == "zookeeper"
            assert not any(cluster.is_running(n.name) for n in cluster.layout.of_role("controller"))
            assert "made-in-between" in kappa("topics", "list")

            kappa("cluster", "migrate", "--to", "dual-write")
            back = tmp_path / "second.json"
            kappa("cluster", "migrate", "--to", "kraft", "--plan-file", str(back))
            assert phase() == "kraft"
            kappa("plan", "undo", str(back))
            assert phase() == "dual-write"
            kappa("cluster", "migrate", "--to", "kraft")
            assert "no way back" in kappa("cluster", "migrate", "--to", "final", code=3)
            kappa("cluster", "migrate", "--to", "final", "--confirm", "moving")
            assert phase() == "final"
            cluster.stop("zookeeper-1")
            ContextFile(tmp_path / "clusters.toml").put(replace(cluster.context(), zookeeper=""), use=True)
            kappa("topics", "create", "without-zookeeper", "--partitions", "2")
            assert kappa("quorum", "status").count("voter") >= 3
        load.check()
        assert load.acknowledged
