"""What the brokers themselves say, by Kafka's protocol: the part that needs nothing else to be set up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from kappaflow.client.admin import LATEST
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerUnreachable, KappaError
from kappaflow.ops.admin.faces import ConfigResource, LogDirState, PartitionState, TopicState
from kappaflow.ops.monitor.partition_ends import PartitionEnds
from kappaflow.ops.monitor.samples import Snapshot
from kappaflow.ops.session import OpsSession

MIN_IN_SYNC = "min.insync.replicas"
MIN_IN_SYNC_EVERY = 10
"""Configurations of topics are asked for at every tenth look only; they seldom change."""
GROUPS_A_PART = 250
INACTIVE = ("Empty", "Dead")


class _Health(NamedTuple):
    """Partitions of one topic that are not well."""

    under_replicated: int
    offline: int
    under_min_in_sync: int
    away_from_preferred: int


class BrokersPart:
    """Brokers, partitions, disks and groups; remembers what a second look needs."""

    def __init__(self, session: OpsSession) -> None:
        """Nothing is asked yet.

        Args:
            session: the cluster.
        """
        self._session = session
        self._ends = PartitionEnds()
        self._min_in_sync: dict[str, int] = {}
        self._looks = 0
        self._brokers: set[int] = set()
        self._topics: Mapping[str, TopicState] = {}

    def cluster(self, snapshot: Snapshot) -> None:
        """Which brokers are alive; of those that were seen before, which are away."""
        found = self._session.admin.describe()
        alive = {broker.node_id for broker in found.brokers}
        self._brokers |= alive
        snapshot.put("kappa_cluster_brokers", len(alive))
        snapshot.put("kappa_cluster_active_controllers", found.controller_id >= 0)
        for broker in sorted(self._brokers):
            snapshot.put("kappa_broker_up", broker in alive, broker=broker)

    def partitions(self, snapshot: Snapshot) -> None:
        """Partitions and their replicas."""
        topics = self._session.admin.topics.describe()
        self._topics = topics
        self._learn_min_in_sync(topics)
        leaders, replicas, behind = Counter[int](), Counter[int](), Counter[int]()
        total = [0, 0, 0, 0]
        for name, topic in topics.items():
            health = self._health(topic)
            total = [a + b for a, b in zip(total, health, strict=True)]
            for kind, count in zip(("under_replicated", "offline", "under_min_isr"), health[:3], strict=True):
                if count:  # a series for every well topic would say 27,000 times nothing
                    snapshot.put(f"kappa_topic_{kind}_partitions", count, topic=name)
            for p in topic.partitions:
                leaders[p.leader] += 1
                replicas.update(p.replicas)
                if len(p.in_sync) < len(p.replicas):
                    behind[p.leader] += 1
        snapshot.put("kappa_cluster_topics", len(topics))
        snapshot.put("kappa_cluster_partitions", sum(len(t.partitions) for t in topics.values()))
        kinds = ("under_replicated", "offline", "under_min_isr", "not_preferred_leader")
        for kind, count in zip(kinds, total, strict=True):
            snapshot.put(f"kappa_cluster_{kind}_partitions", count)
        snapshot.put("kappa_cluster_reassigning_partitions", len(self._session.admin.placement.reassignments()))
        for broker in sorted(self._brokers | set(replicas)):
            snapshot.put("kappa_broker_leaders", leaders[broker], broker=broker)
            snapshot.put("kappa_broker_replicas", replicas[broker], broker=broker)
            snapshot.put("kappa_broker_under_replicated_partitions", behind[broker], broker=broker)

    def _health(self, topic: TopicState) -> _Health:
        least = self._min_in_sync.get(topic.name, 1)
        rows = topic.partitions
        return _Health(
            sum(len(p.in_sync) < len(p.replicas) for p in rows),
            sum(p.leader < 0 for p in rows),
            sum(len(p.in_sync) < least for p in rows),
            sum(_is_away(p) for p in rows),
        )

    def _learn_min_in_sync(self, topics: Mapping[str, TopicState]) -> None:
        everything = self._looks % MIN_IN_SYNC_EVERY == 0
        self._looks += 1
        asked = [ConfigResource("topic", name) for name in topics if everything or name not in self._min_in_sync]
        found = self._session.admin.configs.describe(asked, [MIN_IN_SYNC]) if asked else {}
        known = {} if everything else {n: least for n, least in self._min_in_sync.items() if n in topics}
        for resource, entries in found.items():
            entry = entries.get(MIN_IN_SYNC)
            known[resource.name] = int(entry.value or 1) if entry else 1
        self._min_in_sync = known

    def traffic(self, snapshot: Snapshot) -> None:
        """Records a second, from the ends of partitions at this look and the one before."""
        names = [TopicPartition(p.topic, p.partition) for t in self._topics.values() for p in t.partitions]
        listed = self._session.admin.topics.list_offsets(dict.fromkeys(names, LATEST))
        at_ms = self._session.clock.time_ms()
        self._ends.add(at_ms, {name: row.offset for name, row in listed.items()})
        rates: Counter[str] = Counter()
        for name, rate in self._ends.rates().items():
            rates[name.topic] += rate  # type: ignore[assignment]
        for topic, rate in rates.items():
            snapshot.put("kappa_topic_records_per_second", rate, topic=topic)
        if rates:
            snapshot.put("kappa_cluster_records_per_second", sum(rates.values()))

    def disks(self, snapshot: Snapshot) -> None:
        """Sizes of topics and what is left in log directories."""
        topics: Counter[str] = Counter()
        failed: list[str] = []
        directories: list[LogDirState] = []
        for broker in sorted(b.node_id for b in self._session.admin.describe().brokers):
            try:
                directories += self._session.admin.log_dirs.describe([broker])
            except KappaError as error:
                failed.append(f"{broker}: {error}")
        for directory in directories:
            labels = {"broker": directory.broker, "dir": directory.path}
            snapshot.put("kappa_broker_log_dir_up", not directory.error, **labels)
            if directory.error:
                continue
            used = 0
            for row in directory.replicas:
                topics[row.partition.topic] += row.size_bytes
                used += row.size_bytes
            snapshot.put("kappa_broker_log_bytes", used, **labels)
            if directory.total_bytes >= 0:
                snapshot.put("kappa_broker_disk_bytes", directory.total_bytes, **labels)
                snapshot.put("kappa_broker_disk_free_bytes", directory.usable_bytes, **labels)
                if directory.total_bytes:
                    part = directory.usable_bytes / directory.total_bytes
                    snapshot.put("kappa_broker_disk_free_ratio", part, **labels)
        if failed:  # what lies on the others is no sum of anything
            raise BrokerUnreachable("; ".join(failed))
        for topic, size in topics.items():
            snapshot.put("kappa_topic_log_bytes", size, topic=topic)
        snapshot.put("kappa_cluster_log_bytes", sum(topics.values()))

    def groups(self, snapshot: Snapshot) -> None:
        """How far groups are behind, in records and in seconds; rests on the ends that `traffic` noted."""
        rows = self._session.admin.groups.list()
        snapshot.put("kappa_cluster_groups", len(rows))
        ends = self._ends
        for start in range(0, len(rows), GROUPS_A_PART):
            part = {row.group_id: row for row in rows[start : start + GROUPS_A_PART]}
            for group_id, offsets in self._session.admin.groups.offsets(list(part)).items():
                lags: Counter[str] = Counter()
                oldest = 0.0
                for name, row in offsets.items():
                    end = ends.end(name)
                    if end is None:
                        continue  # of a topic that was deleted, or has no leader now
                    lags[name.topic] += max(0, end - row.offset)
                    oldest = max(oldest, ends.age_seconds(name, row.offset) or 0.0)
                for topic, lag in lags.items():
                    snapshot.put("kappa_group_topic_lag_records", lag, group=group_id, topic=topic)
                if lags:
                    snapshot.put("kappa_group_lag_records", sum(lags.values()), group=group_id)
                    snapshot.put("kappa_group_lag_seconds", oldest, group=group_id)
                if part[group_id].state:
                    snapshot.put("kappa_group_active", part[group_id].state not in INACTIVE, group=group_id)


def _is_away(partition: PartitionState) -> bool:
    """Whether another than the preferred replica leads."""
    return partition.leader >= 0 and bool(partition.replicas) and partition.leader != partition.replicas[0]
