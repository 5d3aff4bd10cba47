"""Several looks at groups, some time apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


def sample_groups(
    session: OpsSession,
    group_ids: Sequence[str],
    *,
    samples: int = 10,
    interval_s: float = 1.0,
    required: bool = True,
    watch: Callable[[Mapping[str, GroupSample]], None] | None = None,
) -> dict[str, GroupWindow]:
    """Look at groups several times, at all of them in each look.

    Args:
        session: the cluster.
        group_ids: the groups.
        samples: how often; Burrow's window is 10.
        interval_s: seconds between two looks; longer than the consumers' commit interval tells more.
        required: whether each has to be there; otherwise those that are not, or go meanwhile, are left out.
        watch: told of every look, by group.

    Raises:
        UsageError: a group that is required is not there.
    """
    found: dict[str, list[GroupSample]] = {group_id: [] for group_id in group_ids}
    for number in range(samples):
        if number:
            session.pause(interval_s)
        look = _look(session, list(found), required=required)
        found = {group_id: [*found[group_id], sample] for group_id, sample in look.items()}
        if watch is not None:
            watch(look)
    names = {p for looks in found.values() for p in looks[-1].ends}
    begins = {p: row.offset for p, row in session.admin.topics.list_offsets(dict.fromkeys(names, EARLIEST)).items()}
    return {
        group_id: GroupWindow(tuple(looks), {p: begins[p] for p in looks[-1].ends if p in begins})
        for group_id, looks in found.items()
    }


def sample_group(
    session: OpsSession,
    group_id: str,
    *,
    samples: int = 10,
    interval_s: float = 1.0,
) -> GroupWindow:
    """`sample_groups` of one.

    Raises:
        UsageError: there is no such group.
    """
    return sample_groups(session, [group_id], samples=samples, interval_s=interval_s)[group_id]


def _look(session: OpsSession, group_ids: Sequence[str], *, required: bool) -> dict[str, GroupSample]:
    groups = session.admin.groups.describe(group_ids)
    offsets = session.admin.groups.offsets(group_ids)
    committed: dict[str, dict[TopicPartition, int]] = {}
    read: dict[str, set[str]] = {}
    for group_id in group_ids:
        group = groups[group_id]
        if group.state == DEAD and not offsets[group_id]:
            if required:
                raise UsageError(message("lag.no_group", group=group_id))
            continue
        committed[group_id] = {p: row.offset for p, row in offsets[group_id].items()}
        read[group_id] = {p.topic for member in group.members for p in member.assignment or ()}
        read[group_id] |= {p.topic for p in committed[group_id]}
    # All partitions of the topics: one that nobody reads is what the doctor may have to find.
    topics = session.admin.topics.describe({name for names in read.values() for name in names})
    of_topic = {n: [TopicPartition(p.topic, p.partition) for p in t.partitions] for n, t in topics.items()}
    wanted = dict.fromkeys((p for partitions in of_topic.values() for p in partitions), LATEST)
    ends = {p: row.offset for p, row in session.admin.topics.list_offsets(wanted).items()}
    at_ms = session.clock.time_ms()
    return {
        group_id: GroupSample(
            at_ms,
            groups[group_id],
            {p: offset for p, offset in committed[group_id].items() if p.topic in topics},
            {p: ends[p] for topic in read[group_id] for p in of_topic.get(topic, ()) if p in ends},
        )
        for group_id in committed
    }
