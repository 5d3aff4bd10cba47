"""Log segments as they lie on a machine: what retention can take is whole segments only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import HostError
from kappaflow.ops.disk import texts as _texts
from kappaflow.ops.hosts.face import Host
from kappaflow.runtime.messages import message

assert _texts

_SEGMENT = re.compile(r"(?P<dir>.*)/(?P<topic>[^/]+)-(?P<partition>\d+)/(?P<base>\d{20})\.log (?P<size>\d+)")


class Segment(NamedTuple):
    """One segment of a replica; ``base_offset`` is the first offset that it can hold."""

    base_offset: int
    size_bytes: int
    path: str


def list_segments(host: Host, log_dirs: Sequence[str]) -> dict[TopicPartition, list[Segment]]:
    """The segments of every replica on a machine, oldest first.

    Args:
        host: the machine.
        log_dirs: its log directories.

    Raises:
        HostError: a directory cannot be read.
    """
    command = ["find", *log_dirs, "-mindepth", "2", "-maxdepth", "2", "-name", "*.log", "-printf", "%p %s\n"]
    done = host.run(command, timeout_s=120)
    # A file that went away while it was looked for is no failure.
    if done.code and not done.output:
        raise HostError(
            message(
                "disk.cannot_list",
                node_id=host.entry.node_id,
                log_dirs=", ".join(log_dirs),
                reason=done.errors.strip()[-200:],
            )
        )
    found: dict[TopicPartition, list[Segment]] = defaultdict(list)
    for line in done.output.splitlines():
        row = _SEGMENT.fullmatch(line)
        if row is not None:
            segment = Segment(int(row["base"]), int(row["size"]), line.rpartition(" ")[0])
            found[TopicPartition(row["topic"], int(row["partition"]))].append(segment)
    return {name: sorted(segments) for name, segments in found.items()}


def expired_bytes(segments: Sequence[Segment], first_kept: int, end: int) -> int:
    """What goes of a replica when all records before an offset are too old.

    A segment goes when all its records do, that is, when the next one begins at or before the first that is kept; the
    last one when nothing is kept.

    Args:
        segments: oldest first.
        first_kept: the first offset whose record is young enough; the end where none is.
        end: the end of the log.

    >>> segments = [Segment(0, 100, ""), Segment(10, 100, ""), Segment(20, 50, "")]
    >>> expired_bytes(segments, 15, 25), expired_bytes(segments, 20, 25), expired_bytes(segments, 25, 25)
    (100, 200, 250)
    """
    nexts = [segment.base_offset for segment in segments[1:]] + [end]
    total = 0
    for segment, next_base in zip(segments, nexts, strict=True):
        if next_base > first_kept:
            break
        total += segment.size_bytes
    return total
