"""Named clusters in one TOML file."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kappaflow.errors import ConfigError, UsageError
from kappaflow.ops.contexts import ClusterContext, ContextFile, HostEntry


@pytest.fixture(autouse=True)
def no_cluster_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAPPA_CLUSTER", raising=False)


def full_context() -> ClusterContext:
    hosts = (
        HostEntry(1, ("broker", "controller"), "ssh", "kafka@10.0.0.1:22", "kafka", "/etc/kafka/server.properties"),
        HostEntry(1, ("zookeeper",), "local", "/srv/zk", "zookeeper", "", {"identity_file": "key"}),
    )
    properties = {"security.protocol": "SASL_SSL", "sasl.password": "secret"}
    return ClusterContext("prod", "a:9092,b:9092", properties, True, "z:2181", hosts, {1: "http://a:8778/jolokia"})


def test_a_context_is_the_same_after_its_file(tmp_path: Path) -> None:
    file = ContextFile(tmp_path / "clusters.toml")
    file.put(full_context())
    file.put(ClusterContext("dev", "127.0.0.1:9092"))
    again = ContextFile(file.path)
    assert again.names() == ["dev", "prod"]
    assert again.get("prod") == full_context()
    assert again.get() == full_context(), "the first one came into use"


def test_comments_survive(tmp_path: Path) -> None:
    path = tmp_path / "clusters.toml"
    path.write_text('# ours\n[clusters.dev]\nbootstrap_servers = "a:1"  # the old one\n')
    ContextFile(path).put(full_context())
    assert "# ours" in path.read_text()
    assert "# the old one" in path.read_text()
    assert ContextFile(path).get().name == "prod"


def test_the_file_is_its_owners_only(tmp_path: Path) -> None:
    file = ContextFile(tmp_path / "clusters.toml")
    file.put(full_context())
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_the_environment_chooses_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ContextFile(tmp_path / "clusters.toml")
    file.put(full_context())
    file.put(ClusterContext("dev", "127.0.0.1:9092"))
    monkeypatch.setenv("KAPPA_CLUSTER", "dev")
    assert file.get().name == "dev"


def test_a_removed_cluster_is_no_longer_in_use(tmp_path: Path) -> None:
    file = ContextFile(tmp_path / "clusters.toml")
    file.put(full_context())
    file.remove("prod")
    with pytest.raises(UsageError, match="No cluster is in use"):
        ContextFile(file.path).get()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[clusters.dev", "not TOML"),
        ("[clusters.dev]\n", "bootstrap_servers is missing"),
        ('[clusters.dev]\nbootstrap_servers="a:1"\nzookeper="b"\n', "'zookeper'"),
        ('[clusters.dev]\nbootstrap_servers="a:1"\nhosts=[{}]\n', "node_id is missing"),
        ('[clusters.dev]\nbootstrap_servers="a:1"\nhosts=[{node_id=1,roles=["brokr"]}]\n', "brokr"),
        ('[clusters.dev]\nbootstrap_servers="a:1"\nhosts=[{node_id=1,adapter="telnet"}]\n', "telnet"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "clusters.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=says):
        ContextFile(path).get("dev")


def test_a_context_of_machines_does_not_load_the_client_of_brokers() -> None:
    """It takes half a second, which every look at a machine would take."""
    code = "import sys, kappaflow.ops.hosts.opening; sys.exit('kafka' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
