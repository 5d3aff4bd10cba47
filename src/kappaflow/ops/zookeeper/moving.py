"""What the steps that change an ensemble have in common: who runs, who may go away for a moment, who leads."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kappaflow.errors import PlanError
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.plans.action import Arguments, Progress
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import texts as _texts
from kappaflow.ops.zookeeper.looks import ServerLook, look_at_servers
from kappaflow.ops.zookeeper.status import EnsembleState, ServerState, ensemble_state
from kappaflow.ops.zookeeper.zoo_cfg import data_directory, read_servers, with_servers
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, message, text

assert _texts
FOLLOW_TIMEOUT_S, SETTLE_TIMEOUT_S, POLL_S = 120.0, 30.0, 0.3
LEFT_OUT_S = 15.0
"""How long servers are waited for that were left out of an election."""
_SERVES = ("leader", "follower", "standalone", "observer")


def host_of(session: OpsSession, number: int) -> Host:
    """The machine of a server."""
    return session.hosts.get(number, "zookeeper")


def content_of(host: Host) -> str:
    """Its configuration file."""
    return host.read_file(host.entry.config_file).decode()


def servers_in(arguments: Arguments) -> dict[int, str]:
    """The list of servers that a step gives."""
    return {int(number): str(address) for number, address in arguments["servers"]}


def active_looks(session: OpsSession) -> list[ServerLook]:
    """The servers that are named as hosts and run: also those that only some files name."""
    return [look for look in look_at_servers(session) if look.active]


def running_ensemble(session: OpsSession) -> EnsembleState:
    """Their ensemble."""
    return _ensemble_of(session, active_looks(session))


def _ensemble_of(session: OpsSession, looks: Iterable[ServerLook]) -> EnsembleState:
    return ensemble_state(session, [(look.number, look.address) for look in looks])


def _named(session: OpsSession) -> list[dict[int, str]]:
    """Whom the file of each of them names, and where."""
    return [read_servers(look.content) or {look.number: ""} for look in active_looks(session)]


def left_out(session: OpsSession) -> set[int]:
    """Running servers that cannot find the leader while servers have different lists.

    Where as few as a majority of the shorter list elected, servers with the longer one hear of a leader from fewer than
    a majority of theirs: they go on looking. They follow when all have the same list, so a change has to go on.
    """
    looks = active_looks(session)
    lists = {look.number: set(read_servers(look.content)) for look in looks}
    if len({frozenset(own) for own in lists.values()}) < 2:
        return set()
    state = _ensemble_of(session, looks)
    if state.leader is None:
        return set()
    serving = {s.server_id for s in state.servers if s.mode in ("leader", "follower")}
    looking = {s.server_id for s in state.servers if s.mode != "down"} - serving
    return {n for n in looking & set(lists) if len(serving & lists[n]) < len(lists[n]) // 2 + 1}


def wait_for_all(session: OpsSession, number: int, progress: Progress) -> None:
    """Wait until every running server follows one leader in sync; shows the arithmetic.

    Who is `left_out` is waited for only for a while.

    Raises:
        PlanError: they do not; with what the server logged.
    """

    patience = session.clock.time_ms() + LEFT_OUT_S * 1000

    def whole() -> bool:
        state = running_ensemble(session)
        leader = state.leader
        progress(
            text(
                "zookeeper.progress",
                leader="-" if leader is None else leader.server_id,
                followers=0 if leader is None else leader.followers or 0,
                wanted=len(state.servers) - 1,
                serving=state.serving,
                quorum=state.quorum,
                lose=state.can_lose,
            )
        )
        away = {s.server_id for s in state.servers if s.mode not in ("leader", "follower")}
        if away and session.clock.time_ms() > patience:
            return away <= left_out(session)
        return number in {s.server_id for s in state.servers} - away and state.is_whole()

    if not wait_until(session, whole, FOLLOW_TIMEOUT_S, POLL_S):
        state = running_ensemble(session)
        problems = "; ".join(map(str, state.problems())) or "-"
        log = host_of(session, number).log_tail(5)
        raise PlanError(message("zookeeper.not_joined", server=number, problems=problems, log=log))


def settled(session: OpsSession, without: int) -> list[ServerState]:
    """The other running servers, once none starts or elects any more, as after a crash; or after half a minute."""

    def others() -> list[ServerState]:
        return [s for s in running_ensemble(session).servers if s.server_id != without]

    wait_until(session, lambda: all(s.mode in _SERVES for s in others()), SETTLE_TIMEOUT_S, POLL_S)
    return others()


def not_serving(servers: Iterable[ServerState]) -> list[Text]:
    """Those of them that neither lead nor follow."""
    return [
        text("zookeeper.down", server=s.server_id, address=s.address, problem=s.problem)
        for s in servers
        if s.mode not in _SERVES
    ]


def gate(session: OpsSession, number: int, members: Collection[int]) -> list[Text]:
    """Why a server must not go away now: another one does not follow or run, or the quorum would be lost.

    Args:
        session: the cluster.
        number: the server that is to go away for a moment.
        members: all that have to run meanwhile; those that the context does not name are not looked at.
    """
    rest = settled(session, number)
    waits = left_out(session) if not_serving(rest) else set[int]()
    away = not_serving(s for s in rest if s.server_id not in waits)
    looks = {look.number: look for look in look_at_servers(session)}
    stopped = (set(members) & set(looks)) - {number} - {s.server_id for s in rest}
    for server in sorted(stopped):
        problem = looks[server].problem
        away.append(
            text("zookeeper.unreachable", server=server, problem=problem)
            if problem
            else text("zookeeper.stopped", server=server)
        )
    quorum = max(len(members), len(rest) + 1) // 2 + 1
    if not away and len(rest) < quorum and quorum > 1:
        away.append(text("zookeeper.gate", server=number, rest=len(rest), quorum=quorum))
    return away


def members_of_files(session: OpsSession) -> set[int]:
    """The servers that the files of running servers name."""
    return set[int]().union(*_named(session))


def restart(session: OpsSession, number: int, progress: Progress, away: Collection[int] = ()) -> None:
    """Restart a server and wait until all follow; the others elect their leader before it is back."""
    host = host_of(session, number)
    host.stop()
    crash_point("zookeeper.stopped")
    settled(session, number)
    host.start()
    let_all_know_the_leader(session, progress, away)
    wait_for_all(session, number, progress)


def let_all_know_the_leader(session: OpsSession, progress: Progress, away: Collection[int] = ()) -> None:
    """Where one leads that not all know, stop those until another one leads, and start them again.

    A server follows no leader that its file does not name, or names at another address.

    Args:
        session: the cluster.
        progress: told of it.
        away: servers that are dead, and that nobody waits for.

    Raises:
        PlanError: the known ones are no quorum of all; or they elect no leader.
    """
    pairs = [set(named.items()) for named in _named(session)]
    known = {number for number, _ in set[tuple[int, str]]().union(*pairs).intersection(*pairs)}

    def leads() -> int | None:
        leader = running_ensemble(session).leader
        return None if leader is None else leader.server_id

    wait_until(session, lambda: leads() is not None, FOLLOW_TIMEOUT_S, POLL_S)
    if leads() in known:
        return
    needed = (known & {host.entry.node_id for host in session.hosts.all("zookeeper")}) - set(away)

    def missing() -> list[int]:
        return sorted(needed - {s.server_id for s in running_ensemble(session).servers if s.mode != "down"})

    if not wait_until(session, lambda: not missing(), FOLLOW_TIMEOUT_S, POLL_S):
        raise PlanError(
            message("zookeeper.not_up", server=missing()[0], log=host_of(session, missing()[0]).log_tail(5))
        )
    state = running_ensemble(session)
    others = [s.server_id for s in state.servers if s.server_id not in known]
    if len(state.servers) - len(others) < state.quorum:
        raise PlanError(message("zookeeper.too_many", others=", ".join(map(str, others)), quorum=state.quorum))
    progress(text("zookeeper.yield", leader=leads() or "-", known=", ".join(map(str, sorted(known)))))
    for number in others:
        host_of(session, number).stop()
    crash_point("zookeeper.yielding")
    elected = wait_until(session, lambda: leads() in known, FOLLOW_TIMEOUT_S, POLL_S)
    for number in others:
        host_of(session, number).start()
    if not elected:
        raise PlanError(message("zookeeper.no_leader"))


def follows(session: OpsSession, arguments: Arguments) -> bool:
    """Tell whether a new server runs with its list of servers, and all that run follow one leader.

    Args:
        arguments: with ``server``, its number, and ``servers``, the list.
    """
    host = host_of(session, arguments["server"])
    if read_servers(content_of(host)) != servers_in(arguments) or host.service_state().state != "active":
        return False
    return running_ensemble(session).is_whole()


def start_new(session: OpsSession, arguments: Arguments, progress: Progress) -> None:
    """Write ``zoo.cfg`` and ``myid`` of a new server, start it, and wait until it follows.

    Args:
        arguments: as of `follows`.

    Raises:
        PlanError: it does not follow.
    """
    number = arguments["server"]
    host = host_of(session, number)
    content = with_servers(content_of(host), servers_in(arguments))
    host.make_directory(data_directory(content))
    host.write_file(f"{data_directory(content)}/myid", f"{number}\n".encode())
    host.write_file(host.entry.config_file, content.encode())
    crash_point("zookeeper.configured")
    host.stop()
    host.start()
    wait_for_all(session, number, progress)
