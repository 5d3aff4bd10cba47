"""The steps that bring a dead server back, on its machine or on another one, while the others serve.

The new one takes the number of the dead one, so that no other server has to restart before it follows: the leader takes
any server whose number its own list has. Only then the others learn its address, one by one, the leader last.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from kappaflow.errors import PlanError
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import texts as _texts
from kappaflow.ops.zookeeper.moving import (
    content_of,
    follows,
    gate,
    host_of,
    not_serving,
    restart,
    running_ensemble,
    servers_in,
    settled,
    start_new,
    wait_for_all,
)
from kappaflow.ops.zookeeper.zoo_cfg import (
    data_directories,
    election_address,
    read_servers,
    with_servers,
)
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, message, text

assert _texts
KNOCK_TIMEOUT_S = 3.0
_SERVE = ("leader", "follower")
WRITTEN = "version-2"
"""Where a server keeps what it was told, below its directories."""


def is_answering(address: str) -> bool:
    """Whether something listens at ``host:port``."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False


def against_replacing(session: OpsSession, arguments: Arguments) -> list[Text]:
    """Why a server must not be replaced now: the old one may live, the others are no quorum, or foreign data lie there.

    Args:
        session: the cluster.
        arguments: those of `ReplaceServer`.
    """
    number, servers = arguments["server"], servers_in(arguments)
    if arguments["before"] != servers[number] and is_answering(election_address(arguments["before"])):
        return [text("zookeeper.still_answers", server=number, address=election_address(arguments["before"]))]
    against = not_serving(settled(session, number))
    serving = [s for s in running_ensemble(session).servers if s.server_id in servers and s.mode in _SERVE]
    others = sum(s.server_id != number for s in serving)
    leader = next((s for s in serving if s.mode == "leader"), None)
    quorum = len(servers) // 2 + 1
    if not against and (others < quorum or leader is None):
        against.append(text("zookeeper.gate", server=number, rest=others, quorum=quorum))
    # A follower that is behind may lack what only the dead server and the leader had.
    if not against and leader is not None and (leader.followers or 0) < len(serving) - 1:
        against.append(text("zookeeper.followers", found=leader.followers or 0, wanted=len(serving) - 1))
    return against or _foreign_data(session, arguments)


def _foreign_data(session: OpsSession, arguments: Arguments) -> list[Text]:
    """Data in the new server's directories are its own when its file names a server of this ensemble as they do."""
    number = arguments["server"]
    host = host_of(session, number)
    content = content_of(host)
    if set(read_servers(content).items()) & {*servers_in(arguments).items(), (number, arguments["before"])}:
        return []
    paths = [f"{directory}/{WRITTEN}" for directory in data_directories(content)]
    return [text("zookeeper.foreign_data", server=number, path=path) for path in paths if host.exists(path)]


class ReplaceServer:
    """Start a server in the place of a dead one: ``server``, ``servers``.

    ``before`` is the address that the others know, ``down`` are other dead servers.
    """

    name = "zookeeper.replace"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        address = servers_in(arguments)[arguments["server"]]
        return text("zookeeper.replace.step", server=arguments["server"], address=address)

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the server is stopped."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it are an old server that lives, others that do not serve, and foreign data."""
        return against_replacing(session, arguments)

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The server's file, and whether it ran."""
        host = host_of(session, arguments["server"])
        return {"content": content_of(host), "ran": host.service_state().state == "active"}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it follows."""
        return follows(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Write ``zoo.cfg`` and ``myid``, start it, wait until it follows."""
        start_new(session, arguments, progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It runs, and all that run follow one leader."""
        state = running_ensemble(session)
        if arguments["server"] not in {s.server_id for s in state.servers}:
            return [text("zookeeper.stopped", server=arguments["server"])]
        return [] if state.is_whole() else state.problems()

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Stop it and write its file of before.

        Raises:
            PlanError: the others are no quorum without it.
        """
        number, servers = arguments["server"], servers_in(arguments)
        host = host_of(session, number)
        if host.service_state().state == "active":
            rest = [s for s in settled(session, number) if s.server_id in servers]
            serving = sum(s.mode in _SERVE for s in rest)
            if serving < len(servers) // 2 + 1:
                raise PlanError(message("zookeeper.gate", server=number, rest=serving, quorum=len(servers) // 2 + 1))
        host.stop()
        host.write_file(host.entry.config_file, captured["content"].encode())
        if captured["ran"]:
            host.start()
        settled(session, number)


class TellServers(ReversibleAction):
    """Give all others the address of a server that was replaced, and restart them one by one, the leader last.

    ``server`` was replaced, ``servers`` is the list, ``tell`` are the others, ``down`` those that are dead.
    """

    name = "zookeeper.tell"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        told = ", ".join(map(str, arguments["tell"]))
        return text("zookeeper.tell.step", server=arguments["server"], others=told)

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the replaced server does not run."""
        if arguments["server"] in {s.server_id for s in running_ensemble(session).servers}:
            return []
        return [text("zookeeper.stopped", server=arguments["server"])]

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The servers' files."""
        return {"contents": {str(number): content_of(host_of(session, number)) for number in arguments["tell"]}}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether all run with the list. What a crash cut off is done again: only its end is sure."""
        return False

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Write the file of one, restart it, wait until all follow; then the next one.

        Raises:
            PlanError: another server is away, or all do not follow in the end.
        """
        servers, down = servers_in(arguments), set(arguments["down"])
        left = set(arguments["tell"])
        while left:
            # A leader goes when all others know where the new one is: they may have to follow it then.
            number = min(left, key=lambda n: (self._leads(session, n), n))
            host = host_of(session, number)
            self._start_others(session, arguments, number)
            against = gate(session, number, set(servers) - down)
            if against:
                raise PlanError("; ".join(map(str, against)))
            host.write_file(host.entry.config_file, with_servers(content_of(host), servers).encode())
            crash_point("zookeeper.configured")
            restart(session, number, progress, down)
            left.remove(number)

    def _start_others(self, session: OpsSession, arguments: Arguments, number: int) -> None:
        """Start those that a crash kept from being started again."""
        for other in {arguments["server"], *arguments["tell"]} - {number}:
            host = host_of(session, other)
            if host.service_state().state == "inactive":
                host.start()

    def _leads(self, session: OpsSession, number: int) -> bool:
        leader = running_ensemble(session).leader
        return leader is not None and leader.server_id == number

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Their files have the list."""
        servers = servers_in(arguments)
        return [
            text("zookeeper.other_list", server=number)
            for number in arguments["tell"]
            if read_servers(content_of(host_of(session, number))) != servers
        ]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Write the files of before; servers that run read them at their next start.

        They are not restarted: one that knew the old address only would not find enough others that follow the leader.

        Raises:
            PlanError: they do not follow one leader.
        """
        for number in arguments["tell"]:
            host = host_of(session, number)
            if host.service_state().state != "active":  # a crash kept it from being started again
                content = with_servers(content_of(host), servers_in(arguments))
                host.write_file(host.entry.config_file, content.encode())
                host.start()
        wait_for_all(session, arguments["tell"][0], progress)
        for number in arguments["tell"]:
            host = host_of(session, number)
            host.write_file(host.entry.config_file, captured["contents"][str(number)].encode())
        progress(text("zookeeper.read_later", others=", ".join(map(str, arguments["tell"]))))


register_actions(ReplaceServer(), TellServers())
