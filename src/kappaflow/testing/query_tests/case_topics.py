"""The topics of a case: which exist before its statements run, and the log of each."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from kappaflow.errors import SqlError
from kappaflow.sql.ast.statements import CreateSource, Statement
from kappaflow.sql.engine import Engine
from kappaflow.sql.statement_plan import CreateTopic, DeleteTopic, Plan, TopicInfo
from kappaflow.testing.query_tests.case_files import TestCase

# Topics that only a CREATE statement mentions have this many partitions unless it says otherwise.
INFERRED_PARTITIONS = 4

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record in a topic."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()


@dataclass(slots=True)
class CaseTopics:
    """All topics of a case by name; the facts the engine plans with, and one log each."""

    infos: dict[str, TopicInfo] = field(default_factory=dict[str, TopicInfo])
    logs: dict[str, list[LogRecord]] = field(default_factory=dict[str, list[LogRecord]])

    def describe(self, name: str) -> TopicInfo | None:
        """Return the facts about a topic."""
        return self.infos.get(name)

    def add(self, name: str, partitions: int = 1, replicas: int = 1) -> None:
        """Add a topic that does not exist yet."""
        self.infos.setdefault(name, TopicInfo(partitions, replicas))
        self.logs.setdefault(name, [])

    def append(self, name: str, record: LogRecord) -> None:
        """Append a record to a topic's log."""
        self.logs.setdefault(name, []).append(record)

    def apply(self, plan: Plan) -> None:
        """Do the topic actions of a plan."""
        for action in plan.topic_actions:
            match action:
                case CreateTopic(name, partitions, replicas):
                    self.add(name, partitions, replicas)
                case DeleteTopic(name):
                    self.infos.pop(name, None)


def topics_before(case: TestCase, engine: Engine) -> CaseTopics:
    """Return the topics that exist before the statements of a case run."""
    topics = CaseTopics()
    declared = case.document.get("topics") or []
    for topic in declared:
        if topic.get("partitions"):
            topics.add(topic["name"], int(topic["partitions"]), int(topic.get("replicas") or 1))
    # A topic without a count has the one of its CREATE statement, if that says one.
    for statement in case.statements:
        _add_inferred(statement, engine, topics, {topic["name"] for topic in declared})
    for topic in declared:
        topics.add(topic["name"], 1, int(topic.get("replicas") or 1))
    for record in [*case.inputs, *case.outputs]:
        topics.add(record["topic"])
    return topics


def _add_inferred(text: str, engine: Engine, topics: CaseTopics, declared: set[str]) -> None:
    try:
        parsed = engine.parse(text)
    except SqlError:
        return  # fails again, and is judged, when the statement runs
    for item in parsed:
        add_inferred(item.statement, topics, declared)


def add_inferred(statement: Statement, topics: CaseTopics, declared: Container[str] = ()) -> None:
    """Add the topic that a CREATE statement mentions; a declared one only where the statement says its size."""
    if not isinstance(statement, CreateSource):
        return
    properties: dict[str, Any] = dict(statement.properties)
    name = properties.get("KAFKA_TOPIC")
    says_count = properties.get("PARTITIONS") is not None
    if name and (says_count if name in declared else bool(statement.columns)):
        partitions = _count(properties.get("PARTITIONS"), INFERRED_PARTITIONS)
        topics.add(str(name), partitions, _count(properties.get("REPLICAS"), 1))


def _count(value: Any, default: int) -> int:
    try:
        return max(int(str(value)), 1)
    except ValueError:
        return default
