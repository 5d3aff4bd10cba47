"""The steps of plans that change an ensemble. Each waits until all servers but one follow the leader in sync."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kappaflow.errors import PlanError
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import replacing as _replacing
from kappaflow.ops.zookeeper import texts as _texts
from kappaflow.ops.zookeeper.moving import (
    active_looks,
    content_of,
    follows,
    gate,
    host_of,
    members_of_files,
    not_serving,
    restart,
    running_ensemble,
    servers_in,
    settled,
    start_new,
    wait_for_all,
)
from kappaflow.ops.zookeeper.status import ensemble_state
from kappaflow.ops.zookeeper.zoo_cfg import read_servers, with_servers
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, text

assert _texts
assert _replacing


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
        return not_serving(settled(session, arguments["server"]))

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The server's file."""
        return {"content": content_of(host_of(session, arguments["server"]))}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it follows."""
        return follows(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Write ``zoo.cfg`` and ``myid``, start it, wait until it follows."""
        start_new(session, arguments, progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """All serve, and follow one leader."""
        return [] if ensemble_state(session).is_whole() else ensemble_state(session).problems()

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Stop it and write its file of before."""
        host = host_of(session, arguments["server"])
        host.stop()
        host.write_file(host.entry.config_file, captured["content"].encode())


class ReconfigureServer:
    """Give a server another list of servers and restart it: ``server``, ``servers``.

    ``others`` are servers that serve for a while though they are not in the list, ``down`` those that do not;
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
        return gate(session, arguments["server"], set(servers_in(arguments)) - set(arguments.get("down", ())))

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The server's file."""
        return {"content": content_of(host_of(session, arguments["server"]))}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it runs with the list. A restart that a crash cut off is done again: only its end is sure."""
        return False

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Write its file, restart it, wait until all follow.

        Raises:
            PlanError: another server is away, or all do not follow in the end.
        """
        self._bring_up(session, arguments, servers_in(arguments))
        host = host_of(session, arguments["server"])
        host.write_file(host.entry.config_file, with_servers(content_of(host), servers_in(arguments)).encode())
        crash_point("zookeeper.configured")
        restart(session, arguments["server"], progress, arguments.get("down", ()))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Its file has the list, unless another one follows."""
        if arguments.get("interim") or read_servers(content_of(host_of(session, arguments["server"]))) == servers_in(
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
        host = host_of(session, arguments["server"])
        host.write_file(host.entry.config_file, captured["content"].encode())
        restart(session, arguments["server"], progress, arguments.get("down", ()))

    def _bring_up(self, session: OpsSession, arguments: Arguments, known: Collection[int]) -> None:
        """Start those that a crash kept from being started again while leadership was handed over.

        Raises:
            PlanError: another server is away.
        """
        number = arguments["server"]
        running = {look.number for look in active_looks(session)}
        wanted = {*known, *servers_in(arguments), *arguments.get("others", ())} - {number, *running}
        wanted -= set(arguments.get("down", ()))
        for host in session.hosts.all("zookeeper"):
            if host.entry.node_id in wanted and host.service_state().state == "inactive":
                host.start()
        against = gate(session, number, set(known) - set(arguments.get("down", ())))
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
        return gate(session, arguments["server"], members_of_files(session))

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Its process."""
        return {"pid": host_of(session, arguments["server"]).service_state().pid}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """A restart that a crash cut off is done again."""
        return False

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Stop it, start it, wait until all follow."""
        restart(session, arguments["server"], progress, arguments.get("down", ()))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """All serve, and follow one leader."""
        return [] if running_ensemble(session).is_whole() else running_ensemble(session).problems()

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Start it where it was left stopped."""
        host_of(session, arguments["server"]).start()
        wait_for_all(session, arguments["server"], progress)


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
        rest = [s for s in settled(session, arguments["server"]) if s.server_id in servers_in(arguments)]
        serving = sum(s.mode in ("leader", "follower") for s in rest)
        needed = len(servers_in(arguments)) // 2 + 1
        # Where this one leads the others elect anew; they can when enough of them follow now.
        if serving >= needed or len(servers_in(arguments)) == 1:
            return []
        return [text("zookeeper.gate", server=arguments["server"], rest=serving, quorum=needed)]

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Whether it ran."""
        return {"ran": host_of(session, arguments["server"]).service_state().state == "active"}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it does not run, and the others have a leader."""
        return self._is_stopped(session, arguments) and running_ensemble(session).is_whole()

    def _is_stopped(self, session: OpsSession, arguments: Arguments) -> bool:
        return host_of(session, arguments["server"]).service_state().state != "active"

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Stop it, and wait until the others follow one leader."""
        host = host_of(session, arguments["server"])
        if host.service_state().state != "failed":
            host.stop()
        wait_for_all(session, next(iter(servers_in(arguments))), progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It does not run."""
        return (
            [] if self._is_stopped(session, arguments) else [text("zookeeper.still_runs", server=arguments["server"])]
        )

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Start it where it ran."""
        if captured["ran"]:
            host_of(session, arguments["server"]).start()
            wait_for_all(session, arguments["server"], progress)


register_actions(JoinServer(), ReconfigureServer(), RestartServer(), LeaveServer())
