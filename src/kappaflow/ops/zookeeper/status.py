"""The state of an ensemble, leader first, with its quorum arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

from kappaflow.errors import UsageError
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import texts as _texts
from kappaflow.ops.zookeeper.four_letter import ask, follower_count, read_monitor
from kappaflow.ops.zookeeper.looks import ServerLook, address_of_silent, look_at_servers, members_of
from kappaflow.runtime.messages import Text, message, text

assert _texts
Mode = Literal["leader", "follower", "observer", "standalone", "down", "unknown"]
_ORDER: tuple[Mode, ...] = ("leader", "standalone", "follower", "observer", "unknown", "down")


class ServerState(NamedTuple):
    """One server.

    Attributes:
        server_id: its ``myid``; -1 where only its address is known.
        address: of its client port.
        mode: what it is now.
        ok: whether it answers ``ruok`` with ``imok``.
        version: of its software; empty where unknown.
        followers: in sync with it, where it is the leader; else None.
        learners: connected to it, where it is the leader and says so; else None.
        connections: of clients; -1 where unknown.
        outstanding: requests that wait; -1 where unknown.
        latency_ms: mean; -1 where unknown.
        znodes: how many; -1 where unknown.
        problem: why it could not be asked; empty where it could.
    """

    server_id: int
    address: str
    mode: Mode
    ok: bool
    version: str
    followers: int | None
    learners: int | None
    connections: int
    outstanding: int
    latency_ms: float
    znodes: int
    problem: str


@dataclass(frozen=True)
class EnsembleState:
    """All servers, the leader first.

    Attributes:
        servers: all that are known.
    """

    servers: tuple[ServerState, ...]

    @property
    def voting(self) -> int:
        """How many servers vote: all but observers."""
        return sum(server.mode != "observer" for server in self.servers)

    @property
    def quorum(self) -> int:
        """How many have to agree."""
        return self.voting // 2 + 1

    @property
    def serving(self) -> int:
        """How many voting servers serve now."""
        return sum(server.mode in ("leader", "follower", "standalone") for server in self.servers)

    @property
    def can_lose(self) -> int:
        """How many more may go until there is no quorum; below zero where there is none."""
        return self.serving - self.quorum

    @property
    def leader(self) -> ServerState | None:
        """The leader, or the only server."""
        found = self.servers[0] if self.servers else None
        return found if found is not None and found.mode in ("leader", "standalone") else None

    def problems(self) -> list[Text]:
        """What is not as it should be."""
        found = [
            text("zookeeper.down", server=server.server_id, address=server.address, problem=server.problem)
            for server in self.servers
            if server.mode in ("down", "unknown")
        ]
        leaders = [server for server in self.servers if server.mode == "leader"]
        if self.can_lose < 0:
            found.append(text("zookeeper.no_quorum", serving=self.serving, voting=self.voting, quorum=self.quorum))
        elif self.voting > 1 and not leaders:
            found.append(text("zookeeper.no_leader"))
        if len(leaders) > 1:
            found.append(text("zookeeper.two_leaders", servers=", ".join(str(s.server_id) for s in leaders)))
        if len(leaders) == 1 and leaders[0].followers is not None and leaders[0].followers != self.serving - 1:
            found.append(text("zookeeper.followers", found=leaders[0].followers, wanted=self.serving - 1))
        if self.voting % 2 == 0:
            found.append(text("zookeeper.even", voting=self.voting, fewer=self.voting - 1))
        if self.can_lose == 0 and self.voting > 1:
            found.append(text("zookeeper.last", serving=self.serving, quorum=self.quorum))
        return found

    def is_whole(self) -> bool:
        """Whether all serve, one leads, and all others follow it in sync."""
        leader = self.leader
        if leader is None or self.serving != self.voting:
            return False
        return leader.mode == "standalone" or leader.followers == self.voting - 1


def ensemble_state(session: OpsSession, addresses: Sequence[tuple[int, str]] | None = None) -> EnsembleState:
    """Ask all servers, at once.

    Args:
        session: the cluster; its context names the servers, by its hosts or by its ZooKeeper addresses.
        addresses: number and client address of each; those of the context by default.

    Raises:
        UsageError: the context names none.
    """
    silent: list[ServerState] = []
    if addresses is None:
        looks = look_at_servers(session)
        addresses, silent = server_addresses(session, looks), _silent(session, looks)
    if not addresses and not silent:
        raise UsageError(message("zookeeper.none", cluster=session.context.name))
    with ThreadPoolExecutor(len(addresses) or 1) as pool:
        states = [*pool.map(lambda row: server_state(*row), addresses), *silent]
    return EnsembleState(tuple(sorted(states, key=lambda s: (_ORDER.index(s.mode), s.server_id, s.address))))


def server_addresses(session: OpsSession, looks: list[ServerLook]) -> list[tuple[int, str]]:
    """Number and client address of each server that is configured: of those that the files of running servers name.

    Where no machine could be asked, the addresses of the context, whose numbers are not known.
    """
    members = members_of(looks)
    found = [(look.number, look.address) for look in looks if look.number in members and look.content]
    if found:
        return sorted(found)
    return [
        (-1, address.strip()) for address in session.context.zookeeper.partition("/")[0].split(",") if address.strip()
    ]


def _silent(session: OpsSession, looks: list[ServerLook]) -> list[ServerState]:
    """Members whose machines cannot be asked; their servers may serve all the same."""
    members = members_of(looks)
    if not members and session.context.zookeeper:
        return []  # the addresses of the context are asked
    states: list[ServerState] = []
    for look in looks:
        if look.problem and (look.number in members or not members):
            address = address_of_silent(look, looks, session.context.zookeeper)
            if address and (state := server_state(look.number, address)).mode != "down":
                states.append(state)
            else:
                states.append(_down(look.number, address or look.host.entry.address, look.problem))
    return states


def _down(server_id: int, address: str, problem: str) -> ServerState:
    return ServerState(server_id, address, "down", False, "", None, None, -1, -1, -1.0, -1, problem)


def server_state(server_id: int, address: str) -> ServerState:
    """Ask one server what it is."""
    alive = ask(address, "ruok")
    if alive.problem and "may not answer" not in alive.problem:
        return _down(server_id, address, alive.problem)
    monitor = ask(address, "mntr")
    values = read_monitor(monitor.text)
    mode: Mode = "unknown"
    for known in _ORDER:
        if values.get("zk_server_state") == known:
            mode = known
    if mode == "unknown":  # a server that has no quorum says that it does not serve
        plain = ask(address, "srvr").text.lower()
        for known in _ORDER:
            if f"mode: {known}" in plain:
                mode = known
    problem = "" if mode != "unknown" else monitor.problem or monitor.text.strip()[:120]
    leads = mode == "leader"
    learners = int(float(values["zk_learners"])) if leads and "zk_learners" in values else None
    return ServerState(
        server_id,
        address,
        mode,
        alive.text == "imok",
        values.get("zk_version", "").partition(",")[0].partition("-")[0],
        follower_count(values) if leads else None,
        learners,
        int(float(values.get("zk_num_alive_connections", -1))),
        int(float(values.get("zk_outstanding_requests", -1))),
        float(values.get("zk_avg_latency", -1)),
        int(float(values.get("zk_znode_count", -1))),
        problem,
    )
