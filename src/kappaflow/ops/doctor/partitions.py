"""Rules about partitions now: leaders, replicas in sync, brokers that are away. A partition is named at its worst."""

from __future__ import annotations

from collections import Counter

from kappaflow.ops.admin.faces import PartitionState
from kappaflow.ops.doctor.findings import Finding, Severity, finding
from kappaflow.ops.doctor.observation import Observation

IMBALANCE = 0.10
"""Source: the default of ``leader.imbalance.per.broker.percentage``, at which a controller elects by itself."""
UNEVEN_LEADERS, FEW_LEADERS = 1.5, 10


def _name(partition: PartitionState) -> str:
    return f"{partition.topic}-{partition.partition}"


def offline_partitions(seen: Observation) -> list[Finding]:
    """Partitions without a leader."""
    return finding("offline_partitions", Severity.ERROR, [_name(p) for p in seen.partitions if p.leader < 0])


def _under_minimum(seen: Observation, partition: PartitionState) -> bool:
    return partition.leader >= 0 and len(partition.in_sync) < seen.min_in_sync(partition.topic)


def under_min_in_sync(seen: Observation) -> list[Finding]:
    """Partitions that refuse writes at ``acks=all``."""
    return finding("under_min_in_sync", Severity.ERROR, [_name(p) for p in seen.partitions if _under_minimum(seen, p)])


def under_replicated(seen: Observation) -> list[Finding]:
    """Partitions with a replica that is not in sync, unless a reassignment is bringing it there."""
    moving = {(r.partition.topic, r.partition.partition) for r in seen.reassignments}
    return finding(
        "under_replicated",
        Severity.WARNING,
        [
            _name(p)
            for p in seen.partitions
            if p.leader >= 0
            and len(p.in_sync) < len(p.replicas)
            and not _under_minimum(seen, p)
            and (p.topic, p.partition) not in moving
        ],
    )


def brokers_away(seen: Observation) -> list[Finding]:
    """Brokers that hold replicas and are not in the cluster."""
    held = Counter(broker for p in seen.partitions for broker in p.replicas if broker not in seen.alive)
    return finding("brokers_away", Severity.ERROR, map(str, sorted(held)), replicas=held.total())


def leaders_not_preferred(seen: Observation) -> list[Finding]:
    """Brokers that do not lead what they should, beyond what a controller lets pass."""
    moving = {(r.partition.topic, r.partition.partition) for r in seen.reassignments}
    settled = [p for p in seen.partitions if (p.topic, p.partition) not in moving]
    preferred = Counter(p.replicas[0] for p in settled)
    missed = Counter(p.replicas[0] for p in settled if p.leader >= 0 and p.leader != p.replicas[0])
    brokers = [b for b in seen.alive if missed[b] > IMBALANCE * preferred[b]]
    partitions = sum(missed[b] for b in brokers)
    return finding("leaders_not_preferred", Severity.WARNING, map(str, brokers), partitions=partitions)


def leaders_uneven(seen: Observation) -> list[Finding]:
    """Brokers that should lead far more than their share, also after an election."""
    preferred = Counter(p.replicas[0] for p in seen.partitions)
    share = sum(preferred.values()) / max(1, len(seen.alive))
    brokers = [b for b in seen.alive if preferred[b] > max(UNEVEN_LEADERS * share, share + FEW_LEADERS)]
    most = max((preferred[b] for b in brokers), default=0)
    return finding("leaders_uneven", Severity.NOTE, map(str, brokers), most=most, share=f"{share:.0f}")
