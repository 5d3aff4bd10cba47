"""The steps of plans about disks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import PlanError
from kappaflow.ops.disk import directory_action as _directory_action
from kappaflow.ops.disk import rescue_action as _rescue_action
from kappaflow.ops.disk import texts as _texts
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, message, text

assert _texts
assert _directory_action  # registers itself
assert _rescue_action
MIB = 1 << 20
POLL_S = 1.0
FREED_PART = 0.9
"""What part of the predicted bytes has to be free."""
CHECK_INTERVAL = "log.retention.check.interval.ms"
STALL_S = 900


class AwaitFreed(ReversibleAction):
    """Wait until retention has deleted: ``topics`` with ``topic``, ``size`` and ``freed``; ``broker`` or null."""

    name = "disk.await-freed"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        freed = sum(row["freed"] for row in arguments["topics"])
        return text("disk.await.step", mib=f"{freed / MIB:,.1f}")

    def is_reversible(self, arguments: Arguments) -> bool:
        """It changes nothing itself."""
        return True

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The sizes before stand in the plan."""
        return {}

    def _freed(self, session: OpsSession, arguments: Arguments) -> int:
        before = {row["topic"]: row["size"] for row in arguments["topics"]}
        alive = [b.node_id for b in session.admin.describe().brokers]
        asked = alive if arguments["broker"] is None else [arguments["broker"]]
        now = dict.fromkeys(before, 0)
        for directory in session.admin.log_dirs.describe(brokers=asked, topics=list(before)):
            for row in directory.replicas:
                now[row.partition.topic] += 0 if row.is_future else row.size_bytes
        return sum(max(0, before[topic] - size) for topic, size in now.items())

    def _wanted(self, arguments: Arguments) -> int:
        return int(FREED_PART * sum(row["freed"] for row in arguments["topics"]))

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether so much is free."""
        return self._freed(session, arguments) >= self._wanted(arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Wait for it; the brokers look for old segments every few minutes.

        Raises:
            PlanError: nothing was freed for a long time.
        """
        crash_point("disk.waiting")
        started, last_change, last = session.clock.time_ms(), session.clock.time_ms(), -1
        while (freed := self._freed(session, arguments)) < self._wanted(arguments):
            now = session.clock.time_ms()
            if freed != last:
                last_change, last = now, freed
            elif now - last_change > STALL_S * 1000:
                raise PlanError(message("disk.not_freed", minutes=STALL_S // 60, check=CHECK_INTERVAL))
            progress(
                text(
                    "disk.await.progress",
                    freed=f"{freed / MIB:,.1f}",
                    wanted=f"{self._wanted(arguments) / MIB:,.1f}",
                    seconds=(now - started) // 1000,
                )
            )
            session.pause(POLL_S)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing: what producers write meanwhile takes space again."""
        return []

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Deleted segments do not come back."""


class MoveReplicas(ReversibleAction):
    """Move replicas between directories: ``replicas``: ``topic``, ``partition``, ``broker``, ``from``, ``to``.

    The broker itself refuses directories that it does not know.
    """

    name = "disk.move"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        rows = arguments["replicas"]
        copied = sum(row["bytes"] for row in rows)
        return text("disk.move.step", count=len(rows), broker=rows[0]["broker"], mib=f"{copied / MIB:,.1f}")

    def _elsewhere(self, session: OpsSession, arguments: Arguments, key: str) -> dict[TopicPartition, str]:
        """Replicas that are not, or not wholly, in their directory of ``key``, and that directory."""
        wanted = {TopicPartition(r["topic"], r["partition"]): r[key] for r in arguments["replicas"]}
        broker = arguments["replicas"][0]["broker"]
        there: set[TopicPartition] = set()
        copying: set[TopicPartition] = set()
        for directory in session.admin.log_dirs.describe(brokers=[broker], topics={n.topic for n in wanted}):
            for row in directory.replicas:
                if row.is_future:
                    copying.add(row.partition)
                elif wanted.get(row.partition) == directory.path:
                    there.add(row.partition)
        return {name: path for name, path in wanted.items() if name not in there or name in copying}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether all are where they should be."""
        return not self._elsewhere(session, arguments, "to")

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Move those that are elsewhere and wait until they are there."""
        self._move(session, arguments, "to", progress)

    def _move(self, session: OpsSession, arguments: Arguments, key: str, progress: Progress) -> None:
        broker = arguments["replicas"][0]["broker"]
        todo = self._elsewhere(session, arguments, key)
        if todo:
            session.admin.log_dirs.move({(name, broker): path for name, path in todo.items()})
        crash_point("disk.moving")
        last_change, last = session.clock.time_ms(), len(todo)
        while left := self._elsewhere(session, arguments, key):
            now = session.clock.time_ms()
            if len(left) != last:
                last_change, last = now, len(left)
            elif now - last_change > STALL_S * 1000:
                raise PlanError(message("disk.stalled", minutes=STALL_S // 60, broker=broker))
            progress(text("disk.move.progress", left=len(left)))
            session.pause(POLL_S)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """All are where they should be."""
        return [
            text("disk.elsewhere", partition=str(name), path=path)
            for name, path in self._elsewhere(session, arguments, "to").items()
        ]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Move them back."""
        self._move(session, arguments, "from", progress)


register_actions(AwaitFreed(), MoveReplicas())
