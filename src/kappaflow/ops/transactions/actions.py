"""The steps that end transactions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import PlanError
from kappaflow.ops.admin.transaction_faces import ProducerState, TransactionState
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.ops.transactions import texts as _texts
from kappaflow.runtime.messages import Text, text

assert _texts


class _EndTransaction(ReversibleAction):
    """End a transaction that is open, for good; one that is not open any more is left alone."""

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is not: the records are aborted."""
        return False

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The plan holds what it was."""
        return {}

    @abstractmethod
    def _open(self, session: OpsSession, arguments: Arguments) -> Any:
        """The transaction that the plan speaks of, None where it is not open; a later one of the same id is another."""

    @abstractmethod
    def _end(self, session: OpsSession, arguments: Arguments, found: Any) -> None:
        """End what `_open` found."""

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it is not open any more."""
        return self._open(session, arguments) is None

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """End it."""
        found = self._open(session, arguments)
        if found is not None:
            self._end(session, arguments, found)
            wait_until(session, lambda: self.is_applied(session, arguments))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It is not open any more."""
        if self.is_applied(session, arguments):
            return []
        return [text("transaction.still_open", producer=arguments["producer_id"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Never called."""
        raise PlanError(str(text("transaction.abort.final")))


class AbortTransaction(_EndTransaction):
    """Abort a transaction in one partition: ``topic``, ``partition``, ``producer_id``, ``start``."""

    name = "transaction.abort"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        partition = f"{arguments['topic']}-{arguments['partition']}"
        return text("transaction.abort.step", producer=arguments["producer_id"], partition=partition)

    def _open(self, session: OpsSession, arguments: Arguments) -> ProducerState | None:
        name = TopicPartition(arguments["topic"], arguments["partition"])
        rows = session.admin.transactions.producers([name]).get(name, [])
        wanted = (arguments["producer_id"], arguments["start"])
        return next((p for p in rows if (p.producer_id, p.transaction_start) == wanted), None)

    def _end(self, session: OpsSession, arguments: Arguments, found: ProducerState) -> None:
        """Write the marker."""
        session.admin.transactions.abort(TopicPartition(arguments["topic"], arguments["partition"]), found)


class TerminateTransaction(_EndTransaction):
    """End an open transaction: ``transactional_id``, ``producer_id``, ``start_ms``."""

    name = "transaction.terminate"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("transaction.terminate.step", transactional_id=arguments["transactional_id"])

    def _open(self, session: OpsSession, arguments: Arguments) -> TransactionState | None:
        name = arguments["transactional_id"]
        state = session.admin.transactions.describe([name]).get(name)
        wanted = (arguments["producer_id"], arguments["start_ms"])
        return state if state is not None and (state.producer_id, state.start_ms) == wanted else None

    def _end(self, session: OpsSession, arguments: Arguments, found: TransactionState) -> None:
        session.admin.transactions.terminate(found)


register_actions(AbortTransaction(), TerminateTransaction())
