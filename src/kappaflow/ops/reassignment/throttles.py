"""Limits on what reassignments copy: which configurations they are, and which of them were left behind.

Source: KIP-73. A leader's limit holds for the replicas that are named in its topic's list of throttled ones, by
``partition:broker``; likewise a follower's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin.faces import ConfigResource
from kappaflow.ops.reassignment.layout import Moves, Replicas
from kappaflow.ops.session import OpsSession

LEADER_RATE = "leader.replication.throttled.rate"
FOLLOWER_RATE = "follower.replication.throttled.rate"
DIRS_RATE = "replica.alter.log.dirs.io.max.bytes.per.second"
LEADER_REPLICAS = "leader.replication.throttled.replicas"
FOLLOWER_REPLICAS = "follower.replication.throttled.replicas"
RATES = (LEADER_RATE, FOLLOWER_RATE)
LISTS = (LEADER_REPLICAS, FOLLOWER_REPLICAS)


class Throttle(NamedTuple):
    """A limit that is set now; ``is_static`` where it stands in a broker's properties file."""

    resource: ConfigResource
    key: str
    value: str
    is_static: bool


def throttled_replicas(before: Mapping[TopicPartition, Replicas], moves: Moves) -> dict[str, dict[str, str]]:
    """The lists of throttled replicas of each topic: those that give as leaders, those that are new as followers."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: {key: [] for key in LISTS})
    for name, after in sorted(moves.items()):
        old = before[name]
        new = [broker for broker in after if broker not in old]
        if new:
            found[name.topic][LEADER_REPLICAS] += [f"{name.partition}:{broker}" for broker in old]
            found[name.topic][FOLLOWER_REPLICAS] += [f"{name.partition}:{broker}" for broker in new]
    return {topic: {key: ",".join(rows) for key, rows in lists.items()} for topic, lists in found.items()}


def throttled_brokers(before: Mapping[TopicPartition, Replicas], moves: Moves) -> list[int]:
    """The brokers that give or take."""
    moving = [(before[name], after) for name, after in moves.items() if set(after) - set(before[name])]
    return sorted({broker for old, after in moving for broker in (*old, *after)})


class KeptThrottle(NamedTuple):
    """A limit that somebody else has set, and that is there again when a plan's own one is lifted."""

    kind: str
    name: str
    key: str
    value: str


def set_by_others(found: Iterable[Throttle], brokers: Collection[int], topics: Collection[str]) -> list[KeptThrottle]:
    """The limits that are set now in the place of those that a plan sets on brokers and topics; no static ones."""
    own = {("broker", str(broker)): RATES for broker in brokers} | {("topic", topic): LISTS for topic in topics}
    return [
        KeptThrottle(t.resource.kind, t.resource.name, t.key, t.value)
        for t in found
        if not t.is_static and t.key in own.get((t.resource.kind, t.resource.name), ())
    ]


def joined_lists(topics: Mapping[str, Mapping[str, str]], kept: Iterable[KeptThrottle]) -> dict[str, dict[str, str]]:
    """The lists of a plan with the replicas that others have named, so that these stay limited meanwhile."""
    joined = {topic: dict(lists) for topic, lists in topics.items()}
    for row in kept:
        if row.kind == "topic":
            words = [*row.value.split(","), *joined[row.name][row.key].split(",")]
            joined[row.name][row.key] = "*" if "*" in words else ",".join(dict.fromkeys(filter(None, words)))
    return joined


def find_throttles(session: OpsSession) -> list[Throttle]:
    """All limits that are set, on brokers and topics."""
    brokers = [ConfigResource("broker", str(b.node_id)) for b in session.admin.describe().brokers]
    topics = [ConfigResource("topic", name) for name in session.admin.topics.describe()]
    described = session.admin.configs.describe([*brokers, ConfigResource("broker", "")], [*RATES, DIRS_RATE])
    described |= session.admin.configs.describe(topics, LISTS)
    own = {"topic": ("topic",), "broker": ("broker", "static")}
    found: list[Throttle] = []
    for resource, entries in described.items():
        sources = ("cluster",) if resource == ConfigResource("broker", "") else own[resource.kind]
        found += [
            Throttle(resource, entry.name, entry.value, entry.source == "static")
            for entry in entries.values()
            if entry.value and entry.source in sources
        ]
    return found
