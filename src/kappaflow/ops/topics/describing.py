"""Topics partition by partition, with what their configuration sets apart from the default."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

from kappaflow.errors import UsageError
from kappaflow.ops.admin.faces import ConfigResource, PartitionState, TopicState
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.ops.topics.patterns import pattern_of
from kappaflow.runtime.messages import message

assert _texts
Health = Literal["under_replicated", "at_min_isr", "under_min_isr", "unavailable"]
MIN_ISR = "min.insync.replicas"
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
"""How Kafka writes ids: 16 bytes in base64."""


class TopicDetail(NamedTuple):
    """One topic.

    Attributes:
        topic: its partitions.
        configs: what was set for it, by name; defaults are left out.
        min_in_sync: ``min.insync.replicas`` in force.
        shown: the partitions that were asked for, all by default.
    """

    topic: TopicState
    configs: dict[str, str | None]
    min_in_sync: int
    shown: tuple[PartitionState, ...]


def describe_topics(
    session: OpsSession,
    names: Collection[str] | None = None,
    *,
    only: Health | None = None,
    match: str = "",
    overrides: bool = False,
) -> list[TopicDetail]:
    """Topics, sorted by name.

    Args:
        session: the cluster.
        names: which, by name or by id; all by default.
        only: show partitions in this state only, and topics that have any.
        match: a regular expression that the whole name has to fit; any where empty.
        overrides: only topics with configurations of their own.

    Raises:
        UsageError: a topic that was named does not exist, or `match` is no regular expression.
    """
    fits = pattern_of(match)
    topics = {name: topic for name, topic in _named(session, names).items() if fits(name)}
    resources = [ConfigResource("topic", name) for name in topics]
    configs = session.admin.configs.describe(resources)
    details: list[TopicDetail] = []
    for name, topic in topics.items():
        entries = configs[ConfigResource("topic", name)]
        own = {entry.name: entry.value for entry in entries.values() if entry.source == "topic"}
        needed = int(entries[MIN_ISR].value or 1) if MIN_ISR in entries else 1
        if overrides and not own:
            continue
        shown = tuple(p for p in topic.partitions if only is None or has_health(p, needed, only))
        if shown or only is None:
            details.append(TopicDetail(topic, own, needed, shown))
    return details


def _named(session: OpsSession, names: Collection[str] | None) -> dict[str, TopicState]:
    """Topics by name; what is no topic's name may be the id of one.

    Raises:
        UsageError: one does not exist.
    """
    ids = {name for name in names or () if _ID.fullmatch(name)}
    topics = session.admin.topics.describe(None if names is None or ids else names)
    if names is None:
        return topics
    by_id = {topic.topic_id: name for name, topic in topics.items()} if ids else {}
    chosen = {name if name in topics else by_id.get(name, name) for name in names}
    missing = sorted(chosen - set(topics))
    if missing:
        raise UsageError(message("topic.missing", topic=missing[0]))
    return {name: topic for name, topic in topics.items() if name in chosen}


def has_health(partition: PartitionState, min_in_sync: int, health: Health) -> bool:
    """Whether a partition is in a state; the words are those of kafka-topics."""
    in_sync = len(partition.in_sync)
    return {
        "under_replicated": in_sync < len(partition.replicas),
        "at_min_isr": in_sync == min_in_sync,
        "under_min_isr": in_sync < min_in_sync,
        "unavailable": partition.leader < 0,
    }[health]
