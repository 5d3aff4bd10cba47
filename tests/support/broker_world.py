"""A small cluster behind the faces of operations: brokers stop and start, replicas fall out of sync and come back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, BrokerUnreachable, HostError
from kappaflow.ops.admin.faces import BrokerState, ClusterState, ConfigEntry, ConfigResource, PartitionState, TopicState
from kappaflow.ops.contexts import ClusterContext, HostEntry
from kappaflow.ops.hosts.face import CommandResult, ServiceState
from kappaflow.ops.session import OpsSession


class Crash(BaseException):
    """The process ends here."""


class BrokerWorld:
    """Brokers 1..n with topics; ``events`` has what was done to them, in order.

    Attributes:
        written_out: partitions that fell below their min ISR or lost all leaders, as soon as they did.
        budget: changes until the process crashes; None for never.
        context: what sessions say about the cluster where they are given none.
    """

    def __init__(self, brokers: int, topics: Mapping[str, tuple[Sequence[Sequence[int]], int]]) -> None:
        self.running = dict.fromkeys(range(1, brokers + 1), True)
        self.replicas = {(t, n): list(r) for t, (rows, _) in topics.items() for n, r in enumerate(rows)}
        self.min_in_sync = {t: m for t, (_, m) in topics.items()}
        self.in_sync = {key: list(row) for key, row in self.replicas.items()}
        self.leader = {key: row[0] for key, row in self.replicas.items()}
        self.files = {n: f"node.id={n}\n# a comment\nnum.io.threads=8\n" for n in self.running}
        self.started_with: dict[int, str] = dict(self.files)
        self.links = dict.fromkeys(self.running, "/opt/old")
        self.started_from = dict(self.links)
        self.dynamic: dict[tuple[str, str], str] = {}
        self.controller = brokers
        self.slow_catch_up = 0
        self.events: list[str] = []
        self.written_out: list[str] = []
        self.budget: int | None = None
        self.context: ClusterContext | None = None

    def change(self, event: str) -> None:
        if self.budget is not None:
            if self.budget == 0:
                raise Crash
            self.budget -= 1
        self.events.append(event)

    def stop(self, broker: int) -> None:
        self.change(f"stop {broker}")
        self.running[broker] = False
        for key, row in self.in_sync.items():
            if broker in row and len(row) > 1:
                row.remove(broker)
            self._elect(key)
            if broker in self.replicas[key] and len(self._serving(key)) < max(1, self.min_in_sync[key[0]]):
                self.written_out.append(f"{key[0]}-{key[1]}")

    def start(self, broker: int) -> None:
        self.change(f"start {broker}")
        self.running[broker] = True
        self.started_with[broker] = self.files[broker]
        self.started_from[broker] = self.links[broker]
        for key in self.replicas:
            self._elect(key)
        self.catch_up()

    def catch_up(self) -> None:
        if self.slow_catch_up:
            self.slow_catch_up -= 1
            return
        for key, row in self.replicas.items():
            self.in_sync[key] = [b for b in row if self.running[b] or self.in_sync[key] == [b]]

    def _serving(self, key: tuple[str, int]) -> list[int]:
        return [b for b in self.in_sync[key] if self.running[b]]

    def _elect(self, key: tuple[str, int], *, preferred: bool = False) -> None:
        serving = [b for b in self.replicas[key] if b in self._serving(key)]
        if not preferred and self.leader[key] in serving:
            return
        self.leader[key] = serving[0] if serving else -1

    # The faces

    def session(self, context: ClusterContext | None = None) -> OpsSession:
        context = context or self.context
        hosts = tuple(HostEntry(n, ("broker",), "local", f"/n/{n}", "kafka", f"/n/{n}/p") for n in self.running)
        admin: Any = _Admin(self)
        found: Any = _Hosts(self, context.hosts if context else hosts)
        return OpsSession(
            context or ClusterContext("prod", "127.0.0.1:1", hosts=hosts),
            admin=admin,
            hosts=found,
            pause=lambda _seconds: None,
        )


class _Admin:
    def __init__(self, world: BrokerWorld) -> None:
        self.world = world
        self.topics = self.configs = self.placement = self
        self.configs = _Configs(world)
        self.topics = _Topics(world)
        self.placement = _Placement(world)

    def describe(self) -> ClusterState:
        alive = [n for n, runs in self.world.running.items() if runs]
        if not alive:
            raise BrokerUnreachable("no broker answers")
        brokers = tuple(BrokerState(n, "127.0.0.1", 9000 + n, None) for n in alive)
        return ClusterState("id", self.world.controller, brokers)

    def supports(self, api_key: int, version: int = 0) -> bool:
        return False

    def close(self) -> None:
        pass


class _Topics:
    def __init__(self, world: BrokerWorld) -> None:
        self.world = world

    def describe(self, names: Collection[str] | None = None) -> dict[str, TopicState]:
        world = self.world
        world.catch_up()
        topics: dict[str, list[PartitionState]] = {}
        for (topic, number), replicas in world.replicas.items():
            if names is None or topic in names:
                key = (topic, number)
                row = PartitionState(topic, number, world.leader[key], tuple(replicas), tuple(world.in_sync[key]), ())
                topics.setdefault(topic, []).append(row)
        return {name: TopicState(name, "", False, tuple(rows)) for name, rows in topics.items()}


class _Configs:
    def __init__(self, world: BrokerWorld) -> None:
        self.world = world

    def describe(
        self, resources: Sequence[ConfigResource], names: Collection[str] | None = None, *, documentation: bool = False
    ) -> dict[ConfigResource, dict[str, ConfigEntry]]:
        return {resource: self._of(resource, names) for resource in resources}

    def _of(self, resource: ConfigResource, names: Collection[str] | None) -> dict[str, ConfigEntry]:
        if resource.kind == "topic":
            value = str(self.world.min_in_sync[resource.name])
            return {
                "min.insync.replicas": ConfigEntry("min.insync.replicas", value, "topic", "1", False, False, "", "")
            }
        found: dict[str, ConfigEntry] = {}
        for key, read_only in (("num.io.threads", False), ("num.partitions", True), ("log.cleaner.threads", False)):
            own = self.world.dynamic.get((resource.name, key))
            source = "default" if own is None else "broker" if resource.name else "cluster"
            found[key] = ConfigEntry(key, own or "1", source, "1", read_only, False, "int", "")
        return {key: entry for key, entry in found.items() if names is None or key in names}

    def alter(self, changes: Mapping[ConfigResource, Mapping[str, str | None]], *, validate_only: bool = False) -> None:
        for resource, values in changes.items():
            for key, value in values.items():
                self.world.change(f"set {resource.name or '*'} {key}={value}")
                if value is None:
                    self.world.dynamic.pop((resource.name, key), None)
                else:
                    self.world.dynamic[resource.name, key] = value


class _Placement:
    def __init__(self, world: BrokerWorld) -> None:
        self.world = world

    def reassign(self, replicas: Mapping[TopicPartition, Sequence[int] | None]) -> dict[TopicPartition, BrokerError]:
        self.world.change(f"order {len(replicas)}")
        for partition, row in replicas.items():
            key = (partition.topic, partition.partition)
            assert row is not None
            assert set(row) == set(self.world.replicas[key]), "only the order may change"
            self.world.replicas[key] = list(row)
        return {}

    def elect(self, kind: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, BrokerError]:
        self.world.change(f"elect {len(partitions)}")
        for partition in partitions:
            self.world._elect((partition.topic, partition.partition), preferred=True)
        return {}


class _Hosts:
    def __init__(self, world: BrokerWorld, entries: Sequence[HostEntry]) -> None:
        self._hosts = {entry.node_id: _Host(world, entry) for entry in entries}

    def all(self, role: str | None = None) -> list[_Host]:
        return [host for host in self._hosts.values() if role in (None, "broker")]

    def get(self, node_id: int, role: str = "broker") -> _Host:
        return self._hosts[node_id]

    def __len__(self) -> int:
        return len(self._hosts)


class _Host:
    def __init__(self, world: BrokerWorld, entry: HostEntry) -> None:
        self.world = world
        self.entry = entry
        self.unreachable: Callable[[], bool] = lambda: False

    @property
    def _node(self) -> int:
        return self.entry.node_id

    def service_state(self) -> ServiceState:
        if self.unreachable():
            raise HostError("away")
        return ServiceState("active" if self.world.running[self._node] else "inactive", 1, 0)

    def start(self) -> None:
        if not self.world.running[self._node]:
            self.world.start(self._node)

    def stop(self) -> None:
        if self.world.running[self._node]:
            self.world.stop(self._node)

    def read_file(self, path: str) -> bytes:
        return self.world.files[self._node].encode()

    def write_file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self.world.change(f"write {self._node}")
        self.world.files[self._node] = content.decode()

    def exists(self, path: str) -> bool:
        return path in ("/opt/old", "/opt/new")

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> CommandResult:
        if command[0] == "readlink":
            link = self.world.links[self._node] if command[1] == "--" else "/usr/bin/java"
            return CommandResult(0, f"{link}\n", "")
        if command[-1] == "-version":
            return CommandResult(0, "", 'openjdk version "17.0.15"')
        if "ls" in command[2]:
            version = {"/opt/old": "3.8.1", "/opt/new": "3.9.2"}[self.world.links[self._node]]
            return CommandResult(0, f"kafka_2.13-{version}.jar\n", "")
        self.world.change(f"link {self._node}")
        self.world.links[self._node] = command[-2]
        return CommandResult(0, "", "")

    def log_tail(self, lines: int = 50) -> str:
        return ""
