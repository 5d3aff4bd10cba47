"""The steps of plans that change users and quotas."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from kappaflow.errors import PlanError, UsageError
from kappaflow.ops.admin.user_faces import QuotaEntity
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.ops.users import texts as _texts
from kappaflow.ops.users.passwords import SALT_BYTES, read_password, salted_password
from kappaflow.runtime.messages import Text, text

assert _texts


class SetQuotas:
    """Set quotas of one entity: ``entity``, ``values`` by key, null to take one away."""

    name = "quota.set"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        values = ", ".join(f"{k}={'-' if v is None else f'{v:.15g}'}" for k, v in arguments["values"].items())
        return text("quota.set.step", entity=str(_entity(arguments)), values=values)

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the quotas before are kept."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing is against it; the brokers judge the values."""
        return []

    def _now(self, session: OpsSession, arguments: Arguments) -> dict[str, float | None]:
        there = session.admin.quotas.list().get(_entity(arguments), {})
        return {key: there.get(key) for key in arguments["values"]}

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The quotas of before."""
        return {"values": self._now(session, arguments)}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether they are as wanted."""
        return self._now(session, arguments) == dict(arguments["values"])

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Set them, and wait until the brokers know."""
        session.admin.quotas.alter(_entity(arguments), arguments["values"])
        wait_until(session, lambda: self.is_applied(session, arguments))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """They are as wanted."""
        now = self._now(session, arguments)
        return [
            text("quota.other", entity=str(_entity(arguments)), quota=key, found=str(now[key]))
            for key, value in arguments["values"].items()
            if now[key] != value
        ]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Set those of before."""
        before = {**arguments, "values": captured["values"]}
        session.admin.quotas.alter(_entity(arguments), captured["values"])
        wait_until(session, lambda: self.is_applied(session, before))


def _entity(arguments: Arguments) -> QuotaEntity:
    return QuotaEntity(**arguments["entity"])


class PutUser:
    """Set a password: ``user``, ``mechanism``, ``iterations``, ``password_file``, ``replaces``."""

    name = "user.put"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("user.put.step", user=arguments["user"], mechanism=arguments["mechanism"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is where there was no password: one that was cannot be brought back."""
        return not arguments["replaces"]

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the password cannot be read."""
        try:
            read_password(arguments["password_file"])
        except UsageError as error:
            return [text("user.password", reason=str(error))]
        return []

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Whether there was a password."""
        return {"there": arguments["mechanism"] in session.admin.users.list().get(arguments["user"], {})}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Never sure: the brokers do not say which password they have."""
        return False

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Set it with a new salt, and wait until the brokers know."""
        mechanism, iterations = arguments["mechanism"], arguments["iterations"]
        salt = secrets.token_bytes(SALT_BYTES)
        salted = salted_password(mechanism, read_password(arguments["password_file"]), salt, iterations)
        session.admin.users.put(arguments["user"], mechanism, iterations, salt, salted)
        wait_until(session, lambda: not self.verify(session, arguments))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """There is one with so many iterations."""
        found = session.admin.users.list().get(arguments["user"], {}).get(arguments["mechanism"])
        if found == arguments["iterations"]:
            return []
        return [text("user.other", user=arguments["user"], mechanism=arguments["mechanism"], found=str(found))]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Take it away.

        Raises:
            PlanError: somebody gave the user a password between the plan and this step; it cannot be brought back.
        """
        if captured["there"]:
            raise PlanError(str(text("user.lost", user=arguments["user"], mechanism=arguments["mechanism"])))
        _delete(session, arguments)


class DeleteUser(ReversibleAction):
    """Take a password away: ``user``, ``mechanism``."""

    name = "user.delete"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("user.delete.step", user=arguments["user"], mechanism=arguments["mechanism"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is not: no broker gives a password out."""
        return False

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Nothing that could be brought back."""
        return {}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it is gone."""
        return arguments["mechanism"] not in session.admin.users.list().get(arguments["user"], {})

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Take it away, and wait until the brokers know."""
        _delete(session, arguments)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It is gone."""
        if self.is_applied(session, arguments):
            return []
        return [text("user.still_there", user=arguments["user"], mechanism=arguments["mechanism"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Nothing can be done; plans with such a step are not undone."""


def _delete(session: OpsSession, arguments: Arguments) -> None:
    user, mechanism = arguments["user"], arguments["mechanism"]
    session.admin.users.delete(user, mechanism)
    wait_until(session, lambda: mechanism not in session.admin.users.list().get(user, {}))


register_actions(SetQuotas(), PutUser(), DeleteUser())
