"""The steps of plans that change configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.errors import PlanError
from kappaflow.ops.admin.faces import ConfigEntry, ConfigResource
from kappaflow.ops.configs import texts as _texts
from kappaflow.ops.configs.altering import own_value
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts


class SetConfig:
    """Set one configuration: ``kind``, ``name``, ``key``, ``value`` or null for the default, ``sensitive``."""

    name = "config.set"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        resource = f"{arguments['kind']} {arguments['name'] or '*'}"
        if arguments["value"] is None:
            return text("config.unset.step", resource=resource, key=arguments["key"])
        value = "****" if arguments["sensitive"] else arguments["value"]
        return text("config.set.step", resource=resource, key=arguments["key"], value=value)

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is, unless the broker keeps the old value to itself."""
        return not arguments["sensitive"]

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing is against it; the broker judges the value."""
        return []

    def _resource(self, arguments: Arguments) -> ConfigResource:
        return ConfigResource(arguments["kind"], arguments["name"])

    def _entry(self, session: OpsSession, arguments: Arguments) -> ConfigEntry | None:
        resource = self._resource(arguments)
        return session.admin.configs.describe([resource], [arguments["key"]])[resource].get(arguments["key"])

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The resource's own value; null where a default held."""
        return {"own": own_value(self._resource(arguments), self._entry(session, arguments))}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it has the value; never sure where the broker keeps it to itself."""
        if arguments["sensitive"]:
            return False
        return own_value(self._resource(arguments), self._entry(session, arguments)) == arguments["value"]

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Set it, and wait until the brokers know."""
        session.admin.configs.alter({self._resource(arguments): {arguments["key"]: arguments["value"]}})
        if not arguments["sensitive"]:
            wait_until(session, lambda: self.is_applied(session, arguments))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It has the value."""
        if arguments["sensitive"] or self.is_applied(session, arguments):
            return []
        found = self._entry(session, arguments)
        value = None if found is None else found.value
        return [text("config.other", resource=str(arguments["name"]), key=arguments["key"], found=str(value))]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Set what was there.

        Raises:
            PlanError: what was there is not known.
        """
        if "own" not in captured:
            raise PlanError(str(text("config.no_before", key=arguments["key"])))
        before = {**arguments, "value": captured["own"]}
        session.admin.configs.alter({self._resource(arguments): {arguments["key"]: captured["own"]}})
        wait_until(session, lambda: self.is_applied(session, before))


register_actions(SetConfig())
