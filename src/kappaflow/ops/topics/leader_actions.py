"""The steps of plans that elect leaders and delete records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.client.admin import EARLIEST
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import PlanError
from kappaflow.ops.admin.faces import PartitionState
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.ops.topics.elections import behind
from kappaflow.runtime.messages import Text, text

assert _texts


class ElectLeaders(ReversibleAction):
    """Elect leaders: ``kind``, ``partitions`` with ``topic``, ``partition``, ``from`` and ``to``."""

    name = "topic.elect"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("topic.elect.step", kind=arguments["kind"], count=len(arguments["partitions"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """An election itself cannot be taken back; a leader is chosen anew at the next one."""
        return False

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is a preferred replica that has fallen out of sync since the plan was made."""
        if arguments["kind"] != "preferred":
            return []
        states = self._states(session, arguments)
        return [behind(p) for row, p in states if p.leader != row["to"] and p.replicas[0] not in p.in_sync]

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The plan holds who led."""
        return {}

    def _states(self, session: OpsSession, arguments: Arguments) -> list[tuple[dict[str, Any], PartitionState]]:
        rows: list[dict[str, Any]] = arguments["partitions"]
        topics = session.admin.topics.describe({row["topic"] for row in rows})
        found = {(p.topic, p.partition): p for topic in topics.values() for p in topic.partitions}
        return [(row, found[key]) for row in rows if (key := (row["topic"], row["partition"])) in found]

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether all lead that should."""
        return not self.verify(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Elect, and wait until the brokers know.

        Raises:
            BrokerError: of the first partition that was refused.
        """
        partitions = [TopicPartition(row["topic"], row["partition"]) for row in arguments["partitions"]]
        refused = session.admin.placement.elect(arguments["kind"], partitions)
        for error in refused.values():
            raise error
        wait_until(session, lambda: self.is_applied(session, arguments))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Each is led by whom it should be, or, after an unclean election, by anybody."""
        return [
            text("topic.wrong_leader", partition=f"{p.topic}-{p.partition}", leader=p.leader)
            for row, p in self._states(session, arguments)
            if (p.leader < 0 if row["to"] < 0 else p.leader != row["to"])
        ]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Never called."""
        raise PlanError(str(text("topic.elect.final")))


class DeleteRecords(ReversibleAction):
    """Delete the oldest records: ``partitions`` with ``topic``, ``partition`` and ``before``."""

    name = "records.delete"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("records.delete.step", count=len(arguments["partitions"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is not: the records are gone."""
        return False

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Where they began."""
        found = session.admin.topics.list_offsets(dict.fromkeys(self._wanted(arguments), EARLIEST))
        return {str(partition): listed.offset for partition, listed in found.items()}

    def _wanted(self, arguments: Arguments) -> dict[TopicPartition, int]:
        return {TopicPartition(r["topic"], r["partition"]): r["before"] for r in arguments["partitions"]}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether all begin there."""
        return not self.verify(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Delete those that are there."""
        session.admin.topics.delete_records(self._wanted(arguments))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Each begins where it should, or later: retention may have gone on."""
        wanted = self._wanted(arguments)
        found = session.admin.topics.list_offsets(dict.fromkeys(wanted, EARLIEST))
        return [
            text("records.begin", partition=str(partition), found=found[partition].offset, wanted=before)
            for partition, before in wanted.items()
            if partition in found and found[partition].offset < before
        ]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Never called."""
        raise PlanError(str(text("records.delete.final")))


register_actions(ElectLeaders(), DeleteRecords())
