"""A cluster in a few lines."""

from __future__ import annotations

from typing import NamedTuple

from kappaflow.errors import KappaError
from kappaflow.ops.admin.faces import BrokerState
from kappaflow.ops.brokers.servers import controller_of, has_quorum
from kappaflow.ops.session import OpsSession

LEADER_AND_ISR_API = 4
"""A controller of ZooKeeper's times tells brokers by it who leads; with KRaft no broker knows it."""


class ClusterInfo(NamedTuple):
    """A cluster.

    Attributes:
        cluster_id: as the brokers know it.
        metadata: who keeps the metadata: ``kraft``, ``zookeeper`` or ``unknown``.
        controller: id of the active controller; -1 while there is none or it cannot be told.
        brokers: those that are alive, by id.
        away: ids of brokers that hold replicas and are not alive.
        topics: how many, the brokers' own with them.
        partitions: how many.
        under_replicated: partitions with a leader and a replica that is not in sync.
        offline: partitions without a leader.
    """

    cluster_id: str
    metadata: str
    controller: int
    brokers: tuple[BrokerState, ...]
    away: tuple[int, ...]
    topics: int
    partitions: int
    under_replicated: int
    offline: int


def cluster_info(session: OpsSession) -> ClusterInfo:
    """The cluster now.

    Raises:
        BrokerUnreachable: no broker answers.
    """
    cluster = session.admin.describe()
    topics = session.admin.topics.describe()
    partitions = [p for topic in topics.values() for p in topic.partitions]
    alive = {broker.node_id for broker in cluster.brokers}
    metadata, controller = _controller(session)
    return ClusterInfo(
        cluster.cluster_id,
        metadata,
        controller,
        tuple(sorted(cluster.brokers)),
        tuple(sorted({broker for p in partitions for broker in p.replicas} - alive)),
        len(topics),
        len(partitions),
        sum(p.leader >= 0 and len(p.in_sync) < len(p.replicas) for p in partitions),
        sum(p.leader < 0 for p in partitions),
    )


def _controller(session: OpsSession) -> tuple[str, int]:
    kraft = has_quorum(session)
    of_zookeeper = bool(session.context.zookeeper) or session.admin.supports(LEADER_AND_ISR_API)
    metadata = "kraft" if kraft else "zookeeper" if of_zookeeper else "unknown"
    try:
        return metadata, controller_of(session)
    except KappaError:  # the user may not describe the quorum
        return metadata, -1
