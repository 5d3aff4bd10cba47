"""The topics that a query makes for itself: repartition topics and changelogs."""

from __future__ import annotations

from collections.abc import Mapping

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.errors import TopologyError
from kappaflow.streams.topology import StoreSpec, Subtopology, Topology
from kappaflow.streams.topology import nodes as n

CHANGELOG_EXTRA_RETENTION_MS = 86_400_000
REPARTITION_SEGMENT_BYTES = 52_428_800
LONGEST_MS = 2**63 - 1


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
    """Return the partition counts of all repartition topics: what was given, else of what feeds them; those that are
    joined get the count of what they are joined with.

    Raises:
        TopologyError: a count was given that does not fit what the topic is joined with.
    """
    found: dict[str, int] = dict(counts)
    pending = list(topology.repartition_nodes)
    by_joins = topology.copartitioned is None
    for _ in range(len(pending) + 1):
        for node in list(pending):
            joined = _joined_with(topology, node, found) if by_joins else 0
            count = node.partitions or joined or _fed_by(topology, node, found)
            if count:
                found[node.topic] = count
                pending.remove(node)
    if pending:
        raise TopologyError(f"The number of partitions of {pending[0].topic} cannot be told from its sources.")
    nodes = {node.topic: node for node in topology.repartition_nodes}
    for group in topology.copartitioned or ():
        _fit(group, nodes, found)
    return {topic: found[topic] for topic in nodes}


def _fit(group: frozenset[str], nodes: Mapping[str, n.Repartition], counts: dict[str, int]) -> None:
    """Give the repartition topics of a group one count: that of the other topics, else one that was given, else the
    greatest."""
    internal = sorted(topic for topic in group if topic in nodes)
    others = {topic: counts[topic] for topic in sorted(group) if topic not in nodes and topic in counts}
    given = {topic: nodes[topic].partitions or 0 for topic in internal if nodes[topic].partitions}
    if not internal:
        return
    model = next(iter(others or given), max(internal, key=lambda topic: counts[topic]))
    for topic in internal:
        if given.get(topic, counts[model]) != counts[model]:
            raise TopologyError(
                f"Repartition topic {topic} was given {counts[topic]} partitions, but it is joined with {model}, which "
                f"has {counts[model]}. Give it as many, or leave the number out: then it gets as many."
            )
        counts[topic] = counts[model]


def _reader(topology: Topology, node: n.Repartition) -> Subtopology:
    return next(sub for sub in topology.subtopologies if node in sub.sources.get(node.topic, ()))


def _joined_with(topology: Topology, node: n.Repartition, counts: Mapping[str, int]) -> int:
    sub = _reader(topology, node)
    return max((counts.get(topic, 0) for topic in sub.sources if topic != node.topic), default=0)


def _fed_by(topology: Topology, node: n.Repartition, counts: Mapping[str, int]) -> int:
    parents = set(topology.parents[node.name])
    feeders = [sub for sub in topology.subtopologies if any(member.name in parents for member in sub.nodes)]
    return max((counts.get(topic, 0) for sub in feeders for topic in sub.sources), default=0)


def changelog_configs(store: StoreSpec, extra_retention_ms: int = CHANGELOG_EXTRA_RETENTION_MS) -> dict[str, str]:
    """Return the configuration of a store's changelog; what was given for the store goes first.

    Args:
        extra_retention_ms: how much longer than the store the changelog keeps windows.
    """
    if store.history_ms is not None:
        lag_ms = store.history_ms + CHANGELOG_EXTRA_RETENTION_MS
        found = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(lag_ms)}
    elif store.retention_ms is None:
        found = {"cleanup.policy": "compact"}
    else:
        retention_ms = min(store.retention_ms + extra_retention_ms, LONGEST_MS)
        found = {"cleanup.policy": "compact,delete", "retention.ms": str(retention_ms)}
    return {**found, "message.timestamp.type": "CreateTime", **dict(store.topic_configs)}


def create_internal_topics(
    admin: Admin,
    topology: Topology,
    counts: Mapping[str, int],
    replication_factor: int,
    topic_configs: Mapping[str, str],
    extra_retention_ms: int = CHANGELOG_EXTRA_RETENTION_MS,
    *,
    existing: Mapping[str, int],
) -> dict[str, int]:
    """Create what is missing and return the partition counts of all internal topics.

    Args:
        admin: of the cluster.
        topology: names the topics.
        counts: the partitions of the sources.
        replication_factor: of what is created.
        topic_configs: of all of them, below what follows from their kind and what a store says.
        extra_retention_ms: how much longer than their stores changelogs keep windows.
        existing: the partitions of topics that are known to be there.

    Raises:
        TopologyError: one exists with another number of partitions than its sources have now.
    """
    internal = repartition_counts(topology, counts)

    def create(topic: str, partitions: int, configs: dict[str, str]) -> None:
        count = existing.get(topic)
        if count is None and not admin.create_topic(
            NewTopic(topic, partitions, replication_factor, configs), exist_ok=True
        ):
            count = admin.partitions_for(topic)
        if count is not None and count != partitions:
            raise _other_count(topology, topic, count, partitions, counts)

    for topic, partitions in internal.items():
        configs = {
            **topic_configs,
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "segment.bytes": str(REPARTITION_SEGMENT_BYTES),
            "message.timestamp.type": "CreateTime",
        }
        create(topic, partitions, configs)
    known = {**counts, **internal}
    for sub in topology.task_subtopologies:
        partitions = max((known.get(topic, 0) for topic in sub.sources), default=0)
        for store in sub.stores:
            if store.logged:
                topic = topology.changelog_topic(store)
                create(topic, partitions, {**topic_configs, **changelog_configs(store, extra_retention_ms)})
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
