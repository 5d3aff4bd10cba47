"""The steps of plans that change an ensemble. Each waits until all servers but one follow the leader in sync."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kappaflow.errors import PlanError
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import texts as _texts
from kappaflow.ops.zookeeper.status import EnsembleState, ServerState, ensemble_state
from kappaflow.ops.zookeeper.zoo_cfg import client_address, data_directory, read_servers, with_servers
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, message, text

assert _texts
FOLLOW_TIMEOUT_S, SETTLE_TIMEOUT_S, POLL_S = 120.0, 30.0, 0.3
_SERVES = ("leader", "follower", "standalone", "observer")


def _host(session: OpsSession, number: int) -> Host:
    return session.hosts.get(number, "zookeeper")


def _content(host: Host) -> str:
    return host.read_file(host.entry.config_file).decode()


def _servers(arguments: Arguments) -> dict[int, str]:
    return {int(number): str(address) for number, address in arguments["servers"]}


def _active(session: OpsSession) -> dict[int, str]:
    """The servers that are named as hosts and run, with their files: also those that only some files name."""

    def content(host: Host) -> str | None:
        return _content(host) if host.service_state().state == "active" else None

    hosts = session.hosts.all("zookeeper")
    with ThreadPoolExecutor(max(1, len(hosts))) as pool:
        contents = list(pool.map(content, hosts))
    return {host.entry.node_id: found for host, found in zip(hosts, contents, strict=True) if found is not None}


def _running(session: OpsSession) -> EnsembleState:
    """Their ensemble."""
    return ensemble_state(session, [(number, client_address(content)) for number, content in _active(session).items()])


def _named(session: OpsSession) -> list[set[int]]:
    """Whom the file of each of them names."""
    return [set(read_servers(content)) or {number} for number, content in _active(session).items()]


def _wait_for_all(session: OpsSession, number: int, progress: Progress) -> None:
    """Wait until every running server follows one leader in sync; shows the arithmetic.

    Raises:
        PlanError: they do not; with what the server logged.
    """

    def whole() -> bool:
        state = _running(session)
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
        serves = any(s.server_id == number and s.mode in ("leader", "follower") for s in state.servers)
        return serves and state.is_whole()

    if not wait_until(session, whole, FOLLOW_TIMEOUT_S, POLL_S):
        state = _running(session)
        problems = "; ".join(map(str, state.problems())) or "-"
        log = _host(session, number).log_tail(5)
        raise PlanError(message("zookeeper.not_joined", server=number, problems=problems, log=log))


def _settled(session: OpsSession, without: int) -> list[ServerState]:
    """The other running servers, once none starts or elects any more, as after a crash; or after half a minute."""

    def others() -> list[ServerState]:
        return [s for s in _running(session).servers if s.server_id != without]

    wait_until(session, lambda: all(s.mode in _SERVES for s in others()), SETTLE_TIMEOUT_S, POLL_S)
    return others()


def _down(servers: Iterable[ServerState]) -> list[Text]:
    return [
        text("zookeeper.down", server=s.server_id, address=s.address, problem=s.problem)
        for s in servers
        if s.mode not in _SERVES
    ]


def _gate(session: OpsSession, number: int, members: Collection[int]) -> list[Text]:
    """Why a server must not go away now: another one does not follow or run, or the quorum would be lost.

    Args:
        session: the cluster.
        number: the server that is to go away for a moment.
        members: all that have to run meanwhile; those that the context does not name are not looked at.
    """
    rest = _settled(session, number)
    away = _down(rest)
    stopped = (set(members) & {host.entry.node_id for host in session.hosts.all("zookeeper")}) - {number}
    stopped -= {s.server_id for s in rest}
    away += [text("zookeeper.stopped", server=server) for server in sorted(stopped)]
    quorum = max(len(members), len(rest) + 1) // 2 + 1
    if not away and len(rest) < quorum and quorum > 1:
        away.append(text("zookeeper.gate", server=number, rest=len(rest), quorum=quorum))
    return away


def _members(session: OpsSession) -> set[int]:
    """The servers that the files of running servers name."""
    return set[int]().union(*_named(session))


def _restart(session: OpsSession, number: int, progress: Progress) -> None:
    """Restart a server and wait until all follow; the others elect their leader before it is back."""
    host = _host(session, number)
    host.stop()
    crash_point("zookeeper.stopped")
    _settled(session, number)
    host.start()
    _let_all_know_the_leader(session, progress)
    _wait_for_all(session, number, progress)


def _let_all_know_the_leader(session: OpsSession, progress: Progress) -> None:
    """Where one leads that not all know, stop those until another one leads, and start them again.

    A server follows no leader that its file does not name.

    Raises:
        PlanError: the known ones are no quorum of all; or they elect no leader.
    """
    named = _named(session)
    known = set[int]().union(*named).intersection(*named)

    def leads() -> int | None:
        leader = _running(session).leader
        return None if leader is None else leader.server_id

    wait_until(session, lambda: leads() is not None, FOLLOW_TIMEOUT_S, POLL_S)
    if leads() in known:
        return
    needed = known & {host.entry.node_id for host in session.hosts.all("zookeeper")}

    def missing() -> list[int]:
        return sorted(needed - {s.server_id for s in _running(session).servers if s.mode != "down"})

    if not wait_until(session, lambda: not missing(), FOLLOW_TIMEOUT_S, POLL_S):
        raise PlanError(message("zookeeper.not_up", server=missing()[0], log=_host(session, missing()[0]).log_tail(5)))
    state = _running(session)
    others = [s.server_id for s in state.servers if s.server_id not in known]
    if len(state.servers) - len(others) < state.quorum:
        raise PlanError(message("zookeeper.too_many", others=", ".join(map(str, others)), quorum=state.quorum))
    progress(text("zookeeper.yield", leader=leads() or "-", known=", ".join(map(str, sorted(known)))))
    for number in others:
        _host(session, number).stop()
    crash_point("zookeeper.yielding")
    elected = wait_until(session, lambda: leads() in known, FOLLOW_TIMEOUT_S, POLL_S)
    for number in others:
        _host(session, number).start()
    if not elected:
        raise PlanError(message("zookeeper.no_leader"))


class JoinServer:
    """Start a new server: ``server``, ``servers`` as pairs of number and address."""

    name = "zookeeper.join"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("zookeeper.join.step", server=arguments["server"], count=len(arguments["servers"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the server is stopped."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is an ensemble of which a server is away."""
        return _down(_settled(session, arguments["server"]))

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The server's file."""
        return {"content": _content(_host(session, arguments["server"]))}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it follows."""
        host = _host(session, arguments["server"])
        if read_servers(_content(host)) != _servers(arguments) or host.service_state().state != "active":
            return False
        return _running(session).is_whole()

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Write ``zoo.cfg`` and ``myid``, start it, wait until it follows."""
        number = arguments["server"]
        host = _host(session, number)
        content = with_servers(_content(host), _servers(arguments))
        host.make_directory(data_directory(content))
        host.write_file(f"{data_directory(content)}/myid", f"{number}\n".encode())
        host.write_file(host.entry.config_file, content.encode())
        crash_point("zookeeper.configured")
        host.stop()
        host.start()
        _wait_for_all(session, number, progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """All serve, and follow one leader."""
        return [] if ensemble_state(session).is_whole() else ensemble_state(session).problems()

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Stop it and write its file of before."""
        host = _host(session, arguments["server"])
        host.stop()
        host.write_file(host.entry.config_file, captured["content"].encode())


class ReconfigureServer:
    """Give a server another list of servers and restart it: ``server``, ``servers``.

    ``others`` are servers that serve for a while though they are not in the list, ``down`` those in it that do not;
    ``interim`` says that a later step gives it yet another list.
    """

    name = "zookeeper.reconfigure"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("zookeeper.reconfigure.step", server=arguments["server"], count=len(arguments["servers"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the file is kept."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is another server that is away, and a quorum that would be lost."""
        return _gate(session, arguments["server"], set(_servers(arguments)) - set(arguments.get("down", ())))

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The server's file."""
        return {"content": _content(_host(session, arguments["server"]))}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it runs with the list. A restart that a crash cut off is done again: only its end is sure."""
        return False

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Write its file, restart it, wait until all follow.

        Raises:
            PlanError: another server is away, or all do not follow in the end.
        """
        self._bring_up(session, arguments, _servers(arguments))
        host = _host(session, arguments["server"])
        host.write_file(host.entry.config_file, with_servers(_content(host), _servers(arguments)).encode())
        crash_point("zookeeper.configured")
        _restart(session, arguments["server"], progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Its file has the list, unless another one follows."""
        if arguments.get("interim") or read_servers(_content(_host(session, arguments["server"]))) == _servers(
            arguments
        ):
            return []
        return [text("zookeeper.other_list", server=arguments["server"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Write its file of before and restart it.

        Raises:
            PlanError: another server is away, so that the quorum would be lost.
        """
        before = read_servers(captured["content"])
        self._bring_up(session, arguments, before)
        host = _host(session, arguments["server"])
        host.write_file(host.entry.config_file, captured["content"].encode())
        _restart(session, arguments["server"], progress)

    def _bring_up(self, session: OpsSession, arguments: Arguments, known: Collection[int]) -> None:
        """Start those that a crash kept from being started again while leadership was handed over.

        Raises:
            PlanError: another server is away.
        """
        number = arguments["server"]
        wanted = {*known, *_servers(arguments), *arguments.get("others", ())} - {number, *_active(session)}
        for host in session.hosts.all("zookeeper"):
            if host.entry.node_id in wanted and host.service_state().state == "inactive":
                host.start()
        against = _gate(session, number, set(known) - set(arguments.get("down", ())))
        if against:
            raise PlanError("; ".join(map(str, against)))


class RestartServer:
    """Restart a server: ``server``."""

    name = "zookeeper.restart"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("zookeeper.restart.step", server=arguments["server"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """There is nothing to take back."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is another server that is away, and a quorum that would be lost."""
        return _gate(session, arguments["server"], _members(session))

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Its process."""
        return {"pid": _host(session, arguments["server"]).service_state().pid}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """A restart that a crash cut off is done again."""
        return False

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Stop it, start it, wait until all follow."""
        _restart(session, arguments["server"], progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """All serve, and follow one leader."""
        return [] if _running(session).is_whole() else _running(session).problems()

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Start it where it was left stopped."""
        _host(session, arguments["server"]).start()
        _wait_for_all(session, arguments["server"], progress)


class LeaveServer:
    """Stop a server that no file names any more: ``server``, ``servers``."""

    name = "zookeeper.leave"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("zookeeper.leave.step", server=arguments["server"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the server is started again."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the others have no quorum among themselves."""
        rest = [s for s in _settled(session, arguments["server"]) if s.server_id in _servers(arguments)]
        serving = sum(s.mode in ("leader", "follower") for s in rest)
        needed = len(_servers(arguments)) // 2 + 1
        # Where this one leads the others elect anew; they can when enough of them follow now.
        if serving >= needed or len(_servers(arguments)) == 1:
            return []
        return [text("zookeeper.gate", server=arguments["server"], rest=serving, quorum=needed)]

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Whether it ran."""
        return {"ran": _host(session, arguments["server"]).service_state().state == "active"}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it does not run, and the others have a leader."""
        return self._is_stopped(session, arguments) and _running(session).is_whole()

    def _is_stopped(self, session: OpsSession, arguments: Arguments) -> bool:
        return _host(session, arguments["server"]).service_state().state != "active"

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Stop it, and wait until the others follow one leader."""
        _host(session, arguments["server"]).stop()
        _wait_for_all(session, next(iter(_servers(arguments))), progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It does not run."""
        return (
            [] if self._is_stopped(session, arguments) else [text("zookeeper.still_runs", server=arguments["server"])]
        )

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Start it where it ran."""
        if captured["ran"]:
            _host(session, arguments["server"]).start()
            _wait_for_all(session, arguments["server"], progress)


register_actions(JoinServer(), ReconfigureServer(), RestartServer(), LeaveServer())
