"""A cluster of the size that operations are made for: 9,000 topics, 40,000 partitions, 2,000 groups, 30 brokers."""

from __future__ import annotations

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.testing.simulated_cluster.cluster import SimulatedCluster

TOPICS, GROUPS, BROKERS, RACKS = 9_000, 2_000, 30, 3
MIB = 1 << 20


def large_cluster(topics: int = TOPICS, groups: int = GROUPS) -> SimulatedCluster:
    """The cluster; topics have 4 or 5 partitions of three replicas, groups read three topics each."""
    cluster = SimulatedCluster(BROKERS, racks=RACKS)
    for number in range(topics):
        cluster.add_topic(f"topic-{number:05}", 4 if number % 2 else 5, 3, size_bytes=MIB, records=1_000)
    for number in range(groups):
        read = [f"topic-{(number * 3 + n) % topics:05}" for n in range(3)]
        names = [TopicPartition(topic, p) for topic in read for p in range(len(cluster.state.topics[topic]))]
        members = {f"member-{m}": names[m::2] for m in range(2)}
        cluster.add_group(f"group-{number:04}", dict.fromkeys(names, 990), members)
    return cluster
