"""Several looks at a group, some time apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kappaflow.client.admin import EARLIEST, LATEST
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.admin.faces import GroupState
from kappaflow.ops.lag import texts as _texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts
DEAD = "Dead"


@dataclass(frozen=True)
class GroupSample:
    """One look.

    Attributes:
        at_ms: when.
        group: its state and members.
        committed: offsets by partition.
        ends: high watermarks of the partitions that the group has offsets of or reads.
    """

    at_ms: int
    group: GroupState
    committed: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]


@dataclass(frozen=True)
class GroupWindow:
    """All looks, oldest first, and where partitions begin."""

    samples: tuple[GroupSample, ...]
    begins: Mapping[TopicPartition, int]

    @property
    def last(self) -> GroupSample:
        """The newest look."""
        return self.samples[-1]

    @property
    def seconds(self) -> float:
        """From the first look to the last."""
        return (self.samples[-1].at_ms - self.samples[0].at_ms) / 1000

    def partitions(self) -> list[TopicPartition]:
        """All partitions of the last look, sorted."""
        return sorted(self.last.ends)

    def series(self, partition: TopicPartition) -> list[tuple[int, int, int]]:
        """Time, committed offset and end of one partition, of the looks that know both."""
        return [
            (s.at_ms, s.committed[partition], s.ends[partition])
            for s in self.samples
            if partition in s.committed and partition in s.ends
        ]

    def lag(self, partition: TopicPartition) -> int:
        """Records that are not read yet, by the last look; all that there are where nothing was committed."""
        committed = self.last.committed.get(partition, self.begins.get(partition, 0))
        return max(0, self.last.ends.get(partition, 0) - committed)

    def produced(self, partition: TopicPartition) -> int:
        """Records that came while it was looked."""
        known = [s.ends[partition] for s in self.samples if partition in s.ends]
        return known[-1] - known[0] if known else 0

    def consumed(self, partition: TopicPartition) -> int:
        """How far the committed offset went while it was looked."""
        series = self.series(partition)
        return series[-1][1] - series[0][1] if series else 0


def sample_group(
    session: OpsSession,
    group_id: str,
    *,
    samples: int = 10,
    interval_s: float = 1.0,
    watch: Callable[[GroupSample], None] | None = None,
) -> GroupWindow:
    """Look at a group several times.

    Args:
        session: the cluster.
        group_id: the group.
        samples: how often; Burrow's window is 10.
        interval_s: seconds between two looks; longer than the consumers' commit interval tells more.
        watch: told of every look.

    Raises:
        UsageError: there is no such group.
    """
    found: list[GroupSample] = []
    begins: Mapping[TopicPartition, int] = {}
    for number in range(samples):
        if number:
            session.pause(interval_s)
        sample, begins = _look(session, group_id, with_begins=number == samples - 1)
        found.append(sample)
        if watch is not None:
            watch(sample)
    return GroupWindow(tuple(found), begins)


def _look(session: OpsSession, group_id: str, *, with_begins: bool) -> tuple[GroupSample, Mapping[TopicPartition, int]]:
    group = session.admin.groups.describe([group_id])[group_id]
    committed = {p: row.offset for p, row in session.admin.groups.offsets([group_id])[group_id].items()}
    if group.state == DEAD and not committed:
        raise UsageError(message("lag.no_group", group=group_id))
    read = {p for member in group.members for p in member.assignment or ()}
    # All partitions of the topics: one that nobody reads is what the doctor may have to find.
    topics = session.admin.topics.describe({p.topic for p in {*committed, *read}})
    names = [TopicPartition(p.topic, p.partition) for t in topics.values() for p in t.partitions]
    ends = {p: row.offset for p, row in session.admin.topics.list_offsets(dict.fromkeys(names, LATEST)).items()}
    begins: Mapping[TopicPartition, int] = {}
    if with_begins:
        listed = session.admin.topics.list_offsets(dict.fromkeys(names, EARLIEST))
        begins = {p: row.offset for p, row in listed.items()}
    known = {p: offset for p, offset in committed.items() if p.topic in topics}
    return GroupSample(session.clock.time_ms(), group, known, ends), begins
