"""Write frames into streams: columns to record batches, straight to the broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from kappaflow import kernel
from kappaflow.client.connection import ClientConfig
from kappaflow.client.produce import BatchProducer
from kappaflow.client.security import client_security
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import StatementError
from kappaflow.serde import format_serde
from kappaflow.serde import types as t
from kappaflow.serde.arrow import arrow_type
from kappaflow.serde.schema import Column, Namespace
from kappaflow.sql.ast.formatter import format_name, format_string, format_type
from kappaflow.sql.grammar.parser import parse_type

if TYPE_CHECKING:
    import pyarrow as pa

    from kappaflow.database.database import Database

PARTITIONS = 4
CHUNK_ROWS = 50_000


def as_table(frame: Any) -> pa.Table:
    """Turn a Polars or pandas frame, an Arrow table or a list of dictionaries into an Arrow table."""
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, list):
        return pa.Table.from_pylist(frame)
    if hasattr(frame, "to_arrow"):
        return frame.to_arrow()
    return pa.Table.from_pandas(frame, preserve_index=False)


def _sql_type(arrow: Any) -> t.DataType:
    """Return the column type for an Arrow type."""
    import pyarrow as pa

    types = pa.types
    if types.is_boolean(arrow):
        return t.BOOLEAN
    if types.is_integer(arrow):
        return t.INTEGER if arrow.bit_width < 32 or arrow == pa.int32() else t.BIGINT
    if types.is_floating(arrow):
        return t.DOUBLE
    if types.is_decimal(arrow):
        return t.Decimal(arrow.precision, arrow.scale)
    if types.is_binary(arrow) or types.is_large_binary(arrow):
        return t.BYTES
    if types.is_date(arrow):
        return t.DATE
    if types.is_time(arrow):
        return t.TIME
    if types.is_timestamp(arrow):
        return t.TIMESTAMP
    if types.is_list(arrow) or types.is_large_list(arrow):
        return t.Array(_sql_type(arrow.value_type))
    if types.is_struct(arrow):
        return t.Struct(tuple(t.StructField(field.name, _sql_type(field.type)) for field in arrow))
    if types.is_dictionary(arrow):
        return _sql_type(arrow.value_type)
    return t.STRING


def write_frame(database: Database, target: str, frame: Any, key: str | None, timestamp: str | None) -> int:
    """Write a frame; see `Database.write`."""
    import pyarrow as pa

    table = as_table(frame)
    description = _describe(database, target) or _create(database, target, table, key)
    topic = description["topic"]
    columns = {column.upper(): table.column(column) for column in table.column_names}
    key_columns, value_columns = _columns(description)
    unknown = set(columns) - {c.name.upper() for c in (*key_columns, *value_columns)} - {str(timestamp).upper()}
    if unknown:
        raise StatementError(
            f"{target} has no column {', '.join(sorted(unknown))}. Its columns: {_names(description)}."
        )
    key_serde = format_serde(description["keyFormat"], key_columns, is_key=True, unwrapped=len(key_columns) == 1)
    value_serde = format_serde(description["valueFormat"], value_columns, is_key=False)
    times = _times(table, timestamp)
    partitions = int(description["partitions"])
    config = ClientConfig(database.bootstrap_servers(), security=client_security(database.kafka_properties))
    with BatchProducer(config) as producer:
        for start in range(0, table.num_rows, CHUNK_ROWS):
            rows = min(CHUNK_ROWS, table.num_rows - start)
            keys = (
                key_serde.encode([_slice(columns, c, start, rows) for c in key_columns], None)
                if key_columns
                else pa.nulls(rows, pa.binary())
            )
            values = value_serde.encode([_slice(columns, c, start, rows) for c in value_columns], None)
            encoded = kernel.encode_records(keys, values, times[start : start + rows], partitions=partitions)
            for partition, batches in encoded.partitions.items():
                for batch in batches:
                    producer.send(TopicPartition(topic, partition), batch.data)
        producer.flush()
    return table.num_rows


def _slice(columns: dict[str, Any], column: Column, start: int, rows: int) -> Any:
    import pyarrow as pa

    wanted = arrow_type(column.type)
    chunked = columns.get(column.name.upper())
    if chunked is None:
        return pa.nulls(rows, wanted)
    array = chunked.slice(start, rows).combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.type == wanted:
        return array
    try:
        return array.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise StatementError(f"Column {column.name} is {column.type}; the frame has {array.type}: {error}") from error


def _times(table: pa.Table, timestamp: str | None) -> Any:
    import pyarrow as pa

    if timestamp is None:
        return np.full(table.num_rows, int(time.time() * 1000), dtype=np.int64)
    column = table.column(timestamp).combine_chunks()
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms"), safe=False)
    return column.cast(pa.int64()).to_numpy(zero_copy_only=False)


def _describe(database: Database, target: str) -> dict[str, Any] | None:
    try:
        (entity,) = database.sql(f"DESCRIBE {format_name(target.upper())};").entities
    except StatementError:
        return None
    return entity["sourceDescription"]


def _create(database: Database, target: str, table: pa.Table, key: str | None) -> dict[str, Any]:
    if key is not None and key.upper() not in {name.upper() for name in table.column_names}:
        raise StatementError(
            f"The frame has no column {key} for the key. Its columns: {', '.join(table.column_names)}."
        )
    parts: list[str] = []
    for name, arrow in zip(table.column_names, table.schema.types, strict=True):
        constraint = " KEY" if key is not None and name.upper() == key.upper() else ""
        parts.append(f"{format_name(name.upper())} {format_type(_sql_type(arrow))}{constraint}")
    database.sql(
        f"CREATE STREAM {format_name(target.upper())} ({', '.join(parts)}) WITH "
        f"(KAFKA_TOPIC={format_string(target)}, FORMAT='JSON', PARTITIONS={PARTITIONS});"
    )
    description = _describe(database, target)
    assert description is not None
    return description


def _columns(description: dict[str, Any]) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    keys: list[Column] = []
    values: list[Column] = []
    for field in description["fields"]:
        type_ = parse_type(_type_text(field["schema"]))
        if field.get("type") == "KEY":
            keys.append(Column(field["name"], type_, Namespace.KEY))
        elif field.get("type") != "HEADER":
            values.append(Column(field["name"], type_))
    return tuple(keys), tuple(values)


def _type_text(schema: dict[str, Any]) -> str:
    name = schema["type"]
    if name == "DECIMAL":
        return f"DECIMAL({schema['parameters']['precision']}, {schema['parameters']['scale']})"
    if name == "ARRAY":
        return f"ARRAY<{_type_text(schema['memberSchema'])}>"
    if name == "MAP":
        return f"MAP<STRING, {_type_text(schema['memberSchema'])}>"
    if name == "STRUCT":
        inner = ", ".join(f"{format_name(f['name'])} {_type_text(f['schema'])}" for f in schema["fields"])
        return f"STRUCT<{inner}>"
    return name


def _names(description: dict[str, Any]) -> str:
    return ", ".join(field["name"] for field in description["fields"])
