"""Serdes of the formats with a registry: AVRO, JSON_SR and PROTOBUF, and PROTOBUF_NOSR without one.

write   the schema of the columns is registered at the first record (or a given one is used); header, then bytes
read    the header names the writer's schema; its values are fitted to the columns by name
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from kappaflow.errors import ConfigError, KappaError, SerializationError
from kappaflow.kernel.selection import USE_NATIVE
from kappaflow.serde import types as t
from kappaflow.serde.arrow import arrow_type
from kappaflow.serde.coercion import CoercionError
from kappaflow.serde.connect_values import fields_reader, value_reader
from kappaflow.serde.face import ArrowArray, Decoded, Mask, Row, Serde, row_count
from kappaflow.serde.json_format import JsonSerde
from kappaflow.serde.registered_schemas import codec_of, schema_of_columns, type_of_schema
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_codec import SchemaCodec
from kappaflow.serde.schema_registry import ResolvedSchema, SchemaRegistry, SchemaText, resolve, subject_of
from kappaflow.serde.wire_format import HEADER_BYTES, read_header, write_header

OWN = -1  # instead of a schema's id, for records that name none


class _RegisteredSerde(Serde):
    """What reading and writing with a registry have in common."""

    def __init__(
        self,
        name: str,
        columns: tuple[Column, ...],
        properties: Mapping[str, str],
        registry: SchemaRegistry | None,
        *,
        subject: str,
        unwrapped: bool,
        target: str,
    ) -> None:
        super().__init__(columns)
        self.name = name
        self.unwrapped = unwrapped
        self._properties = dict(properties)
        self._registry = registry
        self._subject = subject
        self._target = target
        self._own: tuple[int, SchemaText] | None = None

    def _need_registry(self) -> SchemaRegistry:
        if self._registry is None:
            raise ConfigError(
                f"The {self.name} format needs a schema registry. Set 'ksql.schema.registry.url' to its address."
            )
        return self._registry

    def _own_schema(self) -> tuple[int, SchemaText]:
        """Return the schema that records are written with, and its id."""
        if self._own is None:
            registry = self._need_registry()
            given = self._properties.get("schemaId")
            if given is not None:
                schema = registry.by_id(int(given))
                if schema is None:
                    raise ConfigError(f"There is no schema with id {given} in the schema registry.")
                self._own = (int(given), schema)
            else:
                schema = schema_of_columns(self.name, self.columns, self._properties, unwrapped=self.unwrapped)
                self._own = self._named_message(registry) or (registry.register(self._subject, schema), schema)
        return self._own

    def _named_message(self, registry: SchemaRegistry) -> tuple[int, SchemaText] | None:
        """Return the newest schema of the subject where it has the message that the columns were inferred from."""
        if self.name != "PROTOBUF" or not self._properties.get("fullSchemaName"):
            return None
        latest = registry.latest(self._subject)
        if latest is None or latest.schema.type != "PROTOBUF":
            return None
        columns = t.Struct(tuple(t.StructField(c.name, c.type) for c in self.columns))
        try:
            found = type_of_schema(resolve(latest.schema, registry), self._properties)
        except ConfigError:
            return None  # it has other messages only
        return (latest.id, latest.schema) if found == columns else None


class JsonSrSerde(_RegisteredSerde):
    """JSON documents behind the id of their JSON Schema."""

    def __init__(
        self,
        columns: tuple[Column, ...],
        properties: Mapping[str, str],
        registry: SchemaRegistry | None,
        *,
        subject: str,
        unwrapped: bool,
        target: str,
    ) -> None:
        super().__init__("JSON_SR", columns, properties, registry, subject=subject, unwrapped=unwrapped, target=target)
        is_key, topic = target.startswith("key"), target.partition(": ")[2]
        self._json = JsonSerde(columns, is_key=is_key, unwrapped=unwrapped, topic=topic)
        self._writer = self._json
        self._missing: Row = ()
        self._fits = "schemaId" not in self._properties or unwrapped

    def serialize(self, row: Row | None) -> bytes | None:
        """Write a row."""
        if not self._fits:
            self._fit_writer()
        data = self._writer.serialize(row if row is None else (*row, *self._missing))
        return None if data is None else write_header(self._own_schema()[0]) + data

    def _fit_writer(self) -> None:
        """Write every property of the given schema: those that no column has as null."""
        self._fits = True
        found = type_of_schema(resolve(self._own_schema()[1], self._registry), self._properties)
        if not isinstance(found, t.Struct):
            return
        names = {column.name for column in self.columns}
        others = tuple(Column(f.name, f.type) for f in found.fields if f.name not in names)
        self._writer = JsonSerde((*self.columns, *others))
        self._missing = (None,) * len(others)

    def deserialize(self, data: bytes | None) -> Row | None:
        """Read a row."""
        if data is None:
            return None
        read_header(data)
        return self._json.deserialize(data[HEADER_BYTES:])

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read a column of records."""
        if USE_NATIVE:
            from kappaflow.serde.column_form import json_behind_header

            return json_behind_header(self, self._json, data, projection)
        return super().decode(data, projection)

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write a column of records."""
        rows = row_count(columns, valid, length)
        if not USE_NATIVE or not _has_records(columns, valid, rows, unwrapped=self.unwrapped):
            return super().encode(columns, valid, length)
        if not self._fits:
            self._fit_writer()
        missing = [pa.nulls(rows, arrow_type(c.type)) for c in self._writer.columns[len(self.columns) :]]
        return self._writer.encode_behind(write_header(self._own_schema()[0]), [*columns, *missing], valid, rows)


class SchemaSerde(_RegisteredSerde):
    """Binary values of a schema: Avro and Protobuf."""

    def __init__(
        self,
        name: str,
        columns: tuple[Column, ...],
        properties: Mapping[str, str],
        registry: SchemaRegistry | None,
        *,
        subject: str,
        unwrapped: bool,
        target: str,
    ) -> None:
        super().__init__(name, columns, properties, registry, subject=subject, unwrapped=unwrapped, target=target)
        self._codecs: dict[int, SchemaCodec] = {}
        self._plans: dict[int, Any] = {}
        self._write_plan: Any = None
        self._has_write_plan = False
        self._has_header = name != "PROTOBUF_NOSR"
        self._header = b""
        self._writer: SchemaCodec | None = None
        # A Protobuf record is always a message: a bare value is the first field of one.
        self._is_bare = unwrapped and name == "AVRO"
        if self._is_bare:
            self._read_single = value_reader(columns[0].type)
        else:
            required = t.Struct(tuple(t.StructField(c.name, c.type) for c in columns))
            self._read_fields = fields_reader([(c.name, c.type) for c in columns], required)
        if not self._has_header:
            own = schema_of_columns(name, columns, properties, unwrapped=unwrapped)
            self._writer = codec_of(ResolvedSchema(own.type, own.text), properties, framed=False)

    def _codec(self) -> SchemaCodec:
        if self._writer is None:
            schema_id, schema = self._own_schema()
            self._header = write_header(schema_id)
            self._writer = codec_of(resolve(schema, self._registry), self._properties)
        return self._writer

    def serialize(self, row: Row | None) -> bytes | None:
        """Write a row."""
        if row is None or (self.unwrapped and row[0] is None):
            return None
        value: Any = row[0] if self._is_bare else dict(zip((c.name for c in self.columns), row, strict=True))
        try:
            return self._header_and(self._codec(), value)
        except SerializationError as error:
            raise SerializationError(f"Failed to serialize {self._target}. {error}") from None

    def _header_and(self, codec: SchemaCodec, value: Any) -> bytes:
        return self._header + codec.encode(value)

    def deserialize(self, data: bytes | None) -> Row | None:
        """Read a row."""
        if data is None:
            return None
        try:
            if self._has_header:
                value = self._reader(read_header(data)).decode(data[HEADER_BYTES:])
            else:
                value = self._codec().decode(data)
            if self._is_bare:
                return (self._read_single(value),)
            return None if value is None else tuple(self._read_fields(value))
        except CoercionError as error:
            raise SerializationError(f"Failed to deserialize {self._target}. {error}, path: ${error.path}") from None
        except SerializationError as error:
            raise SerializationError(f"Failed to deserialize {self._target}. {error}") from None

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read a column of records: those of schemas that fit the columns in the usual way natively."""
        if not USE_NATIVE:
            return super().decode(data, projection)
        from kappaflow.serde.column_form import schema_decode, schema_ids

        ids = schema_ids(data) if self._has_header else [OWN]
        plans = [(schema_id, plan) for schema_id in ids if (plan := self._plan(schema_id)) is not None]
        if not plans:
            return super().decode(data, projection)
        is_bare, is_framed = self._is_bare, self._has_header
        return schema_decode(self, data, projection, plans, is_bare=is_bare, is_framed=is_framed)

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write a column of records: natively where the columns fit the schema in the usual way."""
        rows = row_count(columns, valid, length)
        if not USE_NATIVE or not _has_records(columns, valid, rows, unwrapped=self.unwrapped):
            return super().encode(columns, valid, length)
        from kappaflow.serde.column_form import schema_encode

        plan = self._plan_to_write()
        if plan is None:
            return super().encode(columns, valid, length)
        return schema_encode(self, columns, plan, valid, rows, unwrapped=self.unwrapped, is_bare=self._is_bare)

    def _plan_to_write(self) -> Any | None:
        if not self._has_write_plan:
            from kappaflow.serde.column_form import write_plan_of

            try:
                codec = self._codec()
            except KappaError:
                return None  # the row form says why, for each record
            self._write_plan = write_plan_of(codec, self.columns, self._header, is_bare=self._is_bare)
            self._has_write_plan = True
        return self._write_plan

    def _plan(self, schema_id: int) -> Any | None:
        if schema_id not in self._plans:
            from kappaflow.serde.column_form import plan_of

            try:
                codec = self._codec() if schema_id == OWN else self._reader(schema_id)
            except KappaError:
                return None  # the row form says why, for each record
            self._plans[schema_id] = plan_of(codec, self.columns, is_bare=self._is_bare)
        return self._plans[schema_id]

    def _reader(self, schema_id: int) -> SchemaCodec:
        codec = self._codecs.get(schema_id)
        if codec is None:
            schema = self._need_registry().by_id(schema_id)
            if schema is None:
                raise SerializationError(f"There is no schema with id {schema_id} in the schema registry")
            if schema.type != self.name:
                raise SerializationError(f"The schema with id {schema_id} is of type {schema.type}, not {self.name}")
            codec = self._codecs[schema_id] = codec_of(resolve(schema, self._registry), {})
        return codec


def _has_records(columns: Sequence[ArrowArray], valid: Mask | None, rows: int, *, unwrapped: bool) -> bool:
    """Tell whether any row becomes bytes: before the first one the schema is not registered."""
    if not rows or (valid is not None and not valid.any()):
        return False
    return not unwrapped or columns[0].null_count < rows


def registered_serde(
    format_name: str,
    columns: tuple[Column, ...],
    properties: Mapping[str, str],
    registry: SchemaRegistry | None,
    *,
    topic: str,
    is_key: bool,
    unwrapped: bool,
) -> Serde:
    """Return the serde of a format whose records have schemas.

    Args:
        format_name: AVRO, JSON_SR, PROTOBUF or PROTOBUF_NOSR.
        columns: key or value columns.
        properties: of the format.
        registry: asked when the first record is written or read.
        topic: names the subject.
        is_key: keys and values have subjects of their own.
        unwrapped: the only column is the value itself.
    """
    common: dict[str, Any] = {
        "subject": subject_of(topic, is_key=is_key),
        "unwrapped": unwrapped,
        "target": f"{'key' if is_key else 'value'} from topic: {topic}",
    }
    if format_name == "JSON_SR":
        return JsonSrSerde(columns, properties, registry, **common)
    return SchemaSerde(format_name, columns, properties, registry, **common)
