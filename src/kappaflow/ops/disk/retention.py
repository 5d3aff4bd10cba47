"""What a shorter retention would free, and whom it would cost records that they have not read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kappaflow.client.admin import EARLIEST, LATEST
from kappaflow.client.listed_offsets import ListedOffset
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import ConfigError, HostError, UsageError
from kappaflow.ops.admin.faces import ConfigResource, TopicState
from kappaflow.ops.disk import texts as _texts
from kappaflow.ops.disk.segments import Segment, expired_bytes, list_segments
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts
HOUR_MS = 3_600_000
LADDER_MS = tuple(hours * HOUR_MS for hours in (720, 336, 168, 120, 72, 48, 36, 24, 18, 12, 8, 6, 4, 3, 2, 1))
"""Retentions that are proposed, the mildest first."""


@dataclass(frozen=True)
class RetentionCut:
    """One topic with a shorter retention.

    Attributes:
        topic: its name.
        before_ms: ``retention.ms`` in force, -1 for no limit.
        after_ms: the proposed one.
        own_ms: the topic's own value before; None where a default held.
        freed_bytes: on all brokers that were asked for, their replicas together.
        exact: whether that was told from segments; otherwise it is an estimate from offsets.
        losers: groups that have not read all of what goes, with how many records.
    """

    topic: str
    before_ms: int
    after_ms: int
    own_ms: int | None
    freed_bytes: int
    exact: bool
    losers: Mapping[str, int]


class RetentionWhatIf:
    """Answers what shorter retentions would do; asks the cluster once for what does not change."""

    def __init__(self, session: OpsSession, topics: Collection[str] | None = None, broker: int | None = None) -> None:
        """Look at sizes, segments, offsets and groups.

        Args:
            session: the cluster.
            topics: which; all but the brokers' own by default.
            broker: count what is freed on this one only.

        Raises:
            UsageError: there is no such topic.
        """
        self._session = session
        described = session.admin.topics.describe(topics)
        missing = sorted(set(topics or ()) - set(described))
        if missing:
            raise UsageError(message("disk.no_topic", topic=missing[0]))
        self.topics = {name: t for name, t in described.items() if topics or not t.is_internal}
        names = list(self.topics)
        configs = session.admin.configs.describe(
            [ConfigResource("topic", name) for name in names], ["retention.ms", "cleanup.policy"]
        )
        self._configs = {resource.name: entries for resource, entries in configs.items()}
        self._partitions = [TopicPartition(p.topic, p.partition) for t in self.topics.values() for p in t.partitions]
        self._begins = {p: r.offset for p, r in self._list(EARLIEST).items()}
        self._ends = {p: r.offset for p, r in self._list(LATEST).items()}
        self.sizes = self._read_sizes(broker)
        self._segments = self._read_segments(broker)
        self._committed = self._read_groups()
        self._kept: dict[int, Mapping[TopicPartition, int]] = {}

    def _list(self, at: int) -> dict[TopicPartition, ListedOffset]:
        return self._session.admin.topics.list_offsets(dict.fromkeys(self._partitions, at))

    def _read_sizes(self, broker: int | None) -> dict[tuple[TopicPartition, int], int]:
        alive = [b.node_id for b in self._session.admin.describe().brokers]
        asked = alive if broker is None else [broker]
        return {
            (row.partition, d.broker): row.size_bytes
            for d in self._session.admin.log_dirs.describe(brokers=asked, topics=list(self.topics))
            for row in d.replicas
            if not row.is_future
        }

    def _read_segments(self, broker: int | None) -> dict[tuple[TopicPartition, int], list[Segment]]:
        """From the machines that can be reached; the others are estimated."""
        found: dict[tuple[TopicPartition, int], list[Segment]] = {}
        if not self._session.context.hosts:
            return found
        directories: dict[int, list[str]] = defaultdict(list)
        alive = [b.node_id for b in self._session.admin.describe().brokers]
        for d in self._session.admin.log_dirs.describe(brokers=alive if broker is None else [broker]):
            directories[d.broker].append(d.path)
        for node, paths in directories.items():
            try:
                segments = list_segments(self._session.hosts.get(node), paths)
            except (HostError, ConfigError):
                continue
            found |= {(name, node): rows for name, rows in segments.items()}
        return found

    def _read_groups(self) -> dict[str, dict[TopicPartition, int]]:
        groups = [g.group_id for g in self._session.admin.groups.list() if g.protocol_type in ("consumer", "")]
        offsets = self._session.admin.groups.offsets(groups) if groups else {}
        return {g: {p: row.offset for p, row in rows.items() if p in self._ends} for g, rows in offsets.items()}

    def retention_ms(self, topic: str) -> int:
        """``retention.ms`` in force, -1 for no limit."""
        return int(self._configs[topic]["retention.ms"].value or -1)

    def can_cut(self, topic: str) -> bool:
        """Whether retention by time deletes anything of the topic."""
        return "delete" in (self._configs[topic]["cleanup.policy"].value or "delete")

    def size_bytes(self, topic: str) -> int:
        """What the topic takes on the brokers that were asked for."""
        return sum(size for (name, _), size in self.sizes.items() if name.topic == topic)

    def _first_kept(self, retention_ms: int) -> Mapping[TopicPartition, int]:
        if retention_ms not in self._kept:
            cutoff = self._session.clock.time_ms() - retention_ms
            listed = self._list(cutoff)
            self._kept[retention_ms] = {
                p: row.offset if row.offset >= 0 else self._ends[p] for p, row in listed.items() if p in self._ends
            }
        return self._kept[retention_ms]

    def cut(self, topic: str, after_ms: int) -> RetentionCut:
        """What a retention would do to a topic."""
        kept = self._first_kept(after_ms)
        freed, exact = 0, True
        for (name, broker), size in self.sizes.items():
            if name.topic != topic or name not in kept:
                continue
            segments = self._segments.get((name, broker))
            if segments is not None:
                freed += expired_bytes(segments, kept[name], self._ends[name])
            else:
                exact = False
                records = self._ends[name] - self._begins[name]
                freed += size * (kept[name] - self._begins[name]) // records if records else 0
        own = self._configs[topic]["retention.ms"]
        return RetentionCut(
            topic,
            self.retention_ms(topic),
            after_ms,
            int(own.value or -1) if own.source == "topic" else None,
            freed,
            exact,
            self._losers(self.topics[topic], kept),
        )

    def _losers(self, topic: TopicState, kept: Mapping[TopicPartition, int]) -> dict[str, int]:
        losers: dict[str, int] = {}
        names = [TopicPartition(p.topic, p.partition) for p in topic.partitions]
        for group, offsets in self._committed.items():
            lost = sum(max(0, kept[n] - max(offsets[n], self._begins[n])) for n in names if n in offsets and n in kept)
            if lost:
                losers[group] = lost
        return losers


def propose_cuts(
    what_if: RetentionWhatIf, target_bytes: int, *, at_least_ms: int = HOUR_MS, allow_losers: bool = False
) -> list[RetentionCut]:
    """The mildest retentions of the fewest topics that free so much; fewer bytes where that is not to be had.

    The largest topic gives first, by the mildest retention of the ladder that is enough; where none is, it gives what
    it can and the next one gives the rest.

    Args:
        what_if: what cuts would do.
        target_bytes: how much to free.
        at_least_ms: no retention below this is proposed.
        allow_losers: whether groups may lose records that they have not read.
    """
    cuts: list[RetentionCut] = []
    left = target_bytes
    for topic in sorted(what_if.topics, key=lambda name: (-what_if.size_bytes(name), name)):
        if left <= 0:
            break
        if what_if.can_cut(topic):
            best = _best_cut(what_if, topic, left, at_least_ms, allow_losers=allow_losers)
            if best is not None:
                cuts.append(best)
                left -= best.freed_bytes
    return cuts


def _best_cut(
    what_if: RetentionWhatIf, topic: str, wanted: int, at_least_ms: int, *, allow_losers: bool
) -> RetentionCut | None:
    now = what_if.retention_ms(topic)
    ladder: Sequence[int] = [r for r in LADDER_MS if r >= at_least_ms and (now < 0 or r < now)]
    best: RetentionCut | None = None
    for after_ms in ladder:
        cut = what_if.cut(topic, after_ms)
        if cut.losers and not allow_losers:
            break
        if cut.freed_bytes > (best.freed_bytes if best else 0):
            best = cut
        if cut.freed_bytes >= wanted:
            return cut
    return best
