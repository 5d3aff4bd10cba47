"""The schemas that are registered before a case's statements run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from kappaflow.errors import KappaError
from kappaflow.serde.formats import FORMATS
from kappaflow.serde.registered_schemas import schema_of_columns
from kappaflow.serde.schema import Column, Namespace
from kappaflow.serde.schema_registry import Reference, SchemaText, subject_of
from kappaflow.serde.types import DataType
from kappaflow.sql.analyzer.custom_types import resolve_type
from kappaflow.sql.ast.statements import CreateSource, CreateType
from kappaflow.sql.engine import Engine
from kappaflow.sql.formats import with_wrapping
from kappaflow.sql.metastore import MetaStore
from kappaflow.sql.properties import CREATE_PROPERTIES, WithClause, source_formats
from kappaflow.sql.settings import Settings
from kappaflow.testing.query_tests.case_files import TestCase

_TYPES = {"PROTOBUF": "PROTOBUF", "JSON": "JSON", "JSON_SR": "JSON", "AVRO": "AVRO"}
_PARTS = (("key", True), ("value", False))


class Subjects(Protocol):
    """Where a case's schemas are registered."""

    def register(self, subject: str, schema: SchemaText) -> int:
        """Add a schema to a subject, unless it is there, and return its id."""
        ...

    def register_as(self, subject: str, schema: SchemaText, schema_id: int) -> int:
        """Add a schema under a chosen id."""
        ...


def register_schemas(case: TestCase, engine: Engine, registry: Subjects) -> None:
    """Register schemas with a given id, then each topic's: topics of CREATE statements first, a given schema wins."""
    given: dict[str, SchemaText] = {}
    fixed: dict[str, int] = {}
    for topic in case.document.get("topics") or []:
        for part, is_key in _PARTS:
            if topic.get(f"{part}Schema") is not None:
                subject = subject_of(str(topic["name"]), is_key=is_key)
                given[subject] = _given(topic, part)
                if topic.get(f"{part}SchemaId") is not None:
                    fixed[subject] = int(topic[f"{part}SchemaId"])
    for subject, schema_id in fixed.items():
        registry.register_as(subject, given[subject], schema_id)
    for subject, schema in (_made(case, engine) | given).items():
        registry.register(subject, schema)
    for topic in case.document.get("topics") or []:
        for part, _ in _PARTS:
            for item in topic.get(f"{part}SchemaReferences") or []:
                registry.register(
                    str(item["name"]),
                    SchemaText(_kind(item.get("format")), _text(item["schema"], _kind(item.get("format")))),
                )


def _kind(format_name: Any) -> str:
    return _TYPES.get(str(format_name or "AVRO").upper(), "AVRO")


def _made(case: TestCase, engine: Engine) -> dict[str, SchemaText]:
    """Return by subject the schemas of what the case's CREATE statements declare."""
    found: dict[str, SchemaText] = {}
    types = MetaStore()
    for text in case.statements:
        try:
            for parsed in engine.parse(text):
                if isinstance(parsed.statement, CreateType):
                    types.types[parsed.statement.name] = resolve_type(parsed.statement.type, types)
                elif isinstance(parsed.statement, CreateSource):
                    settings = Settings(engine.config, case.properties)
                    for subject, schema in _of_statement(parsed.statement, settings, types):
                        found.setdefault(subject, schema)
        except KappaError:
            continue  # fails again, and is judged, when the statement runs
    return found


def _given(topic: Mapping[str, Any], part: str) -> SchemaText:
    kind = _kind(topic.get(f"{part}Format"))
    named = [str(item["name"]) for item in topic.get(f"{part}SchemaReferences") or []]
    references = tuple(Reference(name, name, 1) for name in named)
    return SchemaText(kind, _text(topic[f"{part}Schema"], kind), references)


def _text(given: Any, kind: str) -> str:
    if kind == "PROTOBUF":
        return str(given)
    return json.dumps(given, default=str)


def _of_statement(statement: CreateSource, settings: Settings, types: MetaStore) -> Iterator[tuple[str, SchemaText]]:
    clause = WithClause.of(statement.properties, CREATE_PROPERTIES)
    topic = clause.text("KAFKA_TOPIC")
    if not topic:
        return
    columns: dict[bool, list[Column]] = {True: [], False: []}
    for definition in statement.columns:
        data_type: DataType = resolve_type(definition.type, types)
        is_key = definition.constraint.endswith("KEY")
        if is_key or not definition.constraint:
            columns[is_key].append(Column(definition.name, data_type, Namespace.KEY if is_key else Namespace.VALUE))
    key_format, value_format = source_formats(clause, settings)
    value_format = with_wrapping(value_format, tuple(columns[False]), clause.flag("WRAP_SINGLE_VALUE"), settings)
    for info, is_key in ((replace(key_format, wrap_single=False), True), (value_format, False)):
        held = tuple(columns[is_key])
        if held and FORMATS[info.name].infers_schema:
            unwrapped = info.wrap_single is False and len(held) == 1 and info.name != "PROTOBUF"
            schema = schema_of_columns(info.name, held, dict(info.properties), unwrapped=unwrapped)
            yield subject_of(topic, is_key=is_key), schema
