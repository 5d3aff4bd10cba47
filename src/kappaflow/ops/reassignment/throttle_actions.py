"""The steps of plans that set and lift limits on what reassignments copy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kappaflow.errors import BrokerUnreachable, RetriableBrokerError
from kappaflow.ops.admin.faces import ConfigResource
from kappaflow.ops.configs.altering import own_value
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.reassignment import texts as _texts
from kappaflow.ops.reassignment.hours import wait_for_hours
from kappaflow.ops.reassignment.throttles import LISTS, RATES
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts
DEATH_TIMEOUT_S, DEATH_POLL_S = 60.0, 0.5
"""How long a broker that does not answer may still count as alive; Kafka says nine to eighteen seconds by default."""
Result = TypeVar("Result")
Values = dict[ConfigResource, dict[str, str | None]]


class _ThrottleStep(ABC):
    """What setting and lifting have in common: values of configurations, and bringing back those of before."""

    @abstractmethod
    def _wanted(self, arguments: Arguments) -> Values:
        """The values that it sets."""

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the values before are kept."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing is against it."""
        return []

    def _now(self, session: OpsSession, arguments: Arguments) -> Values:
        wanted = self._wanted(arguments)
        topics = session.admin.topics.describe({r.name for r in wanted if r.kind == "topic"})
        alive = _alive(session)
        asked = [r for r in wanted if r.name in (topics if r.kind == "topic" else alive)]
        described = session.admin.configs.describe([r for r in asked if r.kind == "broker"], RATES)
        described |= session.admin.configs.describe([r for r in asked if r.kind == "topic"], LISTS)
        return {r: {key: own_value(r, described[r].get(key)) for key in wanted[r]} for r in asked}

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The own values of these brokers and topics."""
        rows = self._now(session, arguments)
        return {"values": [{"kind": r.kind, "name": r.name, "values": values} for r, values in rows.items()]}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether all have the values."""
        return not self._different(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Set them, in the hours of the move that they are for, and wait until the brokers know."""
        wait_for_hours(session, arguments, progress)
        away = _to_those_alive(session, lambda: self._alter(session, self._wanted(arguments)))
        for broker in away:  # only a broker itself takes its own settings
            progress(text("reassign.throttle_away", broker=broker))
        wait_until(session, lambda: _to_those_alive(session, lambda: self.is_applied(session, arguments)))

    def _different(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        wanted = self._wanted(arguments)
        return [
            text("reassign.throttle_other", resource=f"{r.kind} {r.name}", config=key, found=value)
            for r, values in self._now(session, arguments).items()
            for key, value in values.items()
            if (value or None) != (wanted[r][key] or None)
        ]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Set the values of before."""
        values = {ConfigResource(row["kind"], row["name"]): row["values"] for row in captured["values"]}
        for broker in _to_those_alive(session, lambda: self._alter(session, values)):
            progress(text("reassign.throttle_away", broker=broker))

    def _alter(self, session: OpsSession, values: Values) -> list[str]:
        """Set values of the topics that there are and the brokers that are alive; returns which ones are away."""
        topics = session.admin.topics.describe({r.name for r in values if r.kind == "topic"})
        alive = _alive(session)
        session.admin.configs.alter(
            {r: v for r, v in values.items() if r.name in (topics if r.kind == "topic" else alive)}
        )
        return [r.name for r in values if r.kind == "broker" and r.name not in alive]


def _alive(session: OpsSession) -> set[str]:
    """Brokers that can be asked and told."""
    return {str(broker.node_id) for broker in session.admin.describe().brokers}


def _to_those_alive(session: OpsSession, work: Callable[[], Result]) -> Result:
    """Do work that asks or tells every broker that is alive; again when one does not answer.

    A broker that has just died counts as alive until the controller has missed it for a while.

    Raises:
        BrokerError: one does not answer for a long time, and is not away either.
        BrokerUnreachable: likewise.
    """
    deadline = session.clock.time_ms() + DEATH_TIMEOUT_S * 1000
    while True:
        try:
            return work()
        except (RetriableBrokerError, BrokerUnreachable):
            if session.clock.time_ms() > deadline:
                raise
        session.pause(DEATH_POLL_S)


class SetThrottle(_ThrottleStep):
    """Limit what is copied: ``rate`` in bytes a second, ``brokers``, ``topics`` with their lists of replicas."""

    name = "reassign.throttle"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        rate = f"{arguments['rate'] / (1 << 20):,.1f}"
        return text("reassign.throttle.step", rate=rate, brokers=len(arguments["brokers"]))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing: a later step of the plan lifts the limit."""
        return []

    def _wanted(self, arguments: Arguments) -> Values:
        rate = str(arguments["rate"])
        wanted: Values = {ConfigResource("broker", str(b)): dict.fromkeys(RATES, rate) for b in arguments["brokers"]}
        return wanted | {ConfigResource("topic", t): dict(lists) for t, lists in arguments["topics"].items()}


class LiftThrottle(_ThrottleStep):
    """Lift the limit again: ``brokers``, ``topics``; ``kept`` are others' limits, which are brought back."""

    name = "reassign.unthrottle"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("reassign.unthrottle.step", brokers=len(arguments["brokers"]), topics=len(arguments["topics"]))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """No limit is left."""
        return self._different(session, arguments)

    def _wanted(self, arguments: Arguments) -> Values:
        brokers = [ConfigResource("broker", str(b)) for b in arguments["brokers"]]
        topics = [ConfigResource("topic", t) for t in arguments["topics"]]
        wanted: Values = {r: dict.fromkeys(RATES if r.kind == "broker" else LISTS) for r in (*brokers, *topics)}
        for kind, name, key, value in arguments.get("kept", ()):
            wanted[ConfigResource(kind, name)][key] = value
        return wanted


register_actions(SetThrottle(), LiftThrottle())
