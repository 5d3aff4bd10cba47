"""Result rows as the text that clients read: JSON, or Protobuf in Base64.

JSON: DECIMAL as a number with its scale, BYTES as base64, TIME, DATE and TIMESTAMP as ISO text, STRUCT and MAP as
objects.  Protobuf: a message with one field a column, in a JSON string.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from kappaflow.kernel.number_text import double_text
from kappaflow.serde import types as t
from kappaflow.serde.registered_schemas import schema_of_columns
from kappaflow.serde.registered_serde import registered_serde
from kappaflow.serde.schema import Column, Schema

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_text = msgspec.json.Encoder().encode

Render = Callable[[Any], str]


def _string(value: Any) -> str:
    return _text(value).decode()


def _double(value: float) -> str:
    text = double_text(value)
    return text if math.isfinite(value) else f'"{text}"'


def _time(value: int) -> str:
    seconds, millis = divmod(value, 1000)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{hours:02d}:{minutes:02d}"
    if seconds or millis:
        text += f":{seconds:02d}"
    return f'"{text}.{millis:03d}"' if millis else f'"{text}"'


def _date(value: int) -> str:
    return f'"{date.fromordinal(value + _EPOCH_DAY).isoformat()}"'


def _timestamp(value: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
    return f'"{moment.strftime("%Y-%m-%dT%H:%M:%S")}.{value % 1000:03d}"'


def _array(type_: t.Array) -> Render:
    element = renderer(type_.element)
    return lambda value: "[" + ",".join([element(item) for item in value]) + "]"


def _map(type_: t.Map) -> Render:
    inner = renderer(type_.value)
    return lambda value: "{" + ",".join([f"{_string(str(k))}:{inner(v)}" for k, v in value.items()]) + "}"


def _struct(type_: t.Struct) -> Render:
    fields = [(field.name, _string(field.name), renderer(field.type)) for field in type_.fields]
    return lambda value: "{" + ",".join([f"{text}:{render(value.get(name))}" for name, text, render in fields]) + "}"


_SCALARS: dict[type[t.DataType], Render] = {
    t.Boolean: lambda value: "true" if value else "false",
    t.Integer: str,
    t.BigInt: str,
    t.Double: _double,
    t.Decimal: lambda value: format(value, "f"),
    t.String: _string,
    t.Bytes: lambda value: f'"{base64.b64encode(value).decode()}"',
    t.Time: _time,
    t.Date: _date,
    t.Timestamp: _timestamp,
}
_NESTED: dict[type[t.DataType], Callable[[Any], Render]] = {t.Array: _array, t.Map: _map, t.Struct: _struct}


def renderer(type_: t.DataType) -> Render:
    """Return the function that prints values of a type; null prints as ``null``."""
    nested = _NESTED.get(type(type_))
    render = nested(type_) if nested else _SCALARS[type(type_)]
    return lambda value: "null" if value is None else render(value)


def row_renderer(types: Sequence[t.DataType]) -> Callable[[Sequence[Any]], str]:
    """Return the function that prints a row as a JSON array."""
    renders = [renderer(type_) for type_ in types]
    return lambda row: "[" + ",".join([render(value) for render, value in zip(renders, row, strict=True)]) + "]"


PROTOBUF = "protobuf"
_NO_REGISTRY = "PROTOBUF_NOSR"


def result_renderer(schema: Schema, rows_as: str) -> Callable[[Sequence[Any]], str]:
    """Return the function that prints a row of a result, as JSON or as `PROTOBUF`."""
    columns = list(schema)
    if rows_as != PROTOBUF:
        return row_renderer([column.type for column in columns])
    serde = registered_serde(_NO_REGISTRY, _plain(schema), {}, None, topic="result", is_key=False, unwrapped=False)
    return lambda row: f'"{base64.b64encode(serde.serialize(tuple(row)) or b"").decode()}"'


def result_header(schema: Schema, rows_as: str) -> dict[str, Any]:
    """Return what a result's header says: its schema, the names and types of its columns, and the ``.proto`` file."""
    columns = list(schema)
    header: dict[str, Any] = {
        "schema": str(schema),
        "names": [column.name for column in columns],
        "types": [str(column.type) for column in columns],
    }
    if rows_as == PROTOBUF:
        header["proto"] = schema_of_columns(_NO_REGISTRY, _plain(schema), {}, unwrapped=False).text
    return header


def _plain(schema: Schema) -> tuple[Column, ...]:
    return tuple(Column(column.name, column.type) for column in schema)
