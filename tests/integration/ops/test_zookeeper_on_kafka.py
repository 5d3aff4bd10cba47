"""ZooKeeper from 3 to 5 servers and back under a load that nothing may be lost of."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kappaflow.client.admin import NewTopic
from kappaflow.ops.contexts import ContextFile
from kappaflow.ops.zookeeper import ensemble_state
from kappaflow.ops.zookeeper.four_letter import ask, read_monitor
from kappaflow.testing.acknowledged_load import AcknowledgedLoad
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(420)]


@pytest.fixture(scope="module", name="cluster")
def kafka_with_zookeeper() -> Iterator[LocalCluster]:
    with LocalCluster(ClusterSpec(brokers=2, version="3.9.2", zookeepers=3), name="zk") as cluster:
        yield cluster


@pytest.fixture(name="kappa")
def command_on_the_cluster(cluster: LocalCluster, tmp_path: Path) -> KappaCommand:
    ContextFile(tmp_path / "clusters.toml").put(cluster.context())
    return KappaCommand(tmp_path, timeout_s=400)


class QuorumWatch:
    """Asks the servers all the time; notes every look that saw no quorum of those that were there."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._session = cluster.session()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.looks = 0
        self.lost: list[str] = []

    def __enter__(self) -> QuorumWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            state = ensemble_state(self._session)
            self.looks += 1
            # In an election nobody serves for a moment; what counts is that enough servers are there to elect.
            if sum(s.mode != "down" for s in state.servers) < state.quorum:
                self.lost.append(" ".join(f"{s.server_id}={s.mode}" for s in state.servers))


def test_a_dead_server_of_three_comes_back_on_another_machine(cluster: LocalCluster, kappa: KappaCommand) -> None:
    with cluster.session() as session:
        session.admin.topics.create([NewTopic("held", 2, 2, {"min.insync.replicas": "1"})])
        dead = next(s.server_id for s in ensemble_state(session).servers if s.mode == "follower")
    cluster.kill(f"zookeeper-{dead}")
    refused = kappa.run("zookeeper", "remove", str(dead), "--confirm", str(dead))
    assert refused.returncode == 3
    assert f"kappa zookeeper replace {dead}" in refused.stderr
    before = cluster.node(f"zookeeper-{dead}").port
    assert cluster.move_zookeeper(f"zookeeper-{dead}").port != before
    ContextFile(kappa.home / "clusters.toml").put(cluster.context())
    plan, again = kappa.home / "replace.json", kappa.home / "again.json"
    words = ("zookeeper", "replace", str(dead), "--confirm", str(dead))
    with AcknowledgedLoad(cluster.bootstrap_servers, "held") as load, QuorumWatch(cluster) as watch:
        kappa(
            *words, "--plan-file", str(plan), code=-9, crash_at="zookeeper.stopped:2"
        )  # it is the leader that is down
        kappa("plan", "undo", str(plan))
        assert not cluster.is_running(f"zookeeper-{dead}")
        kappa(*words, "--plan-file", str(again), code=-9, crash_at="zookeeper.stopped:2")
        kappa("plan", "resume", str(again))
        kappa("plan", "verify", str(again))
        with cluster.session() as session:
            state = ensemble_state(session)
        assert [s.mode for s in state.servers] == ["leader", "follower", "follower"]
        assert state.servers[0].followers == 2
    load.check()
    assert watch.looks > 20
    assert watch.lost == []


def test_from_three_to_five_and_back_under_load(cluster: LocalCluster, kappa: KappaCommand) -> None:
    with cluster.session() as session:
        session.admin.topics.create([NewTopic("kept", 4, 2, {"min.insync.replicas": "1"})])
    new = [cluster.add_zookeeper(), cluster.add_zookeeper()]
    ContextFile(kappa.home / "clusters.toml").put(cluster.context())
    numbers = [str(node.number) for node in new]
    with AcknowledgedLoad(cluster.bootstrap_servers, "kept") as load, QuorumWatch(cluster) as watch:
        killed = kappa.run("zookeeper", "add", *numbers, crash_at="zookeeper.stopped:2")
        assert killed.returncode == -9, killed.stdout + killed.stderr
        plan = next((kappa.home / "plans").glob("*.json"))
        resumed = kappa.run("plan", "resume", str(plan))
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        assert "quorum 3" in resumed.stdout
        with cluster.session() as session:
            state = ensemble_state(session)
        assert [s.mode for s in state.servers] == ["leader", *["follower"] * 4]
        assert read_monitor(ask(state.servers[0].address, "mntr").text)["zk_synced_followers"] == "4"
        assert kappa.run("zookeeper", "status").returncode == 0
        undone = kappa.run("plan", "undo", str(plan))
        assert undone.returncode == 0, undone.stdout + undone.stderr
    load.check()
    assert watch.looks > 20
    assert watch.lost == []
    with cluster.session() as session:
        state = ensemble_state(session)
    assert (state.voting, state.is_whole()) == (3, True)


