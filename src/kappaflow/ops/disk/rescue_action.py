"""The step that takes segments off the disk of a stopped broker that nobody needs any more, and starts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from kappaflow.client.admin import EARLIEST
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, BrokerUnreachable, PlanError
from kappaflow.ops.disk import texts as _texts
from kappaflow.ops.disk.broker_disks import look_at_broker
from kappaflow.ops.disk.directory_action import log_directories
from kappaflow.ops.disk.segments import Segment, list_segments
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, message, text

assert _texts
MIB = 1 << 20
SUFFIXES = ("log", "index", "timeindex", "txnindex", "snapshot")
FILES_A_COMMAND = 200
RETENTION_WAIT_S = 600.0
START_WAIT_S = 300.0
ENOUGH = 0.05
"""The free part of a file system with which a broker can start and work until retention goes on."""


class TrimReplicas:
    """Take old segments off a stopped broker's disk and start it: ``broker``, ``topics``, ``retention_ms``."""

    name = "disk.trim"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("disk.trim.step", broker=arguments["broker"], count=len(arguments["topics"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is not: the segments are gone, here as on the leaders."""
        return False

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the broker runs."""
        if self._is_back(session, arguments):
            return [text("disk.rescue.runs", broker=arguments["broker"])]
        return []

    def _is_back(self, session: OpsSession, arguments: Arguments) -> bool:
        return look_at_broker(session, arguments["broker"]).is_whole

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """What is on the disk."""
        host = session.hosts.get(arguments["broker"])
        segments = list_segments(host, log_directories(host))
        return {"bytes": sum(s.size_bytes for rows in segments.values() for s in rows)}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether the broker runs again with all its directories."""
        return self._is_back(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Wait until the leaders have deleted, delete the same here, start.

        Raises:
            PlanError: nothing could be taken off, or the broker does not come back.
            HostError: the machine cannot be reached.
        """
        host = session.hosts.get(arguments["broker"])
        host.stop()  # a broker that lost its disk may hang instead of having ended
        found: dict[TopicPartition, list[Segment]] = {}

        def look() -> bool:
            """Whether there is space already, as after a crash, or the leaders have deleted all that they will."""
            progress(text("disk.trim.waiting"))
            before = dict(found)
            try:
                now = self._removable(session, host, arguments)
            except (BrokerError, BrokerUnreachable):  # brokers still count on the one that has ended
                return False
            found.clear()
            found.update(now)
            return _has_space(host) or (bool(found) and found == before)

        if not wait_until(session, look, RETENTION_WAIT_S, 2.0):
            raise PlanError(message("disk.trim.nothing", minutes=int(RETENTION_WAIT_S // 60)))
        crash_point("disk.trimming")
        freed = _remove(host, found)
        crash_point("disk.trimmed")
        progress(text("disk.trim.removed", mib=f"{freed / MIB:,.1f}"))
        host.start()
        if not wait_until(session, lambda: self._is_back(session, arguments), START_WAIT_S, 0.5):
            raise PlanError(message("disk.trim.down", broker=arguments["broker"], log=host.log_tail(5)))

    def _removable(self, session: OpsSession, host: Host, arguments: Arguments) -> dict[TopicPartition, list[Segment]]:
        """Segments here that lie wholly before where the leader begins; the last of a replica always stays."""
        segments = list_segments(host, log_directories(host))
        wanted = [name for name in segments if name.topic in arguments["topics"]]
        described = session.admin.topics.describe({name.topic for name in wanted})
        known = {TopicPartition(p.topic, p.partition) for t in described.values() for p in t.partitions}
        begins = session.admin.topics.list_offsets(dict.fromkeys([n for n in wanted if n in known], EARLIEST))
        removable: dict[TopicPartition, list[Segment]] = {}
        for name, listed in begins.items():
            rows = segments[name]
            old = [row for row, following in pairwise(rows) if following.base_offset <= listed.offset]
            if old:
                removable[name] = old
        return removable

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """The broker runs."""
        return [] if self._is_back(session, arguments) else [text("disk.rescue.down", broker=arguments["broker"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Never called."""
        raise PlanError(str(text("disk.trim.final")))


def _has_space(host: Host) -> bool:
    """Whether each of a broker's file systems has room to start with."""
    space = [host.disk_space(path) for path in log_directories(host) if host.exists(path)]
    return all(row.free_bytes >= ENOUGH * row.total_bytes for row in space)


def _remove(host: Host, found: Mapping[TopicPartition, Sequence[Segment]]) -> int:
    """Remove segments with their indexes, the oldest of each partition first; returns the bytes of their logs."""
    files = [
        f"{segment.path.removesuffix('log')}{suffix}"
        for segments in found.values()
        for segment in segments
        for suffix in SUFFIXES
    ]
    for start in range(0, len(files), FILES_A_COMMAND):
        done = host.run(["rm", "-f", "--", *files[start : start + FILES_A_COMMAND]])
        if done.code:
            raise PlanError(message("disk.rm_failed", node_id=host.entry.node_id, reason=done.errors.strip()[-200:]))
    return sum(segment.size_bytes for segments in found.values() for segment in segments)


register_actions(TrimReplicas())
