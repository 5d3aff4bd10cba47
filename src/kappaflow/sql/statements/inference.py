"""Columns from a schema registry: what CREATE leaves out, the registered schema of the topic says."""

from __future__ import annotations

from itertools import zip_longest

from kappaflow.errors import ConfigError, StatementError
from kappaflow.serde.formats import SerdeFeature
from kappaflow.serde.schema import Column, Namespace, Schema
from kappaflow.serde.schema_registry import ResolvedSchema, subject_of
from kappaflow.serde.types import Array, DataType, Map, Struct, StructField
from kappaflow.sql.formats import traits_of
from kappaflow.sql.metastore import FormatInfo
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.properties import WithClause
from kappaflow.sql.statements.naming import check_column_names

KEY_NAME = "ROWKEY"
VALUE_NAME = "ROWVAL"


def inferred_schema(
    context: PlanningContext, clause: WithClause, declared: Schema, key_format: FormatInfo, value_format: FormatInfo
) -> Schema:
    """Return the declared columns with those that the registry knows in place of what was left out.

    Raises:
        StatementError: a schema is needed and not registered, or columns cannot hold it.
    """
    keys, values = declared.key, declared.value
    topic = clause.text("KAFKA_TOPIC") or ""
    if not keys and traits_of(key_format).infers_schema:
        keys = _registered(context, key_format, topic, is_key=True, unwrapped=True)
    if not values and traits_of(value_format).infers_schema:
        unwrapped = clause.flag("WRAP_SINGLE_VALUE") is False
        values = _registered(context, value_format, topic, is_key=False, unwrapped=unwrapped)
    if keys is declared.key and values is declared.value:
        return declared
    check_column_names(column.name for column in (*keys, *values, *declared.headers))
    return Schema((*keys, *values, *declared.headers))


def _registered(
    context: PlanningContext, info: FormatInfo, topic: str, *, is_key: bool, unwrapped: bool
) -> tuple[Column, ...]:
    # The libraries of these formats are loaded when they are used.
    from kappaflow.serde.registered_schemas import type_of_schema

    properties = dict(info.properties)
    schema_id = properties.get("schemaId")
    subject = subject_of(topic, is_key=is_key)
    try:
        schema = _find(context, subject, schema_id, is_key=is_key, topic=topic)
        found = type_of_schema(schema, properties)
    except ConfigError as error:
        raise StatementError(f"Failed to infer the schema of {subject}: {error}") from None
    if found is None:
        raise StatementError(f"The schema of {subject} has no type that a column can hold.")
    if schema_id is None:
        found = _upper(found)
    namespace = Namespace.KEY if is_key else Namespace.VALUE
    if unwrapped and SerdeFeature.UNWRAP_SINGLES in traits_of(info).features:
        return (Column(KEY_NAME if is_key else VALUE_NAME, found, namespace),)
    if not isinstance(found, Struct):
        raise StatementError(
            f"The schema of {subject} is a bare {found}. Set WRAP_SINGLE_VALUE=false to read it as one column."
        )
    return tuple(Column(f.name, f.type, namespace) for f in found.fields)


def check_schema_id(
    context: PlanningContext, topic: str, info: FormatInfo, columns: tuple[Column, ...], *, is_key: bool
) -> None:
    """Check that a sink's columns are the first ones of the registered schema that it is to be written with.

    Raises:
        StatementError: there is no such schema, or its columns differ.
    """
    schema_id = dict(info.properties).get("schemaId")
    if schema_id is None or not traits_of(info).infers_schema:
        return
    registered = _registered(context, info, topic, is_key=is_key, unwrapped=is_key or info.wrap_single is False)
    wrong = [c for c, known in zip_longest(columns, registered[: len(columns)]) if c != known and c is not None]
    if wrong:
        part = "key" if is_key else "value"
        shown = [", ".join(f"`{c.name}` {c.type}" for c in those) for those in (wrong, registered)]
        raise StatementError(
            f"The following {part} columns are changed, missing or reordered: [{shown[0]}]. "
            f"Schema from schema registry is [{shown[1]}]"
        )


def _find(context: PlanningContext, subject: str, schema_id: str | None, *, is_key: bool, topic: str) -> ResolvedSchema:
    if schema_id is None:
        schema = context.schemas.latest(subject)
        missing = "- Messages on the topic have not been written with the schema registry that this server uses"
    else:
        schema = context.schemas.by_id(int(schema_id))
        missing = f"- The schema with id {schema_id} does not exist."
    if schema is None:
        part = "keys" if is_key else "values"
        raise StatementError(
            f"Schema for message {part} on topic '{topic}' does not exist in the Schema Registry.\n"
            f"Subject: {subject}\nPossible causes include:\n- The topic itself does not exist\n"
            f"\t-> Use SHOW TOPICS; to check\n{missing}"
        )
    return schema


def _upper(data_type: DataType) -> DataType:
    """Return the type with the names of its fields in upper case, as unquoted names are."""
    match data_type:
        case Array(element):
            return Array(_upper(element))
        case Map(key, value):
            return Map(_upper(key), _upper(value))
        case Struct(fields):
            return Struct(tuple(StructField(f.name.upper(), _upper(f.type)) for f in fields))
        case _:
            return data_type
