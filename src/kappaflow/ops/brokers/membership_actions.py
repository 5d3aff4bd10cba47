"""The steps of plans by which a broker leaves its cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.ops.brokers import texts as _texts
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, text

assert _texts
WAIT_S, POLL_S = 3_600.0, 1.0


def _is_alive(session: OpsSession, broker: int) -> bool:
    return broker in {row.node_id for row in session.admin.describe().brokers}


class AwaitGone(ReversibleAction):
    """Wait until a person has stopped a broker whose machine is not known: ``broker``.

    Taking it back waits until the person has started it again.
    """

    name = "broker.await_gone"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("broker.await_gone.step", broker=arguments["broker"])

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether the cluster no longer counts it in."""
        return not _is_alive(session, arguments["broker"])

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Say what to do and wait, for as long as it takes."""
        progress(text("broker.stop_it", broker=arguments["broker"]))
        crash_point("broker.stop-it")
        while not wait_until(session, lambda: self.is_applied(session, arguments), WAIT_S, POLL_S):
            progress(text("broker.stop_it", broker=arguments["broker"]))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It is away."""
        return [] if self.is_applied(session, arguments) else [text("broker.still_alive", broker=arguments["broker"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Wait until the person has started it again: what was on it goes back there."""
        broker = arguments["broker"]
        while not wait_until(session, lambda: _is_alive(session, broker), POLL_S, POLL_S):
            progress(text("broker.start_it", broker=broker))


class Unregister:
    """Make KRaft forget a broker that is away and holds nothing: ``broker``."""

    name = "broker.unregister"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("broker.unregister.step", broker=arguments["broker"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: a broker registers when it starts."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the broker runs, or that partitions count on it."""
        broker = arguments["broker"]
        topics = session.admin.topics.describe().values()
        held = [f"{p.topic}-{p.partition}" for t in topics for p in t.partitions if broker in p.replicas]
        against = [text("broker.still_alive", broker=broker)] if _is_alive(session, broker) else []
        if held:
            against.append(text("broker.still_holds", broker=broker, count=len(held), first=held[0]))
        return against

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Nothing: a registration is made anew at each start."""
        return {}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Never sure: not all brokers say which of those that are away are registered."""
        return False

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Unregister it; nothing happens where that was done already."""
        session.admin.unregister(arguments["broker"])

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It is not counted in."""
        broker = arguments["broker"]
        return [text("broker.still_alive", broker=broker)] if _is_alive(session, broker) else []

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Done by the broker itself when the step before starts it."""


register_actions(AwaitGone(), Unregister())
