"""Records of test files to bytes, and bytes to what is compared with them.

The formats here are deliberately not the engine's serdes: JSON is passed through as written, DELIMITED lines are
compared as whole lines, so that a defect of a serde cannot hide on both sides.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kappaflow.errors import KappaError
from kappaflow.kernel.number_text import double_text
from kappaflow.serde.schema import Column, WindowInfo, WindowType
from kappaflow.serde.schema_registry import SchemaRegistry
from kappaflow.serde.types import BigInt, Bytes, Double, Integer, String
from kappaflow.sql.metastore import DataSource, FormatInfo
from kappaflow.testing.query_tests.json_text import dump_json
from kappaflow.testing.query_tests.schema_records import SchemaRecords

_LONG = struct.Struct(">q")


class CaseError(KappaError):
    """The case itself cannot be run as it is written, or needs what does not exist yet."""


@dataclass(frozen=True, slots=True)
class ActualKey:
    """A decoded key; the bounds are None when it is not windowed."""

    key: Any
    start: int | None = None
    end: int | None = None


def encode_key(spec: Any, window: dict[str, Any] | None, source: DataSource, registry: SchemaRegistry) -> bytes | None:
    """Return the bytes of a record's key."""
    data = _encode(source.key_format, spec, source.schema.key, SchemaRecords(registry, source.topic, is_key=True))
    if data is None or source.window is None:
        return data
    if window is None:
        raise CaseError(f"The key of a record for {source.topic} needs a window.")
    if source.window.type is WindowType.SESSION:
        return data + _LONG.pack(window["end"]) + _LONG.pack(window["start"])
    return data + _LONG.pack(window["start"])


def encode_value(spec: Any, source: DataSource, registry: SchemaRegistry) -> bytes | None:
    """Return the bytes of a record's value."""
    records = SchemaRecords(registry, source.topic, is_key=False)
    return _encode(source.value_format, spec, source.schema.value, records)


def decode_key(data: bytes | None, source: DataSource, registry: SchemaRegistry, *, exact: bool) -> ActualKey:
    """Return the key of a produced record."""
    if data is None:
        return ActualKey(None)
    window: WindowInfo | None = source.window
    records = SchemaRecords(registry, source.topic, is_key=True)
    if window is None:
        return ActualKey(_decode(source.key_format, data, source.schema.key, records, exact=exact))
    if window.type is WindowType.SESSION:
        inner, end, start = data[:-16], _LONG.unpack(data[-16:-8])[0], _LONG.unpack(data[-8:])[0]
    else:
        inner, start = data[:-8], _LONG.unpack(data[-8:])[0]
        end = start + (window.size_ms or 0)
    return ActualKey(_decode(source.key_format, inner, source.schema.key, records, exact=exact), start, end)


def decode_value(data: bytes | None, source: DataSource, registry: SchemaRegistry, *, exact: bool) -> Any:
    """Return the value of a produced record."""
    if data is None:
        return None
    records = SchemaRecords(registry, source.topic, is_key=False)
    return _decode(source.value_format, data, source.schema.value, records, exact=exact)


def _encode(info: FormatInfo, spec: Any, columns: tuple[Column, ...], records: SchemaRecords) -> bytes | None:
    if spec is None:
        return None
    match info.name:
        case "JSON":
            return dump_json(spec).encode("utf-8")
        case "DELIMITED":
            return str(spec).encode("utf-8")
        case "KAFKA":
            return _encode_primitive(spec, columns)
        case "NONE":
            return None
        case _:
            return records.encode(info, spec, columns)


def _decode(info: FormatInfo, data: bytes, columns: tuple[Column, ...], records: SchemaRecords, *, exact: bool) -> Any:
    match info.name:
        case "JSON":
            return json.loads(data, parse_float=Decimal if exact else float)
        case "DELIMITED":
            return data.decode("utf-8")
        case "KAFKA":
            return _decode_primitive(data, columns)
        case "NONE":
            return None
        case _:
            return records.decode(info, data, columns, exact=exact)


def _encode_primitive(spec: Any, columns: tuple[Column, ...]) -> bytes:
    data_type = columns[0].type if columns else String()
    match data_type:
        case Integer():
            return struct.pack(">i", int(spec))
        case BigInt():
            return _LONG.pack(int(spec))
        case Double():
            return struct.pack(">d", float(spec))
        case _:
            return str(spec).encode("utf-8")


def _decode_primitive(data: bytes, columns: tuple[Column, ...]) -> Any:
    data_type = columns[0].type if columns else String()
    match data_type:
        case Integer():
            return struct.unpack(">i", data)[0]
        case BigInt():
            return _LONG.unpack(data)[0]
        case Double():
            return Decimal(double_text(struct.unpack(">d", data)[0]))
        case Bytes():
            return data.decode("utf-8", "replace")
        case _:
            return data.decode("utf-8")
