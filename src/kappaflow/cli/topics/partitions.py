"""Partitions as people name them: ``topic``, ``topic:0``, ``topic:0,2`` or ``topic-0``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

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


def parse_assignments(given: str) -> list[list[int]] | None:
    """The replicas of each partition, written as kafka-topics takes them; None where nothing is.

    Raises:
        UsageError: it is none.

    >>> parse_assignments("1:2,2:3"), parse_assignments("")
    ([[1, 2], [2, 3]], None)
    """
    if not given:
        return None
    try:
        return [[int(broker) for broker in row.split(":")] for row in given.split(",")]
    except ValueError:
        raise UsageError(message("topics_alter.bad_assignment", given=given)) from None


def partitions_of_file(path: Path) -> list[TopicPartition]:
    """The partitions of a JSON file as kafka-leader-election takes it.

    Raises:
        UsageError: it cannot be read as one.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["partitions"]
        return list(dict.fromkeys(TopicPartition(str(row["topic"]), int(row["partition"])) for row in rows))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(message("topics.bad_file", path=path, reason=error)) from error
