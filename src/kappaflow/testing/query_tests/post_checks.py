"""What must hold after a case ran: sources in the metastore, topics with their formats."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from kappaflow.serde.schema import Column, Namespace, Schema
from kappaflow.sql.analyzer.custom_types import resolve_type
from kappaflow.sql.ast.statements import CreateSource
from kappaflow.sql.engine import Engine
from kappaflow.sql.formats import features
from kappaflow.sql.metastore import DataSource, FormatInfo


def check_post(post: dict[str, Any], engine: Engine, topics: Iterable[str]) -> list[str]:
    """Return what does not hold, one text each."""
    problems: list[str] = []
    for wanted in post.get("sources") or []:
        problems.extend(_check_source(wanted, engine))
    described = post.get("topics") or {}
    blacklist = described.get("blacklist")
    if blacklist:
        problems.extend(
            f"topic {name} matches the blacklist {blacklist}" for name in topics if re.search(blacklist, name)
        )
    known = set(topics)
    for wanted in described.get("topics") or []:
        problems.extend(_check_topic(wanted, engine, known))
    return problems


def _check_source(wanted: dict[str, Any], engine: Engine) -> list[str]:
    name = wanted["name"]
    source = engine.metastore.source(name)
    if source is None:
        return [f"source {name} does not exist"]
    problems: list[str] = []
    if source.kind.value.lower() != wanted["type"].lower():
        problems.append(f"source {name} is a {source.kind.value}")
    if wanted.get("schema"):
        expected = parse_schema(wanted["schema"], engine)
        actual = Schema(source.schema.key + tuple(c for c in source.schema if c.namespace is not Namespace.KEY))
        if str(expected) != str(actual):
            problems.append(f"source {name} has schema {actual}, expected {expected}")
    problems.extend(_check_formats(wanted, source))
    if "isSource" in wanted and wanted["isSource"] is not None and bool(wanted["isSource"]) != source.is_read_only:
        problems.append(f"source {name}: isSource is {source.is_read_only}")
    return problems


def _check_formats(wanted: dict[str, Any], source: DataSource) -> list[str]:
    problems: list[str] = []
    key = wanted.get("keyFormat")
    if key is not None:
        if key.get("format") and key["format"].upper() != source.key_format.name:
            problems.append(f"source {source.name} has key format {source.key_format.name}")
        actual_type = source.window.type.value if source.window else None
        actual_size = source.window.size_ms if source.window else None
        if (key.get("windowType") or "").upper() != (actual_type or ""):
            problems.append(f"source {source.name} has window type {actual_type}")
        elif key.get("windowSize") != actual_size:
            problems.append(f"source {source.name} has window size {actual_size}")
    value = wanted.get("valueFormat")
    if value is not None:
        name = value if isinstance(value, str) else value.get("format")
        if name and name.upper() != source.value_format.name:
            problems.append(f"source {source.name} has value format {source.value_format.name}")
    if wanted.get("valueFeatures") is not None:
        actual = set(features(source.value_format))
        if set(wanted["valueFeatures"]) != actual:
            problems.append(f"source {source.name} has value features {sorted(actual)}")
    return problems


def parse_schema(text: str, engine: Engine) -> Schema:
    """Read a schema as test files write it: ``K STRING KEY, V INT``."""
    script = f"CREATE STREAM SCHEMA_OF_TEST ({text}) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');"
    try:
        statement = engine.parse(script)[0].statement
    except Exception:
        statement = engine.parse(script.replace("CREATE STREAM", "CREATE TABLE"))[0].statement
    assert isinstance(statement, CreateSource)
    columns: list[Column] = []
    for definition in statement.columns:
        data_type = resolve_type(definition.type, engine.metastore)
        if definition.constraint.endswith("KEY"):
            columns.append(Column(definition.name, data_type, Namespace.KEY))
        elif definition.constraint:
            columns.append(Column(definition.name, data_type, Namespace.HEADERS, definition.header_key))
        else:
            columns.append(Column(definition.name, data_type))
    keys = tuple(c for c in columns if c.namespace is Namespace.KEY)
    return Schema(keys + tuple(c for c in columns if c.namespace is not Namespace.KEY))


def _check_topic(wanted: dict[str, Any], engine: Engine, known: set[str]) -> list[str]:
    name = wanted["name"]
    if name not in known:
        return [f"topic {name} does not exist"]
    source = next((s for s in engine.metastore.sources.values() if s.topic == name), None)
    if source is None:
        return []
    problems: list[str] = []
    for part, info in (("keyFormat", source.key_format), ("valueFormat", source.value_format)):
        expected = wanted.get(part)
        if expected is not None and not _same_format(expected, info):
            problems.append(f"topic {name} has {part} {info.name} {dict(info.properties)}, expected {expected}")
    return problems


def _same_format(expected: dict[str, Any], info: FormatInfo) -> bool:
    if expected.get("format", "").upper() != info.name:
        return False
    wanted = {str(k): str(v) for k, v in (expected.get("properties") or {}).items()}
    return not wanted or wanted == dict(info.properties)
