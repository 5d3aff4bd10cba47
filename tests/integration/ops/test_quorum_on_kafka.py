"""The metadata quorum from 3 to 5 controllers and back under a load that nothing may be lost of."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kappaflow.client.admin import NewTopic
from kappaflow.errors import KappaError
from kappaflow.ops.contexts import ContextFile
from kappaflow.ops.quorum import QuorumStatus, quorum_status
from kappaflow.testing.acknowledged_load import AcknowledgedLoad
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(290)]


@pytest.fixture(scope="module", name="cluster")
def kafka_with_separate_controllers() -> Iterator[LocalCluster]:
    with LocalCluster(ClusterSpec(brokers=1, version="4.3.0", controllers=3, dynamic_quorum=True), name="q") as cluster:
        yield cluster


@pytest.fixture(name="kappa")
def command_on_the_cluster(cluster: LocalCluster, tmp_path: Path) -> KappaCommand:
    ContextFile(tmp_path / "clusters.toml").put(cluster.context())
    return KappaCommand(tmp_path, timeout_s=200)


def quorum_now(cluster: LocalCluster) -> QuorumStatus:
    with cluster.session() as session:
        return quorum_status(session)


def voters(cluster: LocalCluster) -> list[int]:
    return sorted(member.node_id for member in quorum_now(cluster).voters)


class MajorityWatch:
    """Asks the leader all the time; notes every look that saw fewer voters follow than a majority."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.looks = 0
        self.lost: list[str] = []
        self.failed: list[str] = []

    def __enter__(self) -> MajorityWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with self._cluster.session() as session:
            while not self._stop.wait(0.2):
                try:
                    status = quorum_status(session)
                except KappaError as error:
                    self.failed.append(str(error))
                    continue
                self.looks += 1
                # A leader that was just elected has not heard of anybody yet: only voters that were lost count.
                if status.can_lose < 0 and all(m.behind_ms >= 0 for m in status.voters):
                    self.lost.append(" ".join(f"{m.node_id}={m.behind_ms}" for m in status.voters))


def test_from_three_to_five_and_back_under_load(cluster: LocalCluster, kappa: KappaCommand) -> None:
    with cluster.session() as session:
        session.admin.topics.create([NewTopic("kept", 4, 1)])
    before = voters(cluster)
    new = [cluster.add_controller(), cluster.add_controller()]
    numbers = [node.number for node in new]
    words = [str(number) for number in numbers]
    ContextFile(kappa.home / "clusters.toml").put(cluster.context())
    with AcknowledgedLoad(cluster.bootstrap_servers, "kept") as load, MajorityWatch(cluster) as watch:
        killed = kappa.run("quorum", "add", *words, crash_at="quorum.added")
        assert killed.returncode == -9, killed.stdout + killed.stderr
        plan = next((kappa.home / "plans").glob("*.json"))
        resumed = kappa.run("plan", "resume", str(plan))
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        assert voters(cluster) == [*before, *numbers]
        shown = kappa.run("quorum", "status")
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert "5 of 5 voters follow; majority 3; 2 more may be lost" in shown.stdout
        assert kappa.run("plan", "verify", str(plan)).returncode == 0
        killed = kappa.run("plan", "undo", str(plan), crash_at="quorum.removed:2")
        assert killed.returncode == -9, killed.stdout + killed.stderr
        undone = kappa.run("plan", "undo", str(plan))
        assert undone.returncode == 0, undone.stdout + undone.stderr
        assert voters(cluster) == before
        assert not any(cluster.is_running(node.name) for node in new)
    load.check()
    assert load.acknowledged
    assert watch.looks > 20
    assert watch.lost == []


def test_the_leader_leaves_and_comes_back(cluster: LocalCluster, kappa: KappaCommand) -> None:
    with cluster.session() as session:
        session.admin.topics.create([NewTopic("kept-too", 4, 1)])
    added = cluster.add_controller()
    ContextFile(kappa.home / "clusters.toml").put(cluster.context())
    assert kappa.run("quorum", "add", str(added.number)).returncode == 0
    before = quorum_now(cluster)
    leader = before.leader_id
    with AcknowledgedLoad(cluster.bootstrap_servers, "kept-too") as load:
        killed = kappa.run("quorum", "remove", str(leader), "--confirm", str(leader), crash_at="quorum.removed")
        assert killed.returncode == -9, killed.stdout + killed.stderr
        plan = max((kappa.home / "plans").glob("*.json"), key=lambda path: path.stat().st_mtime)
        resumed = kappa.run("plan", "resume", str(plan))
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        assert leader not in voters(cluster)
        assert not cluster.is_running(f"controller-{leader}")
        undone = kappa.run("plan", "undo", str(plan))
        assert undone.returncode == 0, undone.stdout + undone.stderr
        assert voters(cluster) == sorted(member.node_id for member in before.voters)
    load.check()


def test_a_dead_voter_can_go_and_a_majority_cannot(cluster: LocalCluster, kappa: KappaCommand) -> None:
    before = quorum_now(cluster)
    dead, alive = [m.node_id for m in before.voters if m.role == "voter"][:2]
    cluster.kill(f"controller-{dead}")
    wait_for(lambda: (member := quorum_now(cluster).voter(dead)) is not None and not member.fresh)
    shown = kappa.run("quorum", "status", "--json")
    assert shown.returncode == 1
    assert json.loads(shown.stdout)["serving"] == len(before.voters) - 1
    two = [str(node) for node in sorted((before.leader_id, alive))]
    refused = kappa.run("quorum", "remove", *two, "--confirm", ",".join(two))
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert f"behind: {dead}" in refused.stderr
    assert len(voters(cluster)) == len(before.voters)
    done = kappa.run("quorum", "remove", str(dead), "--confirm", str(dead))
    assert done.returncode == 0, done.stdout + done.stderr
    assert voters(cluster) == sorted(m.node_id for m in before.voters if m.node_id != dead)
    plan = max((kappa.home / "plans").glob("*.json"), key=lambda path: path.stat().st_mtime)
    final = kappa.run("plan", "undo", str(plan))
    assert final.returncode == 3, final.stdout + final.stderr


def wait_for(holds: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)
