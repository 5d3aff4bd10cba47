"""Answers of POST /ksql as JSON entities, in ksqlDB's shapes."""

from __future__ import annotations

from typing import Any

from kappaflow.serde import types as t
from kappaflow.serde.schema import Column, Namespace, Schema
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.queries import PersistentQuery

Entity = dict[str, Any]


def entity(kind: str, statement: str, **content: Any) -> Entity:
    """Return an entity with its type, the statement that asked for it, and no warnings."""
    return {"@type": kind, "statementText": statement, **content, "warnings": []}


def current_status(
    statement: str, command: tuple[str, str, str], message: str, offset: int, query: str | None
) -> Entity:
    """Return the answer to a statement that changed something."""
    return entity(
        "currentStatus",
        statement,
        commandId=command_id(command),
        commandStatus={"status": "SUCCESS", "message": message, "queryId": query},
        commandSequenceNumber=offset,
    )


def command_id(command: tuple[str, str, str]) -> str:
    """Return the id of a command, as clients see it.

    >>> command_id(("stream", "S", "create"))
    'stream/`S`/create'
    """
    kind, name, action = command
    return f"{kind}/{name if name.startswith('`') else f'`{name}`'}/{action}"


def warning(statement: str, message: str) -> Entity:
    """Return the answer to a statement that did nothing, such as IF NOT EXISTS on an existing name."""
    return {"@type": "warning_entity", "statementText": statement, "message": message, "warnings": []}


def type_schema(type_: t.DataType) -> Entity:
    """Return a type as clients read it; they take the keys of a map for STRING, others are told apart."""
    name = "DECIMAL" if isinstance(type_, t.Decimal) else type(type_).__name__.upper()
    schema: Entity = {"type": name, "fields": None, "memberSchema": None}
    if isinstance(type_, t.Struct):
        schema["fields"] = [{"name": f.name, "schema": type_schema(f.type)} for f in type_.fields]
    elif isinstance(type_, t.Array):
        schema["memberSchema"] = type_schema(type_.element)
    elif isinstance(type_, t.Map):
        schema["memberSchema"] = type_schema(type_.value)
        if type_.key != t.STRING:
            schema["keySchema"] = type_schema(type_.key)
    elif isinstance(type_, t.Decimal):
        schema["parameters"] = {"precision": type_.precision, "scale": type_.scale}
    return schema


def _field(column: Column, is_table: bool) -> Entity:
    field: Entity = {"name": column.name, "schema": type_schema(column.type)}
    if column.namespace is Namespace.KEY:
        field["type"] = "KEY"
    elif column.namespace is Namespace.HEADERS:
        field["type"] = "HEADER"
        field["headerKey"] = column.header_key
    return field


def fields(schema: Schema, is_table: bool) -> list[Entity]:
    """Return the columns of a schema, keys first."""
    ordered = (*schema.key, *schema.value, *schema.headers)
    return [_field(column, is_table) for column in ordered]


def source_row(source: DataSource) -> Entity:
    """Return a stream or table as SHOW lists it."""
    return {
        "type": source.kind.value,
        "name": source.name,
        "topic": source.topic,
        "keyFormat": source.key_format.name,
        "valueFormat": source.value_format.name,
        "isWindowed": source.is_windowed,
    }


_WORST_FIRST = (
    "ERROR", "UNRESPONSIVE", "RESTARTING", "RESTORING", "REBALANCING", "CREATED", "PAUSED", "RUNNING",
)  # fmt: skip


def query_row(query: PersistentQuery, states: dict[str, int], restore: Entity | None = None) -> Entity:
    """Return a persistent query as SHOW QUERIES lists it.

    Args:
        states: counts the workers by its state there.
        restore: how far a restore of its state is, where there is one.
    """
    counts = states or {query.state.value: 1}
    worst = next((state for state in _WORST_FIRST if state in counts), "RUNNING")
    return {
        "queryString": query.statement,
        "sinks": [query.sink] if query.sink else [],
        "sinkKafkaTopics": [query.sink_topic] if query.sink_topic else [],
        "id": query.id,
        "statusCount": counts,
        "queryType": "PERSISTENT",
        "state": worst,
        **({"restore": restore} if restore else {}),
    }


def source_description(
    source: DataSource, readers: list[Entity], writers: list[Entity], topic: tuple[int, int] | None, extended: bool
) -> Entity:
    """Return what DESCRIBE says of a stream or table."""
    partitions, replicas = topic or (0, 0)
    return {
        "name": source.name,
        "windowType": source.window.type.value if source.window else None,
        "readQueries": readers,
        "writeQueries": writers,
        "fields": fields(source.schema, source.is_table),
        "type": source.kind.value,
        "timestamp": source.timestamp.column if source.timestamp else "",
        "statistics": "",
        "errorStats": "",
        "extended": extended,
        "keyFormat": source.key_format.name,
        "valueFormat": source.value_format.name,
        "topic": source.topic,
        "partitions": partitions,
        "replication": replicas,
        "statement": source.statement,
        "queryOffsetSummaries": [],
        "sourceConstraints": [],
        "clusterStatistics": [],
        "clusterErrorStats": [],
    }
