"""Rolling work through a real sshd and a stand-in for systemctl that supervises the real processes of brokers."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

import kappaflow
from kappaflow.errors import HostError
from kappaflow.ops.admin.faces import ConfigResource
from kappaflow.ops.contexts import ContextFile, HostEntry
from kappaflow.ops.hosts.face import ServiceState
from kappaflow.ops.hosts.ssh_host import SshHost
from kappaflow.ops.local_clusters.readiness import is_listening
from kappaflow.ops.local_clusters.software import kafka_jars
from kappaflow.ops.zookeeper import ensemble_state
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster
from kappaflow.testing.ports import free_port
from kappaflow.testing.toolchain import required_toolchains

pytestmark = [pytest.mark.java, pytest.mark.slow]
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Sshd(NamedTuple):
    """A server of ssh on loopback; ``options`` are those of a host entry, ``log`` is what it says."""

    address: str
    options: dict[str, str]
    log: Path

    def connections(self) -> int:
        """How many were opened so far."""
        return self.log.read_text().count("Accepted publickey")


@pytest.fixture(scope="module", name="sshd")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Sshd]:
    program, keygen = shutil.which("sshd", path=SBIN), shutil.which("ssh-keygen", path=SBIN)
    if program is None or keygen is None:
        (pytest.fail if "sshd" in required_toolchains() else pytest.skip)("needs openssh-server, not found here")
    home = tmp_path_factory.mktemp("sshd")
    for name in ("host_key", "user_key"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    (home / "authorized_keys").write_text((home / "user_key.pub").read_text())
    kind, key = (home / "host_key.pub").read_text().split()[:2]
    (home / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    (home / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {home}/host_key\nAuthorizedKeysFile {home}/authorized_keys\n"
        "PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        "MaxStartups 50\n"
    )
    log = home / "sshd.log"
    with log.open("wb") as said:
        server = subprocess.Popen([program, "-D", "-e", "-f", str(home / "sshd_config")], stderr=said)
    try:
        deadline = time.monotonic() + 10
        while not is_listening(port):
            assert server.poll() is None, "sshd ended"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        keys = {"identity_file": str(home / "user_key"), "known_hosts": str(home / "known_hosts")}
        yield Sshd(f"{getpass.getuser()}@127.0.0.1:{port}", keys, log)
    finally:
        server.terminate()
        server.wait()


def systemctl(cluster: LocalCluster, path: Path) -> Path:
    """A command on the machine that is reached by ssh, with nothing of this process's environment."""
    source = Path(kappaflow.__file__).parents[1]
    words = [sys.executable, "-m", "kappaflow.testing.systemctl_stand_in"]
    settings = {"KAPPA_UNITS": str(cluster.directory), "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
    path.write_text(f'#!/bin/sh\n{exports}exec {shlex.join(words)} "$@"\n')
    path.chmod(0o755)
    return path


def by_ssh(sshd: Sshd, entry: HostEntry, command: Path) -> HostEntry:
    options = {**entry.options, **sshd.options, "systemctl": str(command)}
    return replace(entry, adapter="ssh", address=sshd.address, options=options)


@pytest.mark.timeout(300)
def test_a_rollout_goes_through_ssh(sshd: Sshd, tmp_path: Path) -> None:
    kappa = KappaCommand(tmp_path)

    with LocalCluster(ClusterSpec(brokers=2, controllers=1, heap="256m"), name="by-ssh") as cluster:
        command = systemctl(cluster, tmp_path / "systemctl")
        context = cluster.context()
        hosts = tuple(by_ssh(sshd, entry, command) for entry in context.hosts)
        ContextFile(tmp_path / "clusters.toml").put(replace(context, hosts=hosts), use=True)
        before = {row.name: row.pid for row in cluster.status()}
        topic = ["--partitions", "2", "--replication-factor", "2", "--config", "min.insync.replicas=1"]
        kappa("topics", "create", "orders", *topic)

        plan = tmp_path / "plan.json"
        words = ["brokers", "rollout", "--set", "num.partitions=7", "--broker", "1", "--broker", "2"]
        kappa(*words, "--plan-file", str(plan), code=-9, crash_at="node.started:1")
        kappa("plan", "resume", str(plan))
        after = {row.name: row.pid for row in cluster.status()}
        assert {name for name in before if before[name] != after[name]} == {"broker-1", "broker-2"}
        resources = [ConfigResource("broker", str(number)) for number in (1, 2)]
        with cluster.session() as session:
            found = session.admin.configs.describe(resources, ["num.partitions"])
        assert [found[resource]["num.partitions"].value for resource in resources] == ["7", "7"]

        kappa("plan", "undo", str(plan))
        assert "num.partitions=7" not in Path(context.hosts[0].config_file).read_text()


@contextmanager
def reached_by_ssh(sshd: Sshd, spec: ClusterSpec, home: Path) -> Generator[tuple[LocalCluster, KappaCommand]]:
    """A cluster all of whose machines are reached by ssh; call ``know`` again when it has grown."""
    with LocalCluster(spec, name="by-ssh") as cluster:
        know(sshd, cluster, home)
        yield cluster, KappaCommand(home, timeout_s=400)


def know(sshd: Sshd, cluster: LocalCluster, home: Path) -> None:
    context = cluster.context()
    command = systemctl(cluster, home / "systemctl")
    hosts = tuple(by_ssh(sshd, entry, command) for entry in context.hosts)
    ContextFile(home / "clusters.toml").put(replace(context, hosts=hosts), use=True)


@pytest.mark.real
@pytest.mark.timeout(600)
def test_restarts_disks_controllers_and_departures_go_through_ssh(sshd: Sshd, tmp_path: Path) -> None:
    spec = ClusterSpec(brokers=3, controllers=1, heap="256m")
    with reached_by_ssh(sshd, spec, tmp_path) as (cluster, kappa):
        kappa("topics", "create", "orders", "--partitions", "6", "--replication-factor", "2")
        kappa("configs", "alter", "topic", "orders", "--set", "min.insync.replicas=1")
        path = str(cluster.home(cluster.node("broker-1")) / "more")
        kappa("disk", "add", "1", path)
        assert Path(path).is_dir()
        before = {row.name: row.pid for row in cluster.status()}
        kappa("brokers", "restart", "1")
        after = {row.name: row.pid for row in cluster.status()}
        assert {name for name in before if before[name] != after[name]} == {"broker-1"}
        with cluster.session() as session:
            assert path in [d.path for d in session.admin.log_dirs.describe([1])]

        cluster.kill("broker-2")
        kappa("disk", "rescue", "2", "--retention", "1h", "--topic", "orders", "--confirm", "2")
        assert cluster.is_running("broker-2"), "there is space, so that it was only started"

        added = cluster.add_controller()
        know(sshd, cluster, tmp_path)
        plan = tmp_path / "controllers.json"
        kappa("quorum", "add", str(added.number), "--plan-file", str(plan), code=-9, crash_at="quorum.added")
        kappa("plan", "resume", str(plan))
        with cluster.session() as session:
            assert added.number in {voter.node_id for voter in session.admin.quorum.describe().voters}
        kappa("plan", "undo", str(plan))
        assert not cluster.is_running(added.name)

        plan = tmp_path / "leave.json"
        words = ["brokers", "decommission", "3", "--confirm", "3", "--throttle", "50MB/s", "--plan-file", str(plan)]
        kappa(*words, code=-9, crash_at="plan.step.applied:2")
        kappa("plan", "resume", str(plan))
        assert not cluster.is_running("broker-3")
        with cluster.session() as session:
            assert [b.node_id for b in session.admin.describe().brokers] == [1, 2]
        kappa("plan", "undo", str(plan))
        assert cluster.is_running("broker-3")
        with cluster.session() as session:
            replicas = [p.replicas for p in session.admin.topics.describe(["orders"])["orders"].partitions]
        assert any(3 in row for row in replicas)


@pytest.mark.real
@pytest.mark.timeout(600)
def test_zookeeper_and_an_upgrade_go_through_ssh(sshd: Sshd, tmp_path: Path) -> None:
    spec = ClusterSpec(brokers=2, version="3.8.1", zookeepers=3, heap="256m")
    with reached_by_ssh(sshd, spec, tmp_path) as (cluster, kappa):
        topic = ["--partitions", "2", "--replication-factor", "2", "--config", "min.insync.replicas=1"]
        kappa("topics", "create", "orders", *topic)
        new = [cluster.add_zookeeper(), cluster.add_zookeeper()]
        know(sshd, cluster, tmp_path)
        kappa("zookeeper", "add", *(str(node.number) for node in new))
        with cluster.session() as session:
            state = ensemble_state(session)
        assert (state.voting, state.is_whole()) == (5, True)
        kappa("zookeeper", "restart")

        jars = kafka_jars("3.9.2")
        plan = tmp_path / "upgrade.json"
        words = ["cluster", "upgrade", "--to", "3.9.2", "--software", str(jars), "--no-finalize", "--force"]
        kappa(*words, "--confirm", "by-ssh", "--plan-file", str(plan), code=-9, crash_at="node.started:1")
        kappa("plan", "resume", str(plan))
        assert {row.version for row in cluster.status() if "broker" in row.roles} == {"3.9.2"}
        kappa("plan", "undo", str(plan))
        assert {row.version for row in cluster.status() if "broker" in row.roles} == {"3.8.1"}


def near(sshd: Sshd, **options: str) -> SshHost:
    return SshHost(HostEntry(1, ("broker",), "ssh", sshd.address, "kafka", "", sshd.options | options))


def test_commands_share_one_connection_also_after_it_has_died(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="k"))
    sockets = Path(os.environ["XDG_RUNTIME_DIR"], "kappa-ssh")
    try:
        before = sshd.connections()
        with ThreadPoolExecutor(5) as pool:
            codes = list(pool.map(lambda _: near(sshd).run(["true"]).code, range(20)))
        assert codes == [0] * 20
        assert sshd.connections() == before + 1
        assert sockets.stat().st_mode & 0o077 == 0
        path = str(tmp_path / "with a space")
        near(sshd).write_file(path, b"one\n\ntwo\n")
        state = tmp_path / "systemctl"
        state.write_text("#!/bin/sh\necho ActiveState=active; echo MainPID=7; echo StateChangeTimestampMonotonic=0\n")
        state.chmod(0o755)
        host = near(sshd, systemctl=str(state))
        assert host.service_and_file(path) == (ServiceState("active", 7, 0), b"one\n\ntwo\n")
        assert host.service_and_file(path + "er") == (ServiceState("active", 7, 0), None)
        assert sshd.connections() == before + 1
        socket = next(p for p in sockets.iterdir() if p.is_socket())
        subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", sshd.address.partition(":")[0]], check=True)
        assert near(sshd).exists(path)
        assert sshd.connections() == before + 2
    finally:
        for path in (p for p in sockets.iterdir() if p.is_socket()):
            subprocess.run(["ssh", "-o", f"ControlPath={path}", "-O", "exit", "nobody"], check=False)
        shutil.rmtree(sockets.parent)


def test_a_connection_is_not_shared_where_others_could_use_it(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "kappa-ssh").mkdir(mode=0o755)
    before = sshd.connections()
    assert [near(sshd).run(["true"]).code for _ in range(2)] == [0, 0]
    assert sshd.connections() == before + 2
    assert list((tmp_path / "kappa-ssh").iterdir()) == []


def test_a_machine_that_refuses_the_key_is_named(sshd: Sshd, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    options = sshd.options | {"identity_file": str(tmp_path / "other")}
    host = SshHost(HostEntry(1, ("broker",), "ssh", sshd.address, "kafka", "", options))
    with pytest.raises(HostError, match="cannot be reached by ssh"):
        host.service_state()
