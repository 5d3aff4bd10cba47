"""The steps of plans that change an ensemble. Each waits until all servers but one follow the leader in sync."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kappaflow.errors import PlanError
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import texts as _texts
from kappaflow.ops.zookeeper.status import EnsembleState, ensemble_state
from kappaflow.ops.zookeeper.zoo_cfg import client_address, data_directory, read_servers, with_servers
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, message, text

assert _texts
FOLLOW_TIMEOUT_S = 120.0
POLL_S = 0.3


def _host(session: OpsSession, number: int) -> Host:
    return session.hosts.get(number, "zookeeper")


def _content(host: Host) -> str:
    return host.read_file(host.entry.config_file).decode()


def _servers(arguments: Arguments) -> dict[int, str]:
    return {int(number): str(address) for number, address in arguments["servers"]}


def _running(session: OpsSession) -> EnsembleState:
    """The ensemble of all servers that are named as hosts and run: also those that only some files name."""
    rows: list[tuple[int, str]] = []
    for host in session.hosts.all("zookeeper"):
        if host.exists(host.entry.config_file) and host.service_state().state == "active":
            rows.append((host.entry.node_id, client_address(_content(host))))
    return ensemble_state(session, rows)


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


def _gate(session: OpsSession, number: int) -> list[Text]:
    """Why a server must not go away now: another one does not follow, or the quorum would be lost."""
    state = _running(session)
    rest = [s for s in state.servers if s.server_id != number]
    away = [s for s in rest if s.mode not in ("leader", "follower", "standalone", "observer")]
    if away:
        return [text("zookeeper.down", server=s.server_id, address=s.address, problem=s.problem) for s in away]
    if len(rest) < state.quorum and len(state.servers) > 1:
        return [text("zookeeper.gate", server=number, rest=len(rest), quorum=state.quorum)]
    return []


def _restart(session: OpsSession, number: int, progress: Progress, known: Collection[int] = ()) -> None:
    """Restart a server and wait until all follow.

    Args:
        session: the cluster.
        number: the server.
        progress: told how it goes.
        known: the servers that it knows, where these are not all: it can follow no other one.
    """
    host = _host(session, number)
    host.stop()
    crash_point("zookeeper.stopped")
    host.start()
    if known:
        _keep_leader_among(session, known, progress)
    _wait_for_all(session, number, progress)


def _keep_leader_among(session: OpsSession, known: Collection[int], progress: Progress) -> None:
    """Where another server leads, stop those that are not known until a known one leads, and start them again.

    A server follows no leader that its file does not name.

    Raises:
        PlanError: the known ones are no quorum of all; or they elect no leader.
    """

    def leads() -> int | None:
        leader = _running(session).leader
        return None if leader is None else leader.server_id

    wait_until(session, lambda: leads() is not None, FOLLOW_TIMEOUT_S, POLL_S)
    if leads() in known:
        return
    state = _running(session)
    others = [s.server_id for s in state.servers if s.server_id not in known]
    if len(state.servers) - len(others) < state.quorum:
        raise PlanError(message("zookeeper.too_many", others=", ".join(map(str, others)), quorum=state.quorum))
    progress(text("zookeeper.yield", leader=leads() or "-", known=", ".join(map(str, sorted(known)))))

    def ready() -> bool:
        return all(s.mode != "down" for s in _running(session).servers if s.server_id in known)

    wait_until(session, ready, FOLLOW_TIMEOUT_S, POLL_S)
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
        state = _running(session)
        rest = [s for s in state.servers if s.server_id != arguments["server"]]
        return [
            text("zookeeper.down", server=s.server_id, address=s.address, problem=s.problem)
            for s in rest
            if s.mode in ("down", "unknown")
        ]

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
        return ensemble_state(session).problems()

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Stop it and write its file of before."""
        host = _host(session, arguments["server"])
        host.stop()
        host.write_file(host.entry.config_file, captured["content"].encode())


class ReconfigureServer:
    """Give a server another list of servers and restart it: ``server``, ``servers``."""

    name = "zookeeper.reconfigure"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("zookeeper.reconfigure.step", server=arguments["server"], count=len(arguments["servers"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the file is kept."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is another server that is away, and a quorum that would be lost."""
        return _gate(session, arguments["server"])

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The server's file."""
        return {"content": _content(_host(session, arguments["server"]))}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it runs with the list. A restart that a crash cut off is done again: only its end is sure."""
        return False

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Write its file, restart it, wait until all follow."""
        host = _host(session, arguments["server"])
        host.write_file(host.entry.config_file, with_servers(_content(host), _servers(arguments)).encode())
        crash_point("zookeeper.configured")
        _restart(session, arguments["server"], progress, set(_servers(arguments)))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Its file has the list."""
        if read_servers(_content(_host(session, arguments["server"]))) == _servers(arguments):
            return []
        return [text("zookeeper.other_list", server=arguments["server"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Write its file of before and restart it.

        Raises:
            PlanError: another server is away, so that the quorum would be lost.
        """
        against = _gate(session, arguments["server"])
        if against:
            raise PlanError("; ".join(map(str, against)))
        host = _host(session, arguments["server"])
        host.write_file(host.entry.config_file, captured["content"].encode())
        _restart(session, arguments["server"], progress, set(read_servers(captured["content"])))


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
        return _gate(session, arguments["server"])

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
        rest = [s for s in _running(session).servers if s.server_id in _servers(arguments)]
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
        """Whether it does not run."""
        return _host(session, arguments["server"]).service_state().state != "active"

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Stop it, and wait until the others follow one leader."""
        _host(session, arguments["server"]).stop()
        _wait_for_all(session, next(iter(_servers(arguments))), progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It does not run."""
        return [] if self.is_applied(session, arguments) else [text("zookeeper.still_runs", server=arguments["server"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Start it where it ran."""
        if captured["ran"]:
            _host(session, arguments["server"]).start()
            _wait_for_all(session, arguments["server"], progress)


register_actions(JoinServer(), ReconfigureServer(), RestartServer(), LeaveServer())
