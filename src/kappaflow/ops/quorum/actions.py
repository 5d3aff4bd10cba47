"""The steps of plans that change the voters of the metadata quorum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.errors import BrokerUnreachable, PlanError
from kappaflow.ops.admin.faces import QuorumListener
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.quorum import texts as _texts
from kappaflow.ops.quorum.controllers import quorum_listeners, runs
from kappaflow.ops.quorum.status import MemberStatus, QuorumStatus, quorum_status
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, message, text

assert _texts
FOLLOW_TIMEOUT_S = 120.0
SETTLE_TIMEOUT_S = 10.0
"""A leader that was just elected has not heard of all voters yet."""

POLL_S = 0.3
LOG_LINES = 8


def _host(session: OpsSession, node: int) -> Host:
    return session.hosts.get(node, "controller")


def _host_if_named(session: OpsSession, node: int) -> Host | None:
    named = session.context.hosts and any(h.entry.node_id == node for h in session.hosts.all("controller"))
    return _host(session, node) if named else None


def _look(session: OpsSession) -> QuorumStatus | None:
    """The quorum; None while nobody leads, as after the leader has left."""
    try:
        return quorum_status(session)
    except BrokerUnreachable:
        return None


def _member(status: QuorumStatus | None, node: int) -> MemberStatus | None:
    """A server as a voter, else as an observer."""
    return None if status is None else status.voter(node) or status.observer(node)


def _wait_for_reader(session: OpsSession, node: int, progress: Progress) -> MemberStatus:
    """Wait until a controller reads along closely, as an observer or voter.

    Raises:
        PlanError: its process ended, or it does not in time; with what it logged.
    """
    found: list[MemberStatus] = []
    host = _host_if_named(session, node)
    ended = False

    def reads() -> bool:
        nonlocal ended
        ended = host is not None and not runs(host)
        member = _member(_look(session), node)
        if member is None:
            progress(text("quorum.progress.unseen", node=node))
        else:
            progress(text("quorum.progress", node=node, role=member.role, lag=member.lag))
            if member.fresh:
                found.append(member)
        return bool(found) or ended

    wait_until(session, reads, FOLLOW_TIMEOUT_S, POLL_S)
    if ended or not found:
        log = "-" if host is None else host.log_tail(LOG_LINES)
        cluster_id = session.admin.describe().cluster_id
        file = "FILE" if host is None else host.entry.config_file
        raise PlanError(message("quorum.not_joined", node=node, cluster_id=cluster_id, file=file, log=log))
    return found[-1]


def _wait_for_voter(session: OpsSession, node: int, *, votes: bool) -> None:
    """Wait until a leader is there and says that a controller votes, or does not.

    Raises:
        PlanError: it does not say so in time.
    """

    def holds() -> bool:
        status = _look(session)
        if status is None or status.leader_id < 0 or status.can_lose < 0:
            return False
        member = status.voter(node)
        return member is not None and member.fresh if votes else member is None

    if not wait_until(session, holds, FOLLOW_TIMEOUT_S, POLL_S):
        raise PlanError(message("quorum.not_voting" if votes else "quorum.still_voting", node=node))


def _make_voter(
    session: OpsSession, node: int, directory_id: str, listeners: list[QuorumListener], progress: Progress
) -> None:
    progress(text("quorum.progress.adding", node=node))
    session.admin.quorum.add_voter(session.admin.describe().cluster_id, node, directory_id, listeners)
    crash_point("quorum.added")
    _wait_for_voter(session, node, votes=True)


def _make_observer(session: OpsSession, node: int, directory_id: str, progress: Progress) -> None:
    progress(text("quorum.progress.removing", node=node))
    session.admin.quorum.remove_voter(session.admin.describe().cluster_id, node, directory_id)
    crash_point("quorum.removed")
    _wait_for_voter(session, node, votes=False)


def _against_removal(session: OpsSession, node: int) -> list[Text]:
    """Why a voter must not go, once the leader has had the time to hear of all."""
    against: list[Text] = []

    def may_go() -> bool:
        status = quorum_status(session)
        against[:] = status.against_removal(node) if status.voter(node) is not None else []
        return not against

    wait_until(session, may_go, SETTLE_TIMEOUT_S, POLL_S)
    return against


class StartController:
    """Start a controller where it does not run and wait until it reads along: ``node``."""

    name = "quorum.start"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("quorum.start.step", node=arguments["node"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the process is ended."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing is against it: an observer has no say."""
        return []

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Whether it ran."""
        return {"ran": runs(_host(session, arguments["node"]))}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it runs and reads along."""
        member = _member(_look(session), arguments["node"])
        return runs(_host(session, arguments["node"])) and member is not None and member.fresh

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Start it, and wait until it has caught up."""
        host = _host(session, arguments["node"])
        if not runs(host):
            host.start()
        crash_point("quorum.started")
        _wait_for_reader(session, arguments["node"], progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It runs and reads along."""
        return [] if self.is_applied(session, arguments) else [text("quorum.away", node=arguments["node"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Stop it where it did not run before.

        Raises:
            PlanError: it votes.
        """
        _stop_unless(session, arguments["node"], keep=bool(captured["ran"]))


def _stop_unless(session: OpsSession, node: int, *, keep: bool) -> None:
    if keep:
        return
    status = _look(session)
    if status is None or status.voter(node) is not None:
        raise PlanError(message("quorum.still_voting", node=node))
    _host(session, node).stop()


class AddVoter:
    """Make a controller that reads along a voter: ``node``."""

    name = "quorum.add"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("quorum.add.step", node=arguments["node"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: it becomes an observer again."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is a quorum without majority."""
        status = quorum_status(session)
        return status.problems() if status.leader_id < 0 or status.can_lose < 0 else []

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Whether it votes already, by somebody else's doing."""
        return {"voted": quorum_status(session).voter(arguments["node"]) is not None}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it votes and follows."""
        status = _look(session)
        member = None if status is None else status.voter(arguments["node"])
        return member is not None and member.fresh

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Wait until it has caught up, make it a voter, wait until the leader says so."""
        node = arguments["node"]
        listeners = quorum_listeners(_host(session, node))
        member = _wait_for_reader(session, node, progress)
        _make_voter(session, node, member.directory_id, listeners, progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It votes and follows."""
        return [] if self.is_applied(session, arguments) else [text("quorum.no_member", node=arguments["node"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Make it an observer again; also where the request is still under way.

        Raises:
            PlanError: the others would have no majority.
        """
        node = arguments["node"]
        if captured["voted"]:
            return
        against = _against_removal(session, node)
        if against:
            raise PlanError("; ".join(map(str, against)))
        member = _member(quorum_status(session), node)
        if member is not None:
            _make_observer(session, node, member.directory_id, progress)


class RemoveVoter:
    """Make a voter an observer: ``node``, ``serves`` whether it was up when that was planned."""

    name = "quorum.remove"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("quorum.remove.step", node=arguments["node"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is where it was up: one that is down could not catch up to vote again."""
        return bool(arguments["serves"])

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that those that stay would have no majority."""
        return _against_removal(session, arguments["node"])

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Its directory and its listeners."""
        node = arguments["node"]
        state = session.admin.quorum.describe()
        host = _host_if_named(session, node)
        listeners = list(state.listeners.get(node, ())) or ([] if host is None else quorum_listeners(host))
        directory = next((voter.directory_id for voter in state.voters if voter.node_id == node), None)
        return {"directory_id": directory, "listeners": [list(listener) for listener in listeners]}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it is no voter."""
        status = _look(session)
        return status is not None and status.voter(arguments["node"]) is None

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Make it an observer, wait until a leader says so."""
        member = quorum_status(session).voter(arguments["node"])
        if member is not None:
            _make_observer(session, arguments["node"], member.directory_id, progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It is no voter."""
        return [] if self.is_applied(session, arguments) else [text("quorum.still_voting", node=arguments["node"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Make it a voter again; also where the request is still under way."""
        if captured["directory_id"] is None:
            return  # somebody else had taken it out
        node = arguments["node"]
        listeners = [QuorumListener(name, host, port) for name, host, port in captured["listeners"]]
        host = _host_if_named(session, node)
        if host is not None and not runs(host):
            host.start()
        member = _wait_for_reader(session, node, progress)
        _make_voter(session, node, member.directory_id, listeners, progress)


class StopController:
    """End a controller that does not vote any more: ``node``."""

    name = "quorum.stop"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("quorum.stop.step", node=arguments["node"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: it is started again."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that it votes."""
        votes = quorum_status(session).voter(arguments["node"]) is not None
        return [text("quorum.still_voting", node=arguments["node"])] if votes else []

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Whether it ran."""
        return {"ran": runs(_host(session, arguments["node"]))}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it does not run."""
        return not runs(_host(session, arguments["node"]))

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Stop it."""
        _stop_unless(session, arguments["node"], keep=False)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It does not run."""
        return [] if self.is_applied(session, arguments) else [text("quorum.still_runs", node=arguments["node"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Start it where it ran, and wait until it has caught up."""
        host = _host(session, arguments["node"])
        if captured["ran"]:
            if not runs(host):
                host.start()
            _wait_for_reader(session, arguments["node"], progress)


register_actions(StartController(), AddVoter(), RemoveVoter(), StopController())
