"""The steps of plans that move leaders away from a broker and back.

Arguments: ``broker``, and ``orders``, the preferred orders of the partitions that it led, or should have, when the plan
was made; of `SettleBroker` also ``undo_drains``: whether taking it back moves leaders away again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.ops.brokers import texts as _texts
from kappaflow.ops.brokers.leadership import drain, is_restored, leads_again, led_by, restore
from kappaflow.ops.brokers.node_actions import wait_in_sync
from kappaflow.ops.brokers.servers import behind_on
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts


class DrainBroker(ReversibleAction):
    """Let other replicas lead."""

    name = "broker.drain"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("broker.drain.step", broker=arguments["broker"], count=len(arguments["orders"]))

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it leads nothing that another could."""
        return not led_by(session, arguments["orders"], arguments["broker"])

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Move them."""
        drain(session, arguments["orders"], arguments["broker"])

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing: later steps may have given leadership back."""
        return []

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Give the orders back."""
        restore(session, arguments["orders"])


class SettleBroker(ReversibleAction):
    """Wait until a broker is in sync, and let it lead again what it led."""

    name = "broker.settle"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("broker.settle.step", broker=arguments["broker"], count=len(arguments["orders"]))

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it is in sync, the orders are as they were, and the first replicas lead."""
        return not self.verify(session, arguments) and leads_again(session, arguments["orders"])

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Wait, and give leadership back."""
        wait_in_sync(session, arguments["broker"], progress)
        restore(session, arguments["orders"])

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It is in sync and preferred where it was."""
        behind = behind_on(session, arguments["broker"])
        problems: list[Text] = []
        if behind:
            problems.append(text("broker.wait.behind", broker=arguments["broker"], count=len(behind), first=behind[0]))
        if not is_restored(session, arguments["orders"]):
            problems.append(text("broker.order_changed", broker=arguments["broker"]))
        return problems

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Move leaders away again where the broker will be stopped again."""
        if arguments.get("undo_drains"):
            drain(session, arguments["orders"], arguments["broker"])


register_actions(DrainBroker(), SettleBroker())
