"""The step that agrees on new feature levels, after which there is no way back to the old version.

Arguments: ``features``, names such as ``metadata.version``. Each goes to the highest level that all brokers support.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.ops.upgrade import texts as _texts
from kappaflow.runtime.messages import Text, text

assert _texts


def highest_levels(session: OpsSession, features: list[str]) -> dict[str, int]:
    """The highest level of each feature that every broker supports."""
    brokers = [broker.node_id for broker in session.admin.describe().brokers]
    supported = [session.admin.features.describe(broker) for broker in brokers]
    return {
        name: min(states[name].supported_max for states in supported)
        for name in features
        if all(name in states for states in supported)
    }


class FinalizeFeatures:
    """Agree on the highest levels."""

    name = "upgrade.features"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("upgrade.features.step", features=", ".join(arguments["features"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is not: brokers write what older ones cannot read."""
        return False

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing is against it; the controller refuses a level that a server does not support."""
        return []

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The levels in force."""
        states = session.admin.features.describe()
        return {"before": {name: states[name].level for name in arguments["features"] if name in states}}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether the levels are the highest."""
        states = session.admin.features.describe()
        return all(
            states[name].level == level for name, level in highest_levels(session, arguments["features"]).items()
        )

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Agree, and wait until the brokers know."""
        states = session.admin.features.describe()
        levels = highest_levels(session, arguments["features"])
        wanted = {name: level for name, level in levels.items() if states[name].level < level}
        if wanted:
            session.admin.features.update(wanted)
            wait_until(session, lambda: self.is_applied(session, arguments))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """The levels are the highest."""
        if self.is_applied(session, arguments):
            return []
        return [text("upgrade.features.other", features=", ".join(arguments["features"]))]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Never called: it cannot be taken back."""


register_actions(FinalizeFeatures())
