"""Clusters of this machine: the commands, and every version that they run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kappaflow.ops.contexts import ContextFile
from kappaflow.ops.local_clusters.readiness import live_brokers
from kappaflow.testing.embedded_server import wait_until
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster

pytestmark = pytest.mark.java


class Kappa(KappaCommand):
    """The command, and the states of its clusters."""

    def status(self) -> dict[str, tuple[str, bool]]:
        rows = json.loads(self("cluster", "status", "--json"))
        return {row["name"]: (row["state"], row["serving"]) for row in rows}


@pytest.mark.timeout(300)
def test_a_cluster_lives_on_between_commands(tmp_path: Path) -> None:
    kappa = Kappa(tmp_path)
    try:
        said = kappa("cluster", "start", "--brokers", "2", "--name", "play", "--heap", "256m")
        assert "Cluster play is ready" in said
        assert kappa.status() == {"broker-1": ("active", True), "broker-2": ("active", True)}
        kappa("topics", "create", "orders", "--partitions", "2", "--replication-factor", "2")

        kappa("cluster", "kill", "play", "broker-2")
        assert kappa.status()["broker-2"] == ("failed", False)
        kappa("cluster", "start", "--name", "play", "2")
        assert kappa.status()["broker-2"] == ("active", True)

        assert "broker-3 runs with id 3" in kappa("cluster", "add-broker", "play")
        context = ContextFile(tmp_path / "clusters.toml").get("play")
        assert sorted(host.node_id for host in context.hosts) == [1, 2, 3]
        assert "only brokers that are nothing else" in kappa("cluster", "remove-broker", "play", "2", "--force", code=2)
        assert "orders-0, orders-1" in kappa("cluster", "remove-broker", "play", "2", code=3)
        kappa("cluster", "remove-broker", "play", "3")
        assert set(kappa.status()) == {"broker-1", "broker-2"}
    finally:
        kappa("cluster", "stop", "play", "--delete")
    assert not (tmp_path / "local-clusters" / "play").exists()


@pytest.mark.timeout(300)
def test_servers_with_zookeeper_die_and_hang_one_by_one() -> None:
    spec = ClusterSpec(brokers=2, version="3.9.2", zookeepers=1, disks=2, racks=("a", "b"), heap="256m")
    with LocalCluster(spec) as cluster, cluster.session() as session:
        assert [broker.rack for broker in session.admin.describe().brokers] == ["a", "b"]
        directories = session.admin.log_dirs.describe()
        assert [row.broker for row in directories] == [1, 1, 2, 2]
        cluster.stop("broker-2")
        port = cluster.node("broker-1").port
        # Where the one that stopped led the cluster, the other has to take that over first.
        wait_until(lambda: live_brokers(port) == 1, "one broker alone")
        cluster.start("broker-2")
        assert live_brokers(port) == 2
        cluster.pause("broker-2")
        pid = cluster.host("broker-2").service_state().pid
        assert "T (stopped)" in Path(f"/proc/{pid}/status").read_text()
        cluster.resume("broker-2")
        cluster.wait_ready()


@pytest.mark.slow
def test_servers_die_with_the_test_that_owns_them(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster\n"
        "c = LocalCluster(ClusterSpec(brokers=1, heap='256m'), directory=Path(sys.argv[1]))\n"
        "print(c.node('broker-1').port, flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        port = int(owner.stdout.readline())
        assert live_brokers(port) == 1
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while live_brokers(port):
        assert time.monotonic() < deadline, "the broker outlived the process that started it"
        time.sleep(0.05)


@pytest.mark.real
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("version", "zookeepers", "controllers"),
    [("2.8.2", 3, 0), ("3.8.1", 1, 0), ("3.9.2", 3, 0), ("3.9.2", 0, 0), ("4.0.0", 0, 3), ("4.3.0", 0, 0)],
)
def test_every_version_starts_stops_and_starts_again(version: str, zookeepers: int, controllers: int) -> None:
    spec = ClusterSpec(brokers=3, version=version, zookeepers=zookeepers, controllers=controllers)
    with LocalCluster(spec) as cluster:
        assert all(row.serving for row in cluster.status())
        assert {row.version for row in cluster.status() if "zookeeper" not in row.roles} == {version}
        cluster.stop_all()
        assert not any(row.serving for row in cluster.status())
        cluster.start_all()
        assert len(cluster.status()) == 3 + zookeepers + controllers
