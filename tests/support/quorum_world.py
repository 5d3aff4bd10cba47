"""A simulated metadata quorum behind the faces of operations: controllers run, read along, vote, lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kappaflow.errors import BrokerError, ConfigError, RetriableBrokerError
from kappaflow.ops.admin.faces import ClusterState, FeatureState, QuorumListener, QuorumMember, QuorumState
from kappaflow.ops.contexts import ClusterContext, HostEntry
from kappaflow.ops.hosts.face import CommandResult, ServiceState
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.clock import ManualClock

NOW_MS = 1_000_000
BROKER = 1


class Crash(BaseException):
    """The process ends here."""


class QuorumWorld:
    """Controllers 101.. of which the first ones vote; ``events`` has what was done to them, in order.

    A change of the voters needs a majority of the new set, as KIP-853 has it; the world never takes it as given.

    Attributes:
        running: by controller.
        voters: those that vote.
        leader: of the quorum.
        kraft_version: 0 where the voters are fixed.
        elections: looks that fail with nobody leading, until the others have elected.
        slow: looks until a controller that was started has caught up.
        lost_majority: after which events fewer voters than a majority ran.
        lose_answer: whether the answer to a change gets lost once.
        budget: changes until the process crashes; None for never.
    """

    def __init__(self, voters: int, others: int = 0, *, combined: Sequence[int] = ()) -> None:
        known = range(101, 101 + voters + others)
        self.voters = set(range(101, 101 + voters))
        self.running = {node: node in self.voters for node in known}
        self.behind = dict.fromkeys(known, 0)
        self.combined = frozenset(combined)
        self.files = {
            n: f"node.id={n}\ncontroller.listener.names=CONTROLLER\nlisteners=CONTROLLER://10.0.0.{n}:9093\n"
            for n in known
        }
        self.leader = 101
        self.kraft_version = 1
        self.elections = 0
        self.slow = 2
        self.events: list[str] = []
        self.lost_majority: list[str] = []
        self.lose_answer = False
        self.broken: set[int] = set()
        self.budget: int | None = None
        self.added_listeners: list[QuorumListener] = []

    def session(self) -> OpsSession:
        entries = tuple(
            HostEntry(
                n, ("broker", "controller") if n in self.combined else ("controller",), "local", "", "kafka", f"/{n}"
            )
            for n in self.running
        )
        admin: Any = _Admin(self)
        hosts: Any = _Hosts(self, entries)
        clock = ManualClock(NOW_MS)
        context = ClusterContext("prod", "127.0.0.1:1", hosts=entries)
        return OpsSession(
            context, admin=admin, hosts=hosts, clock=clock, pause=lambda seconds: clock.advance(int(seconds * 1000))
        )

    def change(self, event: str) -> None:
        if self.budget is not None:
            if self.budget == 0:
                raise Crash
            self.budget -= 1
        self.events.append(event)

    def fresh(self, node: int) -> bool:
        return self.running[node] and self.behind[node] == 0

    def has_majority(self, voters: set[int]) -> bool:
        return sum(map(self.fresh, voters)) >= len(voters) // 2 + 1

    def changed(self) -> None:
        if not self.has_majority(self.voters):
            self.lost_majority.append(self.events[-1])
        if self.leader not in self.voters or not self.running[self.leader]:
            able = sorted(filter(self.fresh, self.voters))
            self.leader, self.elections = (able[0] if able else -1), 2

    def look(self) -> None:
        for node, runs in self.running.items():
            if runs and self.behind[node]:
                self.behind[node] -= 1
        if self.elections:
            self.elections -= 1
            raise RetriableBrokerError(6, "NOT_LEADER_OR_FOLLOWER", "nobody leads")


class _Admin:
    def __init__(self, world: QuorumWorld) -> None:
        self.quorum = _Quorum(world)
        self.features = _Features(world)

    def describe(self) -> ClusterState:
        return ClusterState("id", 101, ())

    def supports(self, api_key: int, version: int = 0) -> bool:
        return True

    def close(self) -> None:
        pass


class _Features:
    def __init__(self, world: QuorumWorld) -> None:
        self.world = world

    def describe(self, broker: int | None = None) -> dict[str, FeatureState]:
        return {"kraft.version": FeatureState("kraft.version", self.world.kraft_version, 0, 1)}


class _Quorum:
    def __init__(self, world: QuorumWorld) -> None:
        self.world = world

    def describe(self) -> QuorumState:
        world = self.world
        world.look()

        def member(node: int) -> QuorumMember:
            caught_up = NOW_MS if world.fresh(node) else -1
            return QuorumMember(node, f"dir-{node}", 50 if world.fresh(node) else 10, NOW_MS, caught_up)

        observers = [member(n) for n, runs in world.running.items() if runs and n not in world.voters]
        observers.append(QuorumMember(BROKER, "dir-b", 50, NOW_MS, NOW_MS))
        return QuorumState(
            world.leader,
            7,
            50,
            tuple(member(n) for n in sorted(world.voters)),
            tuple(sorted(observers)),
            {n: (QuorumListener("CONTROLLER", f"10.0.0.{n}", 9093),) for n in world.voters},
        )

    def add_voter(self, cluster_id: str, node_id: int, directory_id: str, listeners: Sequence[QuorumListener]) -> None:
        world = self.world
        assert (cluster_id, directory_id) == ("id", f"dir-{node_id}")
        if node_id in world.voters:
            return
        if not world.fresh(node_id) or not world.has_majority(world.voters | {node_id}):
            raise RetriableBrokerError(7, "REQUEST_TIMED_OUT", "not caught up")
        world.change(f"add {node_id}")
        world.voters.add(node_id)
        world.added_listeners = list(listeners)
        self._answer()

    def remove_voter(self, cluster_id: str, node_id: int, directory_id: str) -> None:
        world = self.world
        assert (cluster_id, directory_id) == ("id", f"dir-{node_id}")
        if node_id not in world.voters:
            return
        if not world.has_majority(world.voters - {node_id}):
            raise BrokerError(7, "REQUEST_TIMED_OUT", "no majority")
        world.change(f"remove {node_id}")
        world.voters.discard(node_id)
        self._answer()

    def _answer(self) -> None:
        self.world.changed()
        if self.world.lose_answer:
            self.world.lose_answer = False
            raise RetriableBrokerError(13, "NETWORK_EXCEPTION", "the answer was lost")


class _Hosts:
    def __init__(self, world: QuorumWorld, entries: Sequence[HostEntry]) -> None:
        self._hosts = {entry.node_id: _Host(world, entry) for entry in entries}

    def all(self, role: str | None = None) -> list[_Host]:
        return [host for host in self._hosts.values() if role is None or role in host.entry.roles]

    def get(self, node_id: int, role: str = "broker") -> _Host:
        if node_id not in self._hosts:
            raise ConfigError(f"no host for {role} {node_id}")
        return self._hosts[node_id]

    def __len__(self) -> int:
        return len(self._hosts)


class _Host:
    def __init__(self, world: QuorumWorld, entry: HostEntry) -> None:
        self.world = world
        self.entry = entry

    def service_state(self) -> ServiceState:
        return ServiceState("active" if self.world.running[self.entry.node_id] else "failed", 1, 0)

    def start(self) -> None:
        node, world = self.entry.node_id, self.world
        if not world.running[node]:
            world.change(f"start {node}")
            world.running[node] = node not in world.broken
            world.behind[node] = world.slow

    def stop(self) -> None:
        node, world = self.entry.node_id, self.world
        if world.running[node]:
            world.change(f"stop {node}")
            world.running[node] = False
            world.changed()

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> CommandResult:
        return CommandResult(0, f"host-{self.entry.node_id}.example\n", "")

    def read_file(self, path: str) -> bytes:
        return self.world.files[self.entry.node_id].encode()

    def exists(self, path: str) -> bool:
        return True

    def log_tail(self, lines: int = 50) -> str:
        return "it is not formatted"
