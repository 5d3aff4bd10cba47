"""A simulated ZooKeeper ensemble behind the face of hosts: servers run, read their files at a start, follow, lead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from kappaflow.errors import ConfigError, HostError
from kappaflow.ops.contexts import ClusterContext, HostEntry
from kappaflow.ops.hosts.face import CommandResult, ServiceState
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import ServerState
from kappaflow.ops.zookeeper.zoo_cfg import read_servers
from kappaflow.runtime.clock import ManualClock


class Crash(BaseException):
    """The process ends here."""


class ZookeeperWorld:
    """Servers 1.. of which the first ones are the ensemble; ``events`` has what was done to them, in order.

    A server follows no leader that its file did not name when it started, or named at another address, and leads only
    with more than half of those that its file named; whom it does not know it still serves, without a vote. The one of
    the highest number is elected, of those that have everything, whether or not others know its address.

    Attributes:
        states: of the servers' processes.
        files: their ``zoo.cfg`` by now.
        known: the servers that each knew when it started, and their addresses.
        whole: servers that have everything that was acknowledged.
        leader: 0 while there is none.
        slow: pauses until a server that was started answers; an election takes as long.
        hasty: an election is over when as few as can agree do; the others have to hear of it from a majority of theirs.
        lost: after which events no servers were left that could elect a leader.
        split: after which events two groups of servers could each elect a leader.
        budget: changes until the process of kappa crashes; None for never.
        broken: servers that end as soon as they are started.
        unreachable: servers whose machines do not answer.
        answering: addresses at which an old server still takes part in elections.
    """

    def __init__(
        self,
        members: int,
        others: int = 0,
        *,
        leader: int = 0,
        dead: Iterable[int] = (),
        moved: Mapping[int, str] | None = None,
        hasty: bool = False,
    ) -> None:
        """Lay them out.

        Args:
            members: servers of the ensemble.
            others: more servers, which do not run.
            leader: of the ensemble; the highest number by default.
            dead: servers that ended.
            moved: new addresses of dead servers, whose machines are empty.
            hasty: see above.
        """
        voters, everybody = range(1, members + 1), range(1, members + others + 1)
        rows = "".join(f"server.{n}=z{n}:2888:3888\n" for n in voters)
        self.files = {n: f"tickTime=2000\ndataDir=/data/{n}\nclientPort={2180 + n}\n" for n in everybody}
        for number in voters:
            self.files[number] += rows
        self.states = {n: "active" if n in voters else "inactive" for n in everybody}
        self.addresses = {n: f"z{n}:2888:3888" for n in everybody} | dict(moved or {})
        self.known = {n: {m: f"z{m}:2888:3888" for m in voters} for n in voters}
        self.whole = set(voters) - {*dead, *(moved or ())}
        for number in {*dead, *(moved or ())}:
            self.states[number] = "failed"
        for number in moved or ():
            self.states[number] = "inactive"
            self.files[number] = self.files[number].removesuffix(rows)
        self.warming = dict.fromkeys(everybody, 0)
        self.leader = leader or max(self.whole)
        self.began = dict.fromkeys(everybody, 0)
        self.joined = set(self.whole)
        self.electing = 0
        self.slow = 3
        self.hasty = hasty
        self.events: list[str] = []
        self.lost: list[str] = []
        self.split: list[str] = []
        self.budget: int | None = None
        self.broken: set[int] = set()
        self.unreachable: set[int] = set()
        self.answering: set[str] = set()

    def session(self) -> OpsSession:
        """Operations on it; their pauses are its time."""
        entries = tuple(
            HostEntry(n, ("zookeeper",), "local", "", "zookeeper", f"/{n}", {"server": self.addresses[n]})
            for n in self.files
        )
        clock = ManualClock(1_000_000)

        def pause(seconds: float) -> None:
            clock.advance(int(seconds * 1000))
            self.tick()

        admin: Any = _Admin()
        hosts: Any = _Hosts(self, entries)
        context = ClusterContext("prod", "127.0.0.1:1", hosts=entries)
        return OpsSession(context, admin=admin, hosts=hosts, clock=clock, pause=pause)

    def picture(self) -> Any:
        """What stays when nobody does anything."""
        return (
            dict(self.states),
            dict(self.files),
            {n: dict(known) for n, known in self.known.items() if self.states[n] == "active"},
        )

    # What happens

    def change(self, event: str) -> None:
        """Note a change that is about to be made, unless the process ends before it."""
        if self.budget is not None:
            if self.budget == 0:
                raise Crash
            self.budget -= 1
        self.events.append(event)

    def start(self, number: int) -> None:
        """A server begins with what its file says now."""
        if self.states[number] == "active":
            return
        self.change(f"start {number}")
        if number in self.broken:
            self.states[number] = "failed"
            return
        self.states[number] = "active"
        self.known[number] = read_servers(self.files[number])
        self.warming[number] = self.slow
        self.began[number] = max(self.began.values()) + 1

    def stop(self, number: int) -> None:
        """A server is asked to end."""
        if self.states[number] == "active":
            self.change(f"stop {number}")
        self.end(number, "inactive")

    def end(self, number: int, state: str = "failed") -> None:
        """A server ends, by itself where no other state is named."""
        self.states[number] = state
        self.joined.discard(number)
        if not self.led() and not self.able():
            self.lost.append(self.events[-1] if self.events else f"end of {number}")
        self.look_for_two()
        if self.leader and not self.led():
            self.leader, self.electing = 0, self.slow

    def tick(self) -> None:
        """A moment goes by."""
        for number, left in self.warming.items():
            self.warming[number] = max(0, left - 1)
            if left == 1:
                self.look_for_two()
        if self.electing:
            self.electing -= 1
        if not self.leader and not self.electing and self.able():
            self.leader = self.able()[0]
            self.joined = self.electorate(set(self.following(self.leader) or ()))
            if self.leader not in self.whole:
                self.lost.append(f"what was acknowledged, as {self.leader} leads")
        self.joined |= {n for n in self.answers() - self.joined if self.leader and self.finds_the_leader(n)}
        if self.leader in self.whole:
            self.whole |= self.led()

    # Who may lead, and whom

    def answers(self) -> set[int]:
        """Servers that are up."""
        return {n for n, state in self.states.items() if state == "active" and not self.warming[n]}

    def following(self, leader: int, *, by_number: bool = False) -> set[int] | None:
        """The leader and those that follow it, or would do so by its number; None where it cannot lead."""
        at = self.known[leader].get(leader)
        group = {n for n in self.answers() if leader in self.known[n] and (by_number or self.known[n][leader] == at)}
        while True:
            fewer = {n for n in group if len(group & set(self.known[n])) >= len(self.known[n]) // 2 + 1}
            if fewer == group:
                return group if leader in group else None
            group = fewer

    def electorate(self, group: set[int]) -> set[int]:
        """Those of a group that follow its leader at once."""
        if not self.hasty:
            return group
        fewest = (set(some) for size in range(1, len(group) + 1) for some in combinations(sorted(group), size))
        return next(some for some in fewest if self.leader in some and self.enough(sorted(some)))

    def led(self) -> set[int]:
        """The leader and those that follow it now."""
        if not self.leader or self.leader not in self.joined:
            return set()
        return (self.following(self.leader) or set[int]()) & self.joined

    def finds_the_leader(self, number: int) -> bool:
        """Whether a server that starts hears a majority of its list say who leads.

        Two servers talk when the one that started later knows where the other one is.
        """
        knows = self.known[number]
        heard = {n for n in self.led() if knows.get(n) == self.known[n].get(n) or self.began[n] > self.began[number]}
        return knows.get(self.leader) == self.known[self.leader].get(self.leader) and len(heard & set(knows)) >= min(
            len(knows) // 2 + 1, len(knows) - 1
        )

    def look_for_two(self) -> None:
        """Note it where two groups could each elect a leader that have no server in common."""
        up = sorted(self.answers())
        groups = [
            set(group) for size in range(1, len(up) + 1) for group in combinations(up, size) if self.enough(group)
        ]
        if any(one.isdisjoint(other) for one, other in combinations(groups, 2)):
            self.split.append(self.events[-1])

    def enough(self, group: Sequence[int]) -> bool:
        """Whether servers could elect one of themselves."""
        majorities = all(len(set(self.known[n]).intersection(group)) >= len(self.known[n]) // 2 + 1 for n in group)
        return majorities and any(all(leader in self.known[n] for n in group) for leader in group)

    def able(self) -> list[int]:
        """The server that is elected now; none where it cannot lead."""
        elected = [n for n in self.answers() if self.following(n, by_number=True) is not None]
        best = max(elected, key=lambda n: (n in self.whole, n), default=0)
        return [best] if best and self.following(best) is not None else []

    def is_answering(self, address: str) -> bool:
        """As `kappaflow.ops.zookeeper.replacing.is_answering`."""
        return address in self.answering

    def look_at(self, number: int, address: str) -> ServerState:
        """As `kappaflow.ops.zookeeper.status.server_state`."""
        group = self.led()
        followers = None
        if number not in self.answers():
            mode = "down"
        elif number == self.leader and group:
            mode, followers = "leader", len(group) - 1
        else:
            mode = "follower" if number in group else "unknown"
        return ServerState(number, address, mode, mode != "down", "3.8", followers, None, 0, 0, 0.0, 0, "")  # type: ignore[arg-type]


class _Admin:
    def close(self) -> None:
        pass


class _Hosts:
    def __init__(self, world: ZookeeperWorld, entries: Iterable[HostEntry]) -> None:
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
    def __init__(self, world: ZookeeperWorld, entry: HostEntry) -> None:
        self.world = world
        self.entry = entry

    def reach(self) -> None:
        if self.entry.node_id in self.world.unreachable:
            raise HostError(f"machine {self.entry.node_id} cannot be reached")

    def service_state(self) -> ServiceState:
        self.reach()
        state: Any = self.world.states[self.entry.node_id]
        return ServiceState(state, 1, 0)

    def start(self) -> None:
        self.world.start(self.entry.node_id)

    def stop(self) -> None:
        self.world.stop(self.entry.node_id)

    def read_file(self, path: str) -> bytes:
        self.reach()
        return self.world.files[self.entry.node_id].encode()

    def write_file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self.world.change(f"write {path}")
        if path == self.entry.config_file:
            self.world.files[self.entry.node_id] = content.decode()

    def make_directory(self, path: str) -> None:
        pass

    def exists(self, path: str) -> bool:
        self.reach()
        written = {f"/data/{n}/version-2" for n in self.world.files if n in self.world.whole}
        return "version-2" not in path or path in written

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> CommandResult:
        return CommandResult(0, "", "")

    def log_tail(self, lines: int = 50) -> str:
        return "it does not start"
