"""A cluster in memory behind the faces of operations, for tests and for trying plans at any size.

    cluster = SimulatedCluster(brokers=6, racks=3)
    cluster.add_topic("orders", partitions=12, replication_factor=3, size_bytes=1 << 30)
    session = cluster.session()
    cluster.advance(10)          # ten seconds pass: replicas copy, throttles hold

It answers what a KRaft controller would answer for metadata, configurations, groups, disks and reassignments; it holds
no records and speaks no protocol.
"""

from kappaflow.testing.simulated_cluster.cluster import SimulatedCluster

__all__ = ["SimulatedCluster"]
