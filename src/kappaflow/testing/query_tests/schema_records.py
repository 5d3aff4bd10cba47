"""Records of formats with registered schemas, written by the newest schema of their subject."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kappaflow.errors import SerializationError
from kappaflow.serde import types as t
from kappaflow.serde.registered_schemas import codec_of, schema_of_columns, type_of_schema
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_codec import SchemaCodec
from kappaflow.serde.schema_registry import ResolvedSchema, SchemaRegistry, resolve, subject_of
from kappaflow.serde.wire_format import HEADER_BYTES, read_header, write_header
from kappaflow.sql.metastore import FormatInfo
from kappaflow.testing.query_tests.json_text import dump_json


@dataclass(frozen=True, slots=True)
class SchemaRecords:
    """The keys or the values of a topic."""

    registry: SchemaRegistry
    topic: str
    is_key: bool

    def encode(self, info: FormatInfo, spec: Any, columns: tuple[Column, ...]) -> bytes:
        """Write a key or value of a test file.

        Raises:
            SerializationError: no schema is registered, or the value does not fit.
        """
        if info.name == "PROTOBUF_NOSR":
            return _unregistered(info, columns).encode(_as_message(spec, columns))
        subject = subject_of(self.topic, is_key=self.is_key)
        latest = self.registry.latest(subject)
        if latest is None:
            raise SerializationError(f"No schema is registered for {subject}")
        header = write_header(latest.id)
        if latest.schema.type == "JSON":
            return header + dump_json(spec).encode()
        return header + codec_of(resolve(latest.schema, self.registry), dict(info.properties)).encode(spec)

    def decode(self, info: FormatInfo, data: bytes, columns: tuple[Column, ...], *, exact: bool) -> Any:
        """Read a produced key or value as it is compared.

        Raises:
            SerializationError: the bytes do not fit.
        """
        if info.name == "PROTOBUF_NOSR":
            return _unregistered(info, columns).decode(data)
        schema = self.registry.by_id(read_header(data))
        if schema is None:
            raise SerializationError(f"No schema is registered with id {read_header(data)}")
        if schema.type == "JSON":
            value = json.loads(data[HEADER_BYTES:], parse_float=Decimal if exact else float)
            return _with_doubles(value, type_of_schema(resolve(schema, self.registry), {}))
        return codec_of(resolve(schema, self.registry), dict(info.properties)).decode(data[HEADER_BYTES:])


def _unregistered(info: FormatInfo, columns: tuple[Column, ...]) -> SchemaCodec:
    own = schema_of_columns(info.name, columns, dict(info.properties), unwrapped=False)
    return codec_of(ResolvedSchema(own.type, own.text), dict(info.properties), framed=False)


def _with_doubles(value: Any, data_type: t.DataType | None) -> Any:
    """Return a JSON value with floats where its schema says number: only decimals are compared with their scale."""
    match (data_type, value):
        case (t.Double(), Decimal() | int()):
            return float(value)
        case (t.Array(element), list()):
            return [_with_doubles(item, element) for item in value]
        case (t.Map(_, inner), dict()):
            return {key: _with_doubles(item, inner) for key, item in value.items()}
        case (t.Struct(), dict()):
            types = {f.name: f.type for f in data_type.fields}
            return {key: _with_doubles(item, types.get(key)) for key, item in value.items()}
        case _:
            return value


def _as_message(spec: Any, columns: tuple[Column, ...]) -> Any:
    return spec if isinstance(spec, Mapping) or len(columns) != 1 else {columns[0].name: spec}
