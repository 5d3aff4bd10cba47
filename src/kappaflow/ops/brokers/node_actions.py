"""The steps of plans that stop and start servers: brokers, controllers and ZooKeeper servers alike.

Arguments of all but `StopTogether`: ``node``, ``role``; of `StopNode` also ``accepted``, topics that may become
unavailable, and ``timeout_s``, how long its gates may stay shut; of `StartNode` also ``undo_stops``: whether taking the
start back stops the server again, because what it was started with is taken back too, ``ungated``: whether that stop
has no gates, and ``wait``, false where the next server has to start before this one can join.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kappaflow.errors import HostError, KappaError, PlanError
from kappaflow.ops.brokers import texts as _texts
from kappaflow.ops.brokers.servers import behind_on, has_joined, host_of, never_safe_without, roles_of, why_not_now
from kappaflow.ops.contexts.cluster_context import Role
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, text

assert _texts
GATE_TIMEOUT_S = 900.0
JOIN_TIMEOUT_S = 300.0
GATE_POLL_S, JOIN_POLL_S, HOLD_POLL_S = 1.0, 0.5, 2.0
SHOWN = 3
LOG_LINES = 10


def node_text(arguments: Arguments) -> str:
    """How texts name a server."""
    return f"{arguments['role']} {arguments['node']}"


def is_active(session: OpsSession, arguments: Arguments) -> bool:
    """Whether the server's service runs."""
    return host_of(session, arguments["node"], arguments["role"]).service_state().state == "active"


def pass_gates(
    session: OpsSession, node: int, role: Role, accepted: Sequence[str], timeout_s: float, progress: Progress
) -> None:
    """Wait until a server may go.

    Raises:
        PlanError: it may not within the time; the message has the first reasons.
    """
    roles = roles_of(session, node, role)
    reasons: list[Text] = []

    def open_now() -> bool:
        nonlocal reasons
        try:
            reasons = why_not_now(session, node, roles, accepted)
        except KappaError as error:
            reasons = [text("broker.wait.unknown", reason=str(error))]
        for reason in reasons[:SHOWN]:
            progress(reason)
        if len(reasons) > SHOWN:
            progress(text("broker.wait.more", count=len(reasons) - SHOWN))
        return not reasons

    if not wait_until(session, open_now, timeout_s, GATE_POLL_S):
        said = "; ".join(map(str, reasons[:SHOWN]))
        raise PlanError(str(text("broker.gate.shut", role=role, node=node, seconds=int(timeout_s), reasons=said)))


def start_and_wait(session: OpsSession, node: int, role: Role, progress: Progress) -> None:
    """Start a server and wait until its cluster counts it in and, of a broker, until all its replicas are in sync.

    Raises:
        PlanError: it ended, or did not join in time; the message has the end of its log.
    """
    host = host_of(session, node, role)
    host.start()
    crash_point("node.started")
    roles = host.entry.roles
    progress(text("broker.wait.join", role=role, node=node))

    def joined() -> bool:
        if host.service_state().state == "failed":
            raise PlanError(str(text("broker.ended", role=role, node=node, log=host.log_tail(LOG_LINES))))
        return has_joined(session, node, roles)

    if not wait_until(session, joined, JOIN_TIMEOUT_S, JOIN_POLL_S):
        raise PlanError(
            str(
                text(
                    "broker.not_joined", role=role, node=node, seconds=int(JOIN_TIMEOUT_S), log=host.log_tail(LOG_LINES)
                )
            )
        )
    if "broker" in roles:
        wait_in_sync(session, node, progress)


def wait_in_sync(session: OpsSession, broker: int, progress: Progress) -> None:
    """Wait until all replicas of a broker are in sync.

    Raises:
        PlanError: they are not in time.
    """
    behind: list[str] = []

    def in_sync() -> bool:
        nonlocal behind
        behind = behind_on(session, broker)
        if behind:
            progress(text("broker.wait.behind", broker=broker, count=len(behind), first=behind[0]))
        return not behind

    if not wait_until(session, in_sync, GATE_TIMEOUT_S, JOIN_POLL_S):
        raise PlanError(str(text("broker.behind", broker=broker, partitions=", ".join(behind[:SHOWN]))))


