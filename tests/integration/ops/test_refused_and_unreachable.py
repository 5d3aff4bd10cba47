"""Wrong credentials, a broker that does not answer, a machine that is dead: clear words in bounded time, no harm."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from kappaflow.errors import HostError
from kappaflow.ops.contexts import ClusterContext, ContextFile, HostEntry
from kappaflow.ops.hosts import ssh_host
from kappaflow.ops.hosts.ssh_host import SshHost
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import ensemble_state
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.ports import free_port

PASSWORD, WRONG = "right-horse", "wrong-horse"


@pytest.fixture(scope="module", name="secured")
def broker_with_a_user(tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedBroker]:
    home = tmp_path_factory.mktemp("secured")
    arguments = ("--listener", "SASL_PLAINTEXT://127.0.0.1:0", "--listener", "PLAINTEXT://127.0.0.1:0")
    mechanisms = ("--property", "sasl.enabled.mechanisms=SCRAM-SHA-256")
    with EmbeddedBroker(home / "data", arguments=(*arguments, *mechanisms)) as broker:
        (home / "password").write_text(PASSWORD + "\n")
        plain = KappaCommand(home, last_words=["--bootstrap-servers", broker.listeners["PLAINTEXT"]])
        plain("users", "add", "alice", "--mechanism", "SCRAM-SHA-256", "--password-file", str(home / "password"))
        plain("topics", "create", "orders", "--partitions", "2")
        yield broker


def properties(path: Path, password: str) -> Path:
    """A file of client properties, as Kafka's tools take it with ``--command-config``."""
    login = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="alice" password="{password}";'
    path.write_text(
        "# who asks\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n" + f"sasl.jaas.config={login}\n"
    )
    return path


def test_wrong_credentials_are_said_in_bounded_time_and_change_nothing(secured: EmbeddedBroker, tmp_path: Path) -> None:
    address = ["--bootstrap-servers", secured.listeners["SASL_PLAINTEXT"]]
    right = KappaCommand(tmp_path, last_words=[*address, "--command-config", str(properties(tmp_path / "a", PASSWORD))])
    assert [row["name"] for row in json.loads(right("topics", "list", "--json"))] == ["orders"]
    wrong = KappaCommand(
        tmp_path,
        last_words=[*address, "--command-config", str(properties(tmp_path / "b", WRONG))],
        timeout_s=100,
    )
    for words in (["topics", "list"], ["topics", "delete", "orders", "--confirm", "orders"], ["cluster", "doctor"]):
        refused = wrong.run(*words)
        assert refused.returncode == 1, refused.stdout + refused.stderr
        said = refused.stdout + refused.stderr
        assert "credentials" in said or "uthentication" in said, said
        assert "Traceback" not in said
        assert WRONG not in said
    assert [row["name"] for row in json.loads(right("topics", "list", "--json"))] == ["orders"]


@pytest.mark.parametrize("listens", [False, True], ids=["nothing listens", "it accepts and says nothing"])
def test_a_broker_that_does_not_answer_is_said_in_bounded_time(listens: bool, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        failed = KappaCommand(tmp_path, timeout_s=100).run("topics", "list", "--bootstrap-servers", address)
    assert time.monotonic() - began < 60
    assert failed.returncode == 1
    assert address in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs ssh")
def test_a_machine_that_accepts_and_says_nothing_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_host, "CONNECT_TIMEOUT_S", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"nobody@127.0.0.1:{silent.getsockname()[1]}"
        dead = HostEntry(2, ("zookeeper",), "ssh", address, "zookeeper", "/zoo.cfg", {"server": "127.0.0.1:1:2"})
        with pytest.raises(HostError, match="cannot be reached by ssh"):
            SshHost(dead).service_state()
        (tmp_path / "zoo.cfg").write_text(f"clientPort={free_port()}\nserver.1=127.0.0.1:3:4\nserver.2=127.0.0.1:1:2\n")
        (tmp_path / "service.json").write_text(json.dumps({"command": ["true"], "environment": {}}))
        near = HostEntry(1, ("zookeeper",), "local", str(tmp_path), "zookeeper", str(tmp_path / "zoo.cfg"))
        context = ClusterContext("z", "127.0.0.1:1", hosts=(near, dead))
        began = time.monotonic()
        with OpsSession(context) as session:
            found = {s.server_id: s for s in ensemble_state(session).servers}
        assert time.monotonic() - began < 20
        assert found[2].mode == "down"
        assert "cannot be reached by ssh" in found[2].problem
        assert "does not answer" in found[1].problem
        ContextFile(tmp_path / "clusters.toml").put(context, use=True)
    shown = KappaCommand(tmp_path).run("zookeeper", "status")  # nothing listens there by now
    assert shown.returncode == 1
    assert "server 2 " in shown.stdout
    assert "by ssh" in shown.stdout
    assert "server 1 " in shown.stdout
