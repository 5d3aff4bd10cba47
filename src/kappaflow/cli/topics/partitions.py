"""Partitions as people name them: ``topic``, ``topic:0``, ``topic:0,2`` or ``topic-0``."""

from __future__ import annotations

from collections.abc import Iterable

from kappaflow.cli.messages import message
from kappaflow.cli.topics import texts as _texts
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.session import OpsSession

assert _texts


def parse_partitions(session: OpsSession, given: Iterable[str]) -> list[TopicPartition]:
    """The partitions that were named; a topic alone stands for all of its own.

    Raises:
        UsageError: a name is none, or there is no such topic.
    """
    found: list[TopicPartition] = []
    for name in given:
        topic, colon, numbers = name.rpartition(":")
        if not colon:
            described = session.admin.topics.describe([name])
            if name not in described:
                raise UsageError(message("topics.unknown", topic=name))
            found += [TopicPartition(name, p.partition) for p in described[name].partitions]
            continue
        for number in numbers.split(","):
            if not number.isdigit():
                raise UsageError(message("topics.bad_partition", given=name))
            found.append(TopicPartition(topic, int(number)))
    return list(dict.fromkeys(found))