class StopNode:
    """Stop a server once its gates let it go."""

    name = "node.stop"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("node.stop.step", node=node_text(arguments))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the server is started."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Topics that cannot stay writable are against it, unless they were accepted."""
        if "broker" not in roles_of(session, arguments["node"], arguments["role"]):
            return []
        return never_safe_without(session, arguments["node"], arguments.get("accepted", ()))

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Whether it ran."""
        return {"was_active": is_active(session, arguments)}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it is stopped."""
        return not is_active(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Wait for the gates, stop it, and wait until its cluster has noticed."""
        node, role = arguments["node"], arguments["role"]
        host = host_of(session, node, role)
        if host.service_state().state == "active":
            timeout_s = arguments.get("timeout_s", GATE_TIMEOUT_S)
            pass_gates(session, node, role, arguments.get("accepted", ()), timeout_s, progress)
            crash_point("node.stopping")
            host.stop()

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing: later steps may have started it again."""
        return []

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Start it where it ran before."""
        if captured.get("was_active", True):
            start_and_wait(session, arguments["node"], arguments["role"], progress)


class StopTogether(ReversibleAction):
    """Stop servers at once, without gates: ``nodes``, each with ``node`` and ``role``.

    One after the other would leave the last controllers without a quorum, and their brokers waiting for it.
    """

    name = "node.stop_together"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("node.stop_together.step", nodes=", ".join(map(node_text, arguments["nodes"])))

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether all are stopped."""
        return not any(is_active(session, node) for node in arguments["nodes"])

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Stop them."""
        hosts = [host_of(session, row["node"], row["role"]) for row in arguments["nodes"]]
        with ThreadPoolExecutor(len(hosts)) as pool:
            list(pool.map(lambda host: host.stop(), hosts))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing: later steps have started them again."""
        return []

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Start all, then wait for each."""
        for row in arguments["nodes"]:
            host_of(session, row["node"], row["role"]).start()
        for row in arguments["nodes"]:
            start_and_wait(session, row["node"], row["role"], progress)


class StartNode(ReversibleAction):
    """Start a server and wait until its cluster counts it in."""

    name = "node.start"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("node.start.step", node=node_text(arguments))

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it runs and has joined, with all replicas in sync."""
        roles = roles_of(session, arguments["node"], arguments["role"])
        if not is_active(session, arguments):
            return False
        if not arguments.get("wait", True):
            return True
        return has_joined(session, arguments["node"], roles) and self._in_sync(session, arguments, roles)

    def _in_sync(self, session: OpsSession, arguments: Arguments, roles: Sequence[Role]) -> bool:
        return "broker" not in roles or not behind_on(session, arguments["node"])

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Start it and, unless others have to start first, wait."""
        if arguments.get("wait", True):
            start_and_wait(session, arguments["node"], arguments["role"], progress)
        else:
            host_of(session, arguments["node"], arguments["role"]).start()

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It runs and has joined; one that runs may fall behind for a moment and is given some time."""
        if is_active(session, arguments) and wait_until(session, lambda: self.is_applied(session, arguments)):
            return []
        return [text("node.not_serving", node=node_text(arguments))]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Stop it, behind the same gates, where what it was started with is taken back too."""
        if arguments.get("undo_stops") and is_active(session, arguments):
            node, role = arguments["node"], arguments["role"]
            if not arguments.get("ungated"):
                pass_gates(session, node, role, arguments.get("accepted", ()), GATE_TIMEOUT_S, progress)
            host_of(session, node, role).stop()


class HoldNode(ReversibleAction):
    """Wait while somebody works on the machine of a stopped server, until its service runs again."""

    name = "node.hold"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("node.hold.step", node=node_text(arguments))

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether the service runs again; a machine that cannot be reached is being worked on."""
        try:
            return is_active(session, arguments)
        except HostError:
            return False

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Wait, for as long as it takes."""
        progress(text("node.held", node=node_text(arguments), id=arguments["node"]))
        crash_point("node.held")
        while not wait_until(session, lambda: self.is_applied(session, arguments), 3_600.0, HOLD_POLL_S):
            progress(text("node.held", node=node_text(arguments), id=arguments["node"]))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing."""
        return []

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Nothing to do; the stop before it starts the server."""


register_actions(StopNode(), StopTogether(), StartNode(), HoldNode())
