"""The steps of plans that change topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.client.admin import NewTopic
from kappaflow.errors import PlanError
from kappaflow.ops.plans.action import Arguments, Progress, register_actions
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import leader_actions as _leader_actions
from kappaflow.ops.topics import texts as _texts
from kappaflow.ops.topics.deletion import find_obstacles
from kappaflow.runtime.messages import Text, text

assert _texts
assert _leader_actions  # registers itself


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


class DeleteTopic:
    """Delete a topic with its records: ``topic``."""

    name = "topic.delete"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("topic.delete.step", topic=arguments["topic"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is not: the records are gone."""
        return False

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is what would keep the brokers from doing it."""
        return [
            Text(obstacle.reason.key, obstacle.reason.values)
            for obstacle in find_obstacles(session, arguments["topic"])
            if obstacle.reason.key == "topic.delete_off"
        ]

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """What it was, for people who make it anew."""
        topic = session.admin.topics.describe([arguments["topic"]]).get(arguments["topic"])
        return {} if topic is None else {"replicas": [list(p.replicas) for p in topic.partitions]}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it is gone."""
        return not session.admin.topics.describe([arguments["topic"]])

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Delete it."""
        session.admin.topics.delete([arguments["topic"]])

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It is gone; where not, why not."""
        if self.is_applied(session, arguments):
            return []
        obstacles = find_obstacles(session, arguments["topic"])
        return [obstacle.reason for obstacle in obstacles] or [text("topic.still_there", topic=arguments["topic"])]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Never called."""
        raise PlanError(str(text("topic.delete.final", topic=arguments["topic"])))


class GrowTopic:
    """Give a topic more partitions: ``topic``, ``partitions``, ``assignments`` or null."""

    name = "topic.grow"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("topic.grow.step", topic=arguments["topic"], partitions=arguments["partitions"])

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is not: Kafka takes no partition away."""
        return False

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it is that the topic is gone."""
        if session.admin.topics.describe([arguments["topic"]]):
            return []
        return [text("topic.missing", topic=arguments["topic"])]

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """How many there were."""
        return {"partitions": _partitions(session, arguments["topic"])}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether it has as many."""
        return _partitions(session, arguments["topic"]) >= arguments["partitions"]

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Grow it."""
        session.admin.topics.grow(arguments["topic"], arguments["partitions"], arguments["assignments"])

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """It has as many."""
        found, wanted = _partitions(session, arguments["topic"]), arguments["partitions"]
        if found >= wanted:
            return []
        return [text("topic.partition_count", topic=arguments["topic"], wanted=wanted, found=found)]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Never called."""
        raise PlanError(str(text("topic.grow.final", topic=arguments["topic"])))


def _partitions(session: OpsSession, name: str) -> int:
    topic = session.admin.topics.describe([name]).get(name)
    return 0 if topic is None else len(topic.partitions)


register_actions(CreateTopic(), DeleteTopic(), GrowTopic())
