"""The steps of plans that change topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.client.admin import NewTopic
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.runtime.messages import Text, text

assert _texts


class CreateTopic:
    """Create a topic: ``topic``, ``partitions``, ``replication_factor``, ``configs``, optionally ``assignments``."""

    name = "topic.create"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("topic.create.step", topic=arguments["topic"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the topic is deleted again, while it holds no records."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that there is such a topic."""
        if session.admin.topics.describe([arguments["topic"]]):
            return [text("topic.exists", topic=arguments["topic"])]
        return []

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Nothing was there."""
        return {}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it exists."""
        return arguments["topic"] in session.admin.topics.describe([arguments["topic"]])

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Create it."""
        name, assignments = arguments["topic"], arguments.get("assignments")
        counts = (-1, -1) if assignments else (arguments["partitions"], arguments["replication_factor"])
        session.admin.topics.create(
            [NewTopic(name, *counts, configs=arguments["configs"])], {name: assignments} if assignments else None
        )

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It exists with its partitions, and each has a leader."""
        topic = session.admin.topics.describe([arguments["topic"]]).get(arguments["topic"])
        if topic is None:
            return [text("topic.missing", topic=arguments["topic"])]
        wanted = arguments["partitions"]
        problems: list[Text] = []
        if wanted > 0 and len(topic.partitions) < wanted:
            problems.append(text("topic.partition_count", topic=topic.name, wanted=wanted, found=len(topic.partitions)))
        problems += [
            text("topic.no_leader", topic=topic.name, partition=p.partition) for p in topic.partitions if p.leader < 0
        ]
        return problems

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Delete it, where it exists."""
        if session.admin.topics.describe([arguments["topic"]]):
            session.admin.topics.delete([arguments["topic"]])


register_actions(CreateTopic())
