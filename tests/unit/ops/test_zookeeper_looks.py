"""Looks at the machines of an ensemble."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from kappaflow.ops.contexts import HostEntry
from kappaflow.ops.hosts.face import ServiceState
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper.looks import look_at_servers


class FarHost:
    """A machine where every command takes its time; any other than the one look is an error."""

    def __init__(self, number: int, content: bytes | None) -> None:
        self.entry = HostEntry(number, ("zookeeper",), "ssh", f"zk{number}", "zookeeper", "/zoo.cfg")
        self.looks = 0
        self._content = content

    def service_and_file(self, path: str) -> tuple[ServiceState, bytes | None]:
        assert path == "/zoo.cfg"
        self.looks += 1
        return ServiceState("active", 7, 0), self._content


def test_a_look_is_one_command_a_machine() -> None:
    far = [FarHost(1, b"clientPort=2181\n"), FarHost(2, None)]
    hosts: Any = SimpleNamespace(all=lambda _role: far)
    context: Any = SimpleNamespace(hosts=[host.entry for host in far])
    session = cast("OpsSession", SimpleNamespace(hosts=hosts, context=context))
    looks = look_at_servers(session)
    assert [(look.number, look.active, look.content) for look in looks] == [
        (1, True, "clientPort=2181\n"),
        (2, True, ""),
    ]
    assert [host.looks for host in far] == [1, 1]