def test_a_server_that_does_not_come_up_stops_the_plan(cluster: LocalCluster, kappa: KappaCommand) -> None:
    node = cluster.add_zookeeper()
    other = cluster.add_zookeeper()
    ContextFile(kappa.home / "clusters.toml").put(cluster.context())
    service = cluster.home(node) / "service.json"
    good = service.read_text()
    service.write_text(json.dumps({"command": ["/bin/false"], "environment": {}}))
    stopped = kappa.run("zookeeper", "add", str(node.number), str(other.number))
    assert stopped.returncode == 1
    assert f"server {node.number} does not follow" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    with cluster.session() as session:
        assert ensemble_state(session).servers[0].mode == "leader"
    service.write_text(good)
    plan = next((kappa.home / "plans").glob("*.json"))
    resumed = kappa.run("plan", "resume", str(plan))
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    with cluster.session() as session:
        assert ensemble_state(session).is_whole()


def test_restarts_that_are_killed_are_resumed_or_taken_back(cluster: LocalCluster, kappa: KappaCommand) -> None:
    with cluster.session() as session:
        before = ensemble_state(session)
        assert before.leader is not None
        leader = before.leader.server_id
    plan = kappa.home / "restart.json"
    last = before.voting
    with QuorumWatch(cluster) as watch:
        # The leader is down then, so that the others elect while kappa looks at them again.
        kappa("zookeeper", "restart", "--plan-file", str(plan), code=-9, crash_at=f"zookeeper.stopped:{last}")
        assert not cluster.is_running(f"zookeeper-{leader}")
        resumed = kappa("plan", "resume", str(plan))
        assert f"restart server {leader}" in resumed
        kappa("plan", "verify", str(plan))

        again = kappa.home / "again.json"
        kappa("zookeeper", "restart", "--plan-file", str(again), code=-9, crash_at="zookeeper.stopped:2")
        kappa("plan", "undo", str(again), code=-9, crash_at="plan.step.undoing:1")
        kappa("plan", "undo", str(again))
    assert watch.lost == []
    with cluster.session() as session:
        assert ensemble_state(session).is_whole()


def test_servers_leave_though_kappa_is_killed(cluster: LocalCluster, kappa: KappaCommand) -> None:
    with cluster.session() as session:
        before = ensemble_state(session)
        assert before.leader is not None
        leader = before.leader.server_id
    plan = kappa.home / "leave.json"
    words = ["zookeeper", "remove", str(leader), "--confirm", str(leader), "--plan-file", str(plan)]
    with QuorumWatch(cluster) as watch:
        kappa(*words, code=-9, crash_at="zookeeper.yielding")
        assert not cluster.is_running(f"zookeeper-{leader}"), "it was stopped so that another one leads"
        kappa("plan", "resume", str(plan), code=-9, crash_at=f"plan.step.applied:{before.voting}")
        assert not cluster.is_running(f"zookeeper-{leader}"), "it has left"
        kappa("plan", "resume", str(plan))
        with cluster.session() as session:
            assert (ensemble_state(session).voting, ensemble_state(session).is_whole()) == (before.voting - 1, True)
        kappa("plan", "undo", str(plan), code=-9, crash_at="zookeeper.stopped:2")
        kappa("plan", "undo", str(plan))
    assert watch.lost == []
    with cluster.session() as session:
        assert (ensemble_state(session).voting, ensemble_state(session).is_whole()) == (before.voting, True)


def test_servers_are_restarted_the_leader_last(cluster: LocalCluster, kappa: KappaCommand) -> None:
    with cluster.session() as session:
        before = ensemble_state(session)
        assert before.leader is not None
        leader = before.leader.server_id
    done = kappa.run("zookeeper", "restart")
    assert done.returncode == 0, done.stdout + done.stderr
    order = [line.rsplit(" ", 1)[-1] for line in done.stdout.splitlines() if "/" in line and "done: restart" in line]
    assert order[-1] == str(leader)


def test_a_refused_step_names_what_is_wrong(cluster: LocalCluster, kappa: KappaCommand) -> None:
    with cluster.session() as session:
        follower = next(s for s in ensemble_state(session).servers if s.mode == "follower")
    cluster.kill(f"zookeeper-{follower.server_id}")
    try:
        refused = kappa.run("zookeeper", "restart")
        assert refused.returncode == 3
        assert f"server {follower.server_id}" in refused.stderr
        shown = kappa.run("zookeeper", "status")
        assert shown.returncode == 1
        assert "down" in shown.stdout
    finally:
        cluster.start(f"zookeeper-{follower.server_id}")


def test_the_session_of_an_unnamed_ensemble_is_refused(kappa: KappaCommand) -> None:
    refused = kappa.run("zookeeper", "status", "--bootstrap-servers", "127.0.0.1:1")
    assert refused.returncode == 2
    assert "names no ZooKeeper servers" in refused.stderr
