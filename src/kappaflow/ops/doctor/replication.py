"""Rules about how many replicas topics have, and how many of them must be in sync."""

from __future__ import annotations

from kappaflow.ops.doctor.findings import Finding, Severity, finding
from kappaflow.ops.doctor.observation import Observation

WANTED = 3
SAFE_WITH = 2
"""Fewer brokers than this leave nothing to choose."""


def _factors(seen: Observation, *, own: bool) -> dict[str, int]:
    """The smallest number of replicas of each topic, of the brokers' own or of the others."""
    if len(seen.alive) < SAFE_WITH:
        return {}
    return {
        name: min(len(p.replicas) for p in topic.partitions)
        for name, topic in sorted(seen.topics.items())
        if topic.partitions and seen.is_own(name) == own
    }


def own_topics_unprotected(seen: Observation) -> list[Finding]:
    """The brokers' own topics with one replica: offsets and transactions of everybody hang on one disk."""
    wanted = min(WANTED, len(seen.alive))
    found = [name for name, factor in _factors(seen, own=True).items() if factor == 1]
    return finding("own_topics_unprotected", Severity.ERROR, found, wanted=wanted)


def own_topics_thin(seen: Observation) -> list[Finding]:
    """The brokers' own topics with two replicas where there could be three."""
    enough = len(seen.alive) >= WANTED
    found = [name for name, factor in _factors(seen, own=True).items() if enough and 1 < factor < WANTED]
    return finding("own_topics_thin", Severity.WARNING, found, wanted=WANTED)


def single_replica(seen: Observation) -> list[Finding]:
    """Topics with one replica."""
    wanted = min(WANTED, len(seen.alive))
    found = [name for name, factor in _factors(seen, own=False).items() if factor == 1]
    return finding("single_replica", Severity.WARNING, found, wanted=wanted)


def no_spare_replica(seen: Observation) -> list[Finding]:
    """Topics that refuse writes as soon as one broker is away."""
    found = [
        name
        for name, factor in (_factors(seen, own=False) | _factors(seen, own=True)).items()
        if 1 < factor <= seen.min_in_sync(name)
    ]
    return finding("no_spare_replica", Severity.WARNING, found)


def min_in_sync_one(seen: Observation) -> list[Finding]:
    """Topics with three replicas of which one in sync is enough for ``acks=all``."""
    found = [
        name
        for name, factor in _factors(seen, own=False).items()
        if factor >= WANTED and name in seen.topic_configs and seen.min_in_sync(name) == 1
    ]
    return finding("min_in_sync_one", Severity.WARNING, found)
