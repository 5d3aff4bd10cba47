"""The topics that a query makes for itself: repartition topics and changelogs."""

from __future__ import annotations

from collections.abc import Mapping

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.errors import TopologyError
from kappaflow.streams.topology import StoreSpec, Subtopology, Topology
from kappaflow.streams.topology import nodes as n

CHANGELOG_EXTRA_RETENTION_MS = 86_400_000
REPARTITION_SEGMENT_BYTES = 52_428_800


def check_copartitioned(topology: Topology, counts: Mapping[str, int]) -> None:
    """Refuse joins over topics with different partition counts.

    Raises:
        TopologyError: names the topics and their counts.
    """
    if topology.copartitioned is not None:
        for topics in topology.copartitioned:
            found = {topic: counts[topic] for topic in topics if topic in counts}
            if len(set(found.values())) > 1:
                listed = ", ".join(f"{topic} has {count}" for topic, count in sorted(found.items()))
                raise TopologyError(
                    f"Topics that are joined need the same number of partitions, but {listed}. Repartition one of them."
                )
        return
    for sub in topology.subtopologies:
        joins = [node for node in sub.nodes if len(topology.parents[node.name]) > 1]
        external = {topic: counts[topic] for topic in sub.sources if topic in counts}
        if joins and len(set(external.values())) > 1:
            listed = ", ".join(f"{topic} has {count}" for topic, count in sorted(external.items()))
            raise TopologyError(
                f"{joins[0].name} needs topics with the same number of partitions, but {listed}. "
                "Repartition one of them."
            )


def repartition_counts(topology: Topology, counts: Mapping[str, int]) -> dict[str, int]:
    """Return the partition counts of all repartition topics: what they are joined with, else what feeds them."""
    found: dict[str, int] = dict(counts)
    pending = list(topology.repartition_nodes)
    for _ in range(len(pending) + 1):
        for node in list(pending):
            count = node.partitions or _joined_with(topology, node, found) or _fed_by(topology, node, found)
            if count:
                found[node.topic] = count
                pending.remove(node)
    if pending:
        raise TopologyError(f"The number of partitions of {pending[0].topic} cannot be told from its sources.")
    return {node.topic: found[node.topic] for node in topology.repartition_nodes}


def _reader(topology: Topology, node: n.Repartition) -> Subtopology:
    return next(sub for sub in topology.subtopologies if node in sub.sources.get(node.topic, ()))


def _joined_with(topology: Topology, node: n.Repartition, counts: Mapping[str, int]) -> int:
    sub = _reader(topology, node)
    return max((counts.get(topic, 0) for topic in sub.sources if topic != node.topic), default=0)


def _fed_by(topology: Topology, node: n.Repartition, counts: Mapping[str, int]) -> int:
    parents = set(topology.parents[node.name])
    feeders = [sub for sub in topology.subtopologies if any(member.name in parents for member in sub.nodes)]
    return max((counts.get(topic, 0) for sub in feeders for topic in sub.sources), default=0)


def changelog_configs(store: StoreSpec) -> dict[str, str]:
    """Return the configuration of a store's changelog."""
    if store.history_ms is not None:
        lag_ms = store.history_ms + CHANGELOG_EXTRA_RETENTION_MS
        return {"cleanup.policy": "compact", "min.compaction.lag.ms": str(lag_ms)}
    if store.retention_ms is None:
        return {"cleanup.policy": "compact"}
    retention_ms = store.retention_ms + CHANGELOG_EXTRA_RETENTION_MS
    return {"cleanup.policy": "compact,delete", "retention.ms": str(retention_ms)}


def create_internal_topics(
    admin: Admin, topology: Topology, counts: Mapping[str, int], replication_factor: int, min_in_sync: int | None
) -> dict[str, int]:
    """Create what is missing and return the partition counts of all internal topics.

    Raises:
        TopologyError: one exists with another number of partitions than its sources have now.
    """
    safety = {"min.insync.replicas": str(min_in_sync)} if min_in_sync else {}
    internal = repartition_counts(topology, counts)

    def create(topic: str, partitions: int, configs: dict[str, str]) -> None:
        new = admin.create_topic(NewTopic(topic, partitions, replication_factor, configs), exist_ok=True)
        if not new and (existing := admin.partitions_for(topic)) != partitions:
            raise _other_count(topology, topic, existing, partitions, counts)

    for topic, partitions in internal.items():
        configs = {
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "segment.bytes": str(REPARTITION_SEGMENT_BYTES),
            "message.timestamp.type": "CreateTime",
            **safety,
        }
        create(topic, partitions, configs)
    known = {**counts, **internal}
    for sub in topology.task_subtopologies:
        partitions = max((known.get(topic, 0) for topic in sub.sources), default=0)
        for store in sub.stores:
            if store.logged:
                topic = topology.changelog_topic(store)
                create(topic, partitions, {**changelog_configs(store), **safety})
                internal[topic] = partitions
    return internal


def _other_count(
    topology: Topology, topic: str, existing: int, wanted: int, counts: Mapping[str, int]
) -> TopologyError:
    sources = ", ".join(
        f"{name} has {count}" for name, count in sorted(counts.items()) if name in topology.source_topics
    )
    return TopologyError(
        f"Topic {topic} has {existing} partitions, but {wanted} are needed, as many as its sources have now "
        f"({sources}). Partitions were added to a source after this query had begun, and rows of one key may lie in "
        "two of them. Drop the query and create it again: it then reads its sources from their beginning."
    )
