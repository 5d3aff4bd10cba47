"""The step of plans that gives a server other software; it holds from the next start on.

The service starts from a link, such as ``/opt/kafka``, which points at the directory of a version. Arguments: ``node``,
``role``, ``link``, ``target``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.errors import HostError, PlanError
from kappaflow.ops.brokers import texts as _texts
from kappaflow.ops.brokers.node_actions import node_text
from kappaflow.ops.brokers.servers import host_of
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message, text

assert _texts
_POINT = 'ln -sfn -- "$1" "$2.kappa-new" && mv -Tf -- "$2.kappa-new" "$2"'
"""A rename, so that the link is there at every moment."""


class PointSoftware(ReversibleAction):
    """Point a server's link at the directory of another version."""

    name = "node.software"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("node.software.step", node=node_text(arguments), target=arguments["target"])

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the directory is not there."""
        if host_of(session, arguments["node"], arguments["role"]).exists(arguments["target"]):
            return []
        return [text("node.software.missing", node=node_text(arguments), target=arguments["target"])]

    def _target(self, session: OpsSession, arguments: Arguments) -> str:
        host = host_of(session, arguments["node"], arguments["role"])
        done = host.run(["readlink", "--", arguments["link"]])
        return done.output.strip() if done.code == 0 else ""

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Where the link pointed."""
        return {"before": self._target(session, arguments)}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it points there."""
        return self._target(session, arguments) == arguments["target"]

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Point it."""
        self._point(session, arguments, arguments["target"])

    def _point(self, session: OpsSession, arguments: Arguments, target: str) -> None:
        host = host_of(session, arguments["node"], arguments["role"])
        sudo = ["sudo", "-n"] if host.entry.options.get("sudo") == "yes" else []
        done = host.run([*sudo, "sh", "-c", _POINT, "sh", target, arguments["link"]])
        if done.code:
            raise HostError(
                message(
                    "node.link_failed",
                    node=node_text(arguments),
                    link=arguments["link"],
                    target=target,
                    reason=done.errors.strip(),
                )
            )

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It points there."""
        if self.is_applied(session, arguments):
            return []
        return [text("node.software.other", node=node_text(arguments), target=self._target(session, arguments))]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Point it where it pointed.

        Raises:
            PlanError: that is not known.
        """
        if not captured.get("before"):
            raise PlanError(str(text("node.software.no_before", node=node_text(arguments))))
        self._point(session, arguments, captured["before"])


register_actions(PointSoftware())
