"""Between columns and registered schemas, for each format: generate, parse, infer."""

from __future__ import annotations

import json
from collections.abc import Mapping

from kappaflow.errors import ConfigError
from kappaflow.serde import types as t
from kappaflow.serde.avro_codec import AvroCodec
from kappaflow.serde.avro_schema import DEFAULT_FULL_NAME, avro_schema
from kappaflow.serde.json_schema import json_schema, nullable_json_schema, type_of_json_schema
from kappaflow.serde.protobuf_codec import ProtobufCodec
from kappaflow.serde.protobuf_schema import protobuf_schema
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_codec import SchemaCodec
from kappaflow.serde.schema_registry import ResolvedSchema, SchemaText


def schema_of_columns(
    format_name: str, columns: tuple[Column, ...], properties: Mapping[str, str], *, unwrapped: bool
) -> SchemaText:
    """Return the schema that a format writes columns with.

    Args:
        format_name: AVRO, JSON_SR, PROTOBUF or PROTOBUF_NOSR.
        columns: key or value columns.
        properties: of the format: fullSchemaName, nullableRepresentation.
        unwrapped: the only column is the value itself.

    Raises:
        ConfigError: the format cannot hold the columns.
    """
    record = t.Struct(tuple(t.StructField(c.name, c.type) for c in columns))
    data_type = columns[0].type if unwrapped else record
    full_name = properties.get("fullSchemaName")
    if format_name == "AVRO":
        return SchemaText("AVRO", json.dumps(avro_schema(data_type, full_name or DEFAULT_FULL_NAME)))
    if format_name == "JSON_SR":
        node = nullable_json_schema(data_type) if unwrapped else json_schema(data_type)
        return SchemaText("JSON", json.dumps(node))
    return SchemaText("PROTOBUF", protobuf_schema(record, full_name, properties.get("nullableRepresentation", "")))


def codec_of(schema: ResolvedSchema, properties: Mapping[str, str], *, framed: bool = True) -> SchemaCodec:
    """Return the codec of an Avro or Protobuf schema.

    Args:
        schema: as registered, with what it refers to.
        properties: fullSchemaName picks one of several messages.
        framed: Protobuf records start with the path of their message.

    Raises:
        ConfigError: it cannot be read.
    """
    if schema.type == "AVRO":
        return AvroCodec(schema.text, schema.references)
    if schema.type == "PROTOBUF":
        return ProtobufCodec(schema.text, schema.references, properties.get("fullSchemaName"), framed=framed)
    raise ConfigError(f"A schema of type {schema.type} has no binary form.")


def type_of_schema(schema: ResolvedSchema, properties: Mapping[str, str]) -> t.DataType | None:
    """Return the column type that a registered schema describes, or None.

    Raises:
        ConfigError: it cannot be read.
    """
    if schema.type == "JSON":
        try:
            return type_of_json_schema(schema.text, schema.references)
        except ValueError as error:
            raise ConfigError(f"Not a JSON Schema: {error}") from None
    return codec_of(schema, properties).data_type
