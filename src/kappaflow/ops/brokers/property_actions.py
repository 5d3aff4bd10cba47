"""The step of plans that changes the properties file of a server; it holds from the next start on.

Arguments: ``node``, ``role``, ``changes`` by key, where null takes a key out; ``final``: whether what a start with
these values does cannot be taken back; ``interim``: whether a later step of the same plan writes other values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.errors import PlanError
from kappaflow.ops.brokers import texts as _texts
from kappaflow.ops.brokers.node_actions import node_text
from kappaflow.ops.brokers.properties_file import change_properties, read_properties
from kappaflow.ops.brokers.servers import host_of
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts
HIDDEN = ("password", "secret", "jaas")


class SetProperties:
    """Change keys of a server's properties file."""

    name = "node.properties"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        shown = ", ".join(
            f"-{key}" if value is None else f"{key}={'****' if any(w in key for w in HIDDEN) else value}"
            for key, value in arguments["changes"].items()
        )
        return text("node.properties.step", node=node_text(arguments), changes=shown)

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is, unless the plan says that what follows from it is not."""
        return not arguments.get("final", False)

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the context does not say which file it is."""
        if host_of(session, arguments["node"], arguments["role"]).entry.config_file:
            return []
        return [text("node.no_config_file", node=node_text(arguments))]

    def _content(self, session: OpsSession, arguments: Arguments) -> str:
        host = host_of(session, arguments["node"], arguments["role"])
        return host.read_file(host.entry.config_file).decode()

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The old values; null where there was none."""
        values = read_properties(self._content(session, arguments))
        return {"before": {key: values.get(key) for key in arguments["changes"]}}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether the file has the values."""
        values = read_properties(self._content(session, arguments))
        return all(values.get(key) == value for key, value in arguments["changes"].items())

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Write the file."""
        self._write(session, arguments, arguments["changes"])

    def _write(self, session: OpsSession, arguments: Arguments, changes: Mapping[str, str | None]) -> None:
        host = host_of(session, arguments["node"], arguments["role"])
        changed = change_properties(self._content(session, arguments), changes)
        host.write_file(host.entry.config_file, changed.encode())

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """The file has the values, unless later ones were meant to take their place."""
        if arguments.get("interim") or self.is_applied(session, arguments):
            return []
        return [text("node.properties.other", node=node_text(arguments))]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Write the old values.

        Raises:
            PlanError: they are not known.
        """
        if "before" not in captured:
            raise PlanError(str(text("node.properties.no_before", node=node_text(arguments))))
        self._write(session, arguments, captured["before"])


register_actions(SetProperties())
