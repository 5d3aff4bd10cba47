"""What ASSERT statements of SQL test files compare: rows of topics, sources, topics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_registry import SchemaRegistry
from kappaflow.serde.types import BIGINT
from kappaflow.serde.windowed import WindowedKeySerde
from kappaflow.sql.ast import statements as s
from kappaflow.sql.engine import Engine
from kappaflow.sql.expressions.constants import evaluate_constant
from kappaflow.sql.formats import key_serde, value_serde
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.types import type_text
from kappaflow.testing.query_tests.case_runner import Mismatch
from kappaflow.testing.query_tests.case_topics import CaseTopics, LogRecord

_WINDOW = ("WINDOWSTART", "WINDOWEND")


@dataclass(slots=True)
class Log:
    """The topics of a test, each read from where the last assertion ended."""

    engine: Engine
    topics: CaseTopics
    registry: SchemaRegistry
    places: dict[str, int] = field(default_factory=dict[str, int])

    def take(self, topic: str) -> tuple[int, LogRecord] | None:
        """Return the next record of a topic and its number, or None."""
        place = self.places.get(topic, 0)
        records = self.topics.logs.get(topic, [])
        if place >= len(records):
            return None
        self.places[topic] = place + 1
        return place, records[place]


def check_values(log: Log, wanted: s.AssertValues) -> None:
    """Check that the next record of a source has the values; columns that are not named may be anything.

    Raises:
        Mismatch: it has not, or there is none.
        StatementError: the source or a column does not exist, or a value does not fit its column.
    """
    statement = wanted.statement
    source = log.engine.metastore.require(statement.target)
    columns = _columns(source, statement.columns, keys_only=wanted.tombstone)
    if len(columns) != len(statement.values):
        raise StatementError(f"ASSERT names {len(columns)} columns and gives {len(statement.values)} values.")
    expected = {
        column.name: evaluate_constant(value, column.type, column.name, log.engine.functions)
        for column, value in zip(columns, statement.values, strict=True)
    }
    found = log.take(source.topic)
    if found is None:
        raise Mismatch(f"{source.name} has no further record, expected {_shown(expected)}")
    number, record = found
    actual = _row(source, record, log.registry)
    if wanted.tombstone != (record.value is None):
        what = "a deletion" if record.value is None else _shown(actual)
        raise Mismatch(f"record {number} of {source.name} is {what}, expected {_shown(expected)}")
    differing = {name: value for name, value in expected.items() if actual.get(name) != value}
    if differing:
        raise Mismatch(f"record {number} of {source.name} is {_shown(actual)}, expected {_shown(differing)}")


def _columns(source: DataSource, names: tuple[str, ...], *, keys_only: bool) -> list[Column]:
    schema = source.schema
    if not names:
        return list(schema.key) if keys_only else [*schema.key, *schema.value]
    found: list[Column] = []
    for name in names:
        is_pseudo = name == "ROWTIME" or (name in _WINDOW and source.is_windowed)
        column = Column(name, BIGINT) if is_pseudo else schema.find(name)
        if column is None:
            raise StatementError(f"Column name `{name}` does not exist in `{source.name}`.")
        found.append(column)
    return found


def _row(source: DataSource, record: LogRecord, registry: SchemaRegistry) -> dict[str, Any]:
    schema = source.schema
    keys = key_serde(source.key_format, schema.key, source.topic, registry)
    row: dict[str, Any] = {"ROWTIME": record.timestamp}
    if source.window is not None:
        windowed = WindowedKeySerde(keys, source.window).deserialize(record.key)
        key, *bounds = windowed if windowed is not None else (None, None, None)
        row.update(zip(_WINDOW, bounds, strict=True))
    else:
        key = keys.deserialize(record.key)
    row.update(zip((c.name for c in schema.key), key or (None,) * len(schema.key), strict=True))
    if record.value is not None:
        value = value_serde(source.value_format, schema.value, source.topic, registry).deserialize(record.value)
        row.update(zip((c.name for c in schema.value), value or (), strict=True))
    return row


def _shown(row: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {value!r}" for name, value in row.items()) + "}"


def check_source(engine: Engine, wanted: s.CreateSource) -> None:
    """Check the columns and formats of a source against a CREATE statement.

    Raises:
        Mismatch: they differ.
    """
    source = engine.metastore.source(wanted.name)
    kind = "table" if wanted.is_table else "stream"
    if source is None:
        raise Mismatch(f"{kind} {wanted.name} does not exist")
    if source.is_table != wanted.is_table:
        raise Mismatch(f"{wanted.name} is a {source.kind.value.lower()}")
    given = dict(wanted.properties)
    topic = given.get("KAFKA_TOPIC")
    both = given.get("FORMAT")
    expected = [
        ("topic", topic, source.topic),
        ("key format", given.get("KEY_FORMAT", both), source.key_format.name),
        ("value format", given.get("VALUE_FORMAT", both), source.value_format.name),
    ]
    for what, value, actual in expected:
        if value is not None and (str(value) if what == "topic" else str(value).upper()) != actual:
            raise Mismatch(f"{wanted.name} has {what} {actual}, expected {value}")
    if wanted.columns:
        columns = [(c.name, type_text(c.type), c.constraint.endswith("KEY")) for c in wanted.columns]
        actual_columns = [(c.name, type_text(c.type), c in source.schema.key) for c in source.schema]
        if sorted(columns, key=lambda c: not c[2]) != actual_columns:
            raise Mismatch(f"{wanted.name} has the columns {source.schema}")


def topic_problem(wanted: s.AssertTopic, topics: CaseTopics) -> str:
    """Return why ASSERT TOPIC does not hold, or nothing."""
    info = topics.describe(wanted.topic)
    if not wanted.exists:
        return f"Topic {wanted.topic} exists" if info is not None else ""
    if info is None:
        return f"Topic {wanted.topic} does not exist"
    for name, value in wanted.properties:
        actual = {"PARTITIONS": info.partitions, "REPLICAS": info.replicas}.get(name.upper())
        if actual is not None and actual != int(str(value)):
            return f"Topic {wanted.topic} has {actual} {name.lower()}, expected {value}"
    return ""
