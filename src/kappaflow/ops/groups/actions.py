"""The steps of plans that change groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import PlanError
from kappaflow.ops.admin.faces import MemberState
from kappaflow.ops.groups import texts as _texts
from kappaflow.ops.groups.describing import DEAD
from kappaflow.ops.groups.reset import FREE_STATES
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, text

assert _texts


def _kept(session: OpsSession, group_id: str) -> list[dict[str, Any]]:
    """A group's offsets as JSON values."""
    offsets = session.admin.groups.offsets([group_id])[group_id]
    return [{"topic": p.topic, "partition": p.partition, **row._asdict()} for p, row in sorted(offsets.items())]


def _committed(rows: list[dict[str, Any]]) -> dict[TopicPartition, int | CommittedOffset]:
    return {
        TopicPartition(r["topic"], r["partition"]): CommittedOffset(r["offset"], r["leader_epoch"], r["metadata"])
        for r in rows
    }


def _against_members(session: OpsSession, group_id: str) -> list[Text]:
    group = session.admin.groups.describe([group_id])[group_id]
    if group.state in FREE_STATES:
        return []
    return [text("group.active", group=group_id, state=group.state, members=len(group.members))]


class SetOffsets:
    """Commit offsets of a group: ``group``, ``offsets`` with ``topic``, ``partition`` and ``offset``."""

    name = "group.set-offsets"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("group.set.step", group=arguments["group"], count=len(arguments["offsets"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the offsets before are kept."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the group has members."""
        return _against_members(session, arguments["group"])

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The offsets of these partitions."""
        wanted = {(r["topic"], r["partition"]) for r in arguments["offsets"]}
        rows = _kept(session, arguments["group"])
        return {"offsets": [r for r in rows if (r["topic"], r["partition"]) in wanted]}

    def _wanted(self, arguments: Arguments) -> dict[TopicPartition, int]:
        return {TopicPartition(r["topic"], r["partition"]): r["offset"] for r in arguments["offsets"]}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether they are committed."""
        return not self.verify(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Commit them."""
        session.admin.groups.commit(arguments["group"], self._wanted(arguments))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """They are committed."""
        found = session.admin.groups.offsets([arguments["group"]])[arguments["group"]]
        return [
            text("group.other", partition=str(p), found=found[p].offset if p in found else "-", wanted=offset)
            for p, offset in self._wanted(arguments).items()
            if p not in found or found[p].offset != offset
        ]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Commit what was before, and forget what was not.

        Raises:
            PlanError: the group has members now.
        """
        group_id = arguments["group"]
        against = _against_members(session, group_id)
        if against:
            raise PlanError(str(against[0]))
        before = _committed(captured["offsets"])
        if before:
            session.admin.groups.commit(group_id, before)
        new = [p for p in self._wanted(arguments) if p not in before]
        there = session.admin.groups.offsets([group_id])[group_id]
        if gone := [p for p in new if p in there]:
            session.admin.groups.delete_offsets(group_id, gone)


class DeleteGroup:
    """Delete a group: ``group``."""

    name = "group.delete"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("group.delete.step", group=arguments["group"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: its offsets are kept."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the group has members."""
        return _against_members(session, arguments["group"])

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Its offsets."""
        return {"offsets": _kept(session, arguments["group"])}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it is gone."""
        group = session.admin.groups.describe([arguments["group"]])[arguments["group"]]
        return group.state == DEAD and not session.admin.groups.offsets([arguments["group"]])[arguments["group"]]

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Delete it."""
        session.admin.groups.delete(arguments["group"])

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It is gone."""
        if self.is_applied(session, arguments):
            return []
        return [text("group.still_there", group=arguments["group"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Commit its offsets again."""
        if captured["offsets"]:
            session.admin.groups.commit(arguments["group"], _committed(captured["offsets"]))


class DeleteOffsets:
    """Forget offsets of a group: ``group``, ``partitions`` with ``topic`` and ``partition``."""

    name = "group.delete-offsets"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("group.delete_offsets.step", group=arguments["group"], count=len(arguments["partitions"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the offsets are kept."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """The coordinator refuses where members read the topic."""
        return []

    def _wanted(self, arguments: Arguments) -> list[TopicPartition]:
        return [TopicPartition(r["topic"], r["partition"]) for r in arguments["partitions"]]

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The offsets of these partitions."""
        wanted = set(self._wanted(arguments))
        rows = _kept(session, arguments["group"])
        return {"offsets": [r for r in rows if TopicPartition(r["topic"], r["partition"]) in wanted]}

    def _there(self, session: OpsSession, arguments: Arguments) -> list[TopicPartition]:
        found = session.admin.groups.offsets([arguments["group"]])[arguments["group"]]
        return [p for p in self._wanted(arguments) if p in found]

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether they are forgotten."""
        return not self._there(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Forget those that are there."""
        there = self._there(session, arguments)
        if there:
            session.admin.groups.delete_offsets(arguments["group"], there)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """They are forgotten."""
        return [text("group.still_committed", partition=str(p)) for p in self._there(session, arguments)]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Commit them again.

        Raises:
            PlanError: the group has members now.
        """
        against = _against_members(session, arguments["group"])
        if against:
            raise PlanError(str(against[0]))
        if captured["offsets"]:
            session.admin.groups.commit(arguments["group"], _committed(captured["offsets"]))


class RemoveMembers(ReversibleAction):
    """Take members out: ``group``, ``members`` with ``member_id``, ``instance_id``, ``client_id`` and ``host``."""

    name = "group.remove-members"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("group.remove.step", group=arguments["group"], count=len(arguments["members"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """There is nothing to take back: those that run join by themselves."""
        return False

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The plan holds who they were."""
        return {}

    def _there(self, session: OpsSession, arguments: Arguments) -> list[MemberState]:
        wanted = {r["member_id"] for r in arguments["members"]}
        group = session.admin.groups.describe([arguments["group"]])[arguments["group"]]
        return [m for m in group.members if m.member_id in wanted]

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether none of them is a member; one that joined again has another id."""
        return not self._there(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Take out those that are there."""
        there = self._there(session, arguments)
        if there:
            session.admin.groups.remove_members(arguments["group"], there)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """None of them is a member."""
        return [text("group.still_member", member=m.member_id) for m in self._there(session, arguments)]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Never called."""
        raise PlanError(str(text("group.remove.final")))


register_actions(SetOffsets(), DeleteGroup(), DeleteOffsets(), RemoveMembers())
