"""ASSERT TOPIC and ASSERT SCHEMA: wait until something is there, or is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from kappaflow.errors import ServerError
from kappaflow.server.control.entities import Entity, entity
from kappaflow.server.control.state import BrokerTopics, ControlState
from kappaflow.server.control.statements.session import Session
from kappaflow.sql.ast import statements as s
from kappaflow.sql.settings import Settings

ASSERTION_FAILED = 41700
PAUSE_SECONDS = 0.05
TOPIC_TIMEOUT = "ksql.assert.topic.default.timeout.ms"
SCHEMA_TIMEOUT = "ksql.assert.schema.default.timeout.ms"
DEFAULT_TIMEOUT_MS = 1_000


def execute_assert_topic(state: ControlState, statement: s.AssertTopic, text: str, session: Session) -> Entity:
    """Answer ASSERT [NOT EXISTS] TOPIC.

    Raises:
        ServerError: 417, it is not so when the time is over.
    """
    topics = BrokerTopics(state.admin)
    wanted: Mapping[str, Any] = dict(statement.properties)

    def problem() -> str:
        found = topics.describe(statement.topic)
        if not statement.exists:
            return "" if found is None else f"Topic {statement.topic} exists."
        if found is None:
            return f"Topic {statement.topic} does not exist."
        actual = {"PARTITIONS": found.partitions, "REPLICAS": found.replicas}
        differing = [
            f"For config {name.lower()}, expected {value} got {actual.get(name.upper(), 'nothing')}"
            for name, value in wanted.items()
            if str(actual.get(name.upper())) != str(value)
        ]
        return "".join(f"Mismatched configuration for topic {statement.topic}: {each}. " for each in differing).strip()

    _wait(problem, statement.timeout_ms, state, session, TOPIC_TIMEOUT)
    return entity("assert_topic", text, topicName=statement.topic, exists=statement.exists)


def execute_assert_schema(state: ControlState, statement: s.AssertSchema, text: str, session: Session) -> Entity:
    """Answer ASSERT [NOT EXISTS] SCHEMA.

    Raises:
        ServerError: 417, it is not so when the time is over.
    """
    named = "".join(
        [
            f" with subject name {statement.subject}" if statement.subject is not None else "",
            f"{' and' if statement.subject is not None else ' with'} id {statement.schema_id}"
            if statement.schema_id is not None
            else "",
        ]
    )

    def problem() -> str:
        if _has_schema(state, statement) is statement.exists:
            return ""
        return f"Schema{named} {'does not exist' if statement.exists else 'exists'}."

    _wait(problem, statement.timeout_ms, state, session, SCHEMA_TIMEOUT)
    return entity("assert_schema", text, subject=statement.subject, id=statement.schema_id, exists=statement.exists)


def _has_schema(state: ControlState, statement: s.AssertSchema) -> bool:
    registry = state.engine.registry
    if registry is None:
        return False
    if statement.subject is None:
        return registry.by_id(int(statement.schema_id or 0)) is not None
    latest = registry.latest(statement.subject)
    if latest is None or statement.schema_id is None:
        return latest is not None
    versions = (registry.version(statement.subject, number) for number in range(latest.version, 0, -1))
    return any(version is not None and version.id == statement.schema_id for version in versions)


def _wait(
    problem: Callable[[], str], timeout_ms: int | None, state: ControlState, session: Session, default: str
) -> None:
    if timeout_ms is None:
        timeout_ms = Settings(state.engine.config, session.properties).integer(default, DEFAULT_TIMEOUT_MS)
    deadline = time.monotonic() + timeout_ms / 1000
    while found := problem():
        if time.monotonic() >= deadline:
            raise ServerError(found, 417, ASSERTION_FAILED)
        time.sleep(PAUSE_SECONDS)
