"""Directories of brokers on machines: whose they are, how one is added, and which broker may be rescued."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kappaflow.errors import BrokerUnreachable
from kappaflow.ops.admin.faces import LogDirState
from kappaflow.ops.contexts import HostEntry
from kappaflow.ops.disk.broker_disks import BrokerDisks, look_at_broker
from kappaflow.ops.disk.directory_action import AddDirectory
from kappaflow.ops.hosts.face import ServiceState
from kappaflow.ops.hosts.local_host import LocalHost
from kappaflow.ops.hosts.properties import read_property

KRAFT = "version=1\ncluster.id=abc\nnode.id=2\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAA\n"
ZOOKEEPER = "version=0\ncluster.id=abc\nbroker.id=2\n"


class Machine:
    """A broker's machine in a folder, with a directory ``old`` and room for another one."""

    def __init__(self, home: Path, meta: str) -> None:
        (home / "old").mkdir()
        (home / "old" / "meta.properties").write_text(meta)
        self.file = home / "server.properties"
        self.file.write_text(f"node.id=2\nlog.dirs={home}/old\n")
        self.new = home / "new"
        host = LocalHost(HostEntry(2, ("broker",), "local", str(home), "kafka", str(self.file)))
        self.session: Any = SimpleNamespace(hosts=SimpleNamespace(get=lambda _: host))
        self.arguments = {"broker": 2, "path": str(self.new), "file": str(self.file)}
        self.action = AddDirectory()

    def against(self) -> list[str]:
        return [text.key for text in self.action.check(self.session, self.arguments)]

    def add(self) -> dict[str, Any]:
        captured = self.action.capture(self.session, self.arguments)
        self.action.apply(self.session, self.arguments, lambda _: None)
        return captured

    def meta(self) -> str:
        return (self.new / "meta.properties").read_text()


def test_a_directory_says_whose_it_is_under_an_id_of_its_own(tmp_path: Path) -> None:
    machine = Machine(tmp_path, KRAFT)
    captured = machine.add()
    first = machine.meta()
    assert (read_property(first, "node.id"), read_property(first, "cluster.id")) == ("2", "abc")
    assert len(str(read_property(first, "directory.id"))) == 22
    assert read_property(first, "directory.id") != read_property(KRAFT, "directory.id")
    assert machine.action.is_applied(machine.session, machine.arguments)
    machine.action.undo(machine.session, machine.arguments, captured, lambda _: None)
    assert not machine.action.is_applied(machine.session, machine.arguments)
    assert machine.against() == []
    machine.add()
    assert machine.meta() == first, "one directory keeps its id"


def test_with_zookeeper_the_broker_writes_it_itself(tmp_path: Path) -> None:
    machine = Machine(tmp_path, ZOOKEEPER)
    machine.add()
    assert list(machine.new.iterdir()) == []


@pytest.mark.parametrize("changed", [("node.id=2", "node.id=3"), ("cluster.id=abc", "cluster.id=xyz")])
def test_another_servers_directory_is_refused(tmp_path: Path, changed: tuple[str, str]) -> None:
    machine = Machine(tmp_path, KRAFT)
    machine.new.mkdir()
    (machine.new / "meta.properties").write_text(KRAFT.replace(*changed))
    assert machine.against() == ["disk.add.foreign"]


def test_the_top_of_a_file_system_is_refused(tmp_path: Path) -> None:
    machine = Machine(tmp_path, KRAFT)
    (machine.new / "lost+found").mkdir(parents=True)
    assert machine.against() == ["disk.add.top"]


def directory(path: str, error: str = "") -> LogDirState:
    return LogDirState(2, path, error, -1, -1, ())


@pytest.mark.parametrize(
    ("state", "registered", "directories", "expected"),
    [
        # The process has ended; the cluster counts it in until its session is over.
        ("failed", True, [directory("/a")], BrokerDisks(runs=False)),
        ("active", False, [directory("/a")], BrokerDisks(runs=False)),
        ("active", True, None, BrokerDisks(runs=False)),
        ("active", True, [directory("/a"), directory("/b")], BrokerDisks(runs=True)),
        ("active", True, [directory("/a"), directory("/b", "KAFKA_STORAGE_ERROR")], BrokerDisks(True, ("/b",))),
    ],
)
def test_a_broker_runs_where_its_machine_and_its_cluster_say_so(
    state: Any, registered: bool, directories: list[LogDirState] | None, expected: BrokerDisks
) -> None:
    def describe(brokers: list[int]) -> list[LogDirState]:
        if directories is None:
            raise BrokerUnreachable("it hangs")
        return directories

    host = SimpleNamespace(service_state=lambda: ServiceState(state, 1, 0))
    cluster = SimpleNamespace(brokers=[SimpleNamespace(node_id=n) for n in ((1, 2) if registered else (1,))])
    admin = SimpleNamespace(describe=lambda: cluster, log_dirs=SimpleNamespace(describe=describe))
    session: Any = SimpleNamespace(hosts=SimpleNamespace(get=lambda _: host), admin=admin)
    assert look_at_broker(session, 2) == expected
    assert expected.is_whole == (expected.runs and not expected.failed)
