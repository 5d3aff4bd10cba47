"""The steps of plans that only a migration has; the others are those of rolling work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.errors import HostError, PlanError
from kappaflow.ops.brokers import actions as _broker_actions
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.migration import texts as _texts
from kappaflow.ops.migration.state import properties_of
from kappaflow.ops.migration.znodes import forget_kraft, look_at_zookeeper
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, message, text

assert _texts
assert _broker_actions
METADATA_LOG = "__cluster_metadata-0"
TAKEOVER_S, ELECTION_S, POLL_S = 600.0, 90.0, 0.5


def data_directories(properties: Mapping[str, str]) -> list[str]:
    """Where a server may have the metadata log."""
    values = [properties.get(key, "") for key in ("metadata.log.dir", "log.dirs", "log.dir")]
    return sorted({path.strip() for value in values for path in value.split(",") if path.strip()})


class AwaitTakeover(ReversibleAction):
    """Wait until KRaft's controllers lead and have all metadata: ``controllers``, their ids.

    ZooKeeper has been written all the time, so that there is a way back.
    """

    name = "migration.await"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("migration.await.step")

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether they lead, with all metadata."""
        return look_at_zookeeper(session).is_dual

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Wait for it.

        Raises:
            PlanError: it did not happen; the message has what a controller logged last.
        """
        progress(text("migration.waiting"))
        if not wait_until(session, lambda: self.is_applied(session, arguments), TAKEOVER_S, POLL_S):
            log = self._hosts(session, arguments)[0].log_tail(10)
            raise PlanError(str(text("migration.no_takeover", minutes=int(TAKEOVER_S // 60), log=log)))
        crash_point("migration.taken-over")

    def _hosts(self, session: OpsSession, arguments: Arguments) -> list[Host]:
        return [session.hosts.get(node, "controller") for node in arguments["controllers"]]

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """They lead."""
        return [] if self.is_applied(session, arguments) else [text("migration.not_leading")]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Stop the controllers, let ZooKeeper forget them, and wait until a broker leads.

        Raises:
            PlanError: a broker runs with KRaft already, or none takes the lead.
        """
        for host in session.hosts.all("broker"):
            if "process.roles" in properties_of(host):
                raise PlanError(str(text("migration.later_first", broker=host.entry.node_id)))
        leave_kraft(session, progress)


def leave_kraft(session: OpsSession, progress: Progress) -> None:
    """Stop KRaft's controllers, let ZooKeeper forget them, and wait until a broker leads, where one runs.

    Raises:
        PlanError: none takes the lead.
    """
    for host in session.hosts.all("controller"):
        host.stop()
    crash_point("migration.controllers-stopped")
    forget_kraft(session)
    if not any(host.service_state().state == "active" for host in session.hosts.all("broker")):
        return
    progress(text("migration.waiting_back"))

    def led_by_a_broker() -> bool:
        view = look_at_zookeeper(session)
        return view.controller >= 0 and not view.by_kraft

    if not wait_until(session, led_by_a_broker, ELECTION_S, POLL_S):
        raise PlanError(str(text("migration.nobody_leads")))


class ForgetMetadata(ReversibleAction):
    """On the way back, let a server that is stopped forget KRaft's metadata log: ``node``, ``role``."""

    name = "migration.metadata"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("migration.metadata.step", node=f"{arguments['role']} {arguments['node']}")

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: forward it does nothing."""
        return True

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """There is nothing to do."""
        return True

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """There is nothing to do."""

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing."""
        return []

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Remove the log: another attempt must not begin with what this one left.

        Where a crash kept the plan from waiting for KRaft's controllers, they may lead all the same, and a broker that
        does not know them must not start under them: they go first.

        Raises:
            HostError: it cannot be removed.
            PlanError: no broker takes the lead.
        """
        if arguments["role"] == "broker" and look_at_zookeeper(session).by_kraft:
            leave_kraft(session, progress)
        host = session.hosts.get(arguments["node"], arguments["role"])
        paths = [f"{path}/{METADATA_LOG}" for path in data_directories(properties_of(host))]
        done = host.run(["rm", "-rf", "--", *paths])
        if done.code:
            raise HostError(
                message("migration.rm_failed", node_id=host.entry.node_id, reason=done.errors.strip()[-200:])
            )


register_actions(AwaitTakeover(), ForgetMetadata())
