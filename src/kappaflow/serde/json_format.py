"""The JSON format: an object with a member per column, or the bare value of a single column."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from kappaflow.errors import SerializationError
from kappaflow.kernel.json_read import JsonError, read_json
from kappaflow.kernel.json_write import json_bytes_string, json_double
from kappaflow.kernel.number_text import decimal_text
from kappaflow.kernel.selection import USE_NATIVE
from kappaflow.serde import types as t
from kappaflow.serde.coercion import CoercionError, coercion, fields_coercion
from kappaflow.serde.face import ArrowArray, Decoded, Mask, Row, Serde
from kappaflow.serde.schema import Column


def _nullable(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: "null" if value is None else write(value)


def _object_writer(fields: list[tuple[str, t.DataType]]) -> Callable[[Any], str]:
    """Return a writer of the values of `fields`, given in order."""
    writers = [value_writer(data_type) for _, data_type in fields]
    template = "{" + ",".join(json_bytes_string(name).replace("%", "%%") + ":%s" for name, _ in fields) + "}"

    def write(values: Any) -> str:
        return template % tuple([writer(value) for writer, value in zip(writers, values, strict=True)])

    return write


def _struct_writer(data_type: t.Struct) -> Callable[[Any], str]:
    names = [f.name for f in data_type.fields]
    write = _object_writer([(f.name, f.type) for f in data_type.fields])
    return lambda value: write([value.get(name) for name in names])


def _array_writer(data_type: t.Array) -> Callable[[Any], str]:
    element = value_writer(data_type.element)
    return lambda values: "[" + ",".join([element(value) for value in values]) + "]"


_NULL = '"null"'  # JSON has no other name for the value of a null key


def _map_writer(data_type: t.Map) -> Callable[[Any], str]:
    inner = value_writer(data_type.value)

    def write(pairs: Any) -> str:
        named = [(_NULL if key is None else json_bytes_string(key), value) for key, value in pairs.items()]
        return "{" + ",".join([f"{name}:{inner(value)}" for name, value in named]) + "}"

    return write


def value_writer(data_type: t.DataType) -> Callable[[Any], str]:
    """Return the function from a value, or None, to its JSON text."""
    match data_type:
        case t.Boolean():
            return _nullable(lambda value: "true" if value else "false")
        case t.Double():
            return _nullable(json_double)
        case t.Decimal():
            return _nullable(decimal_text)
        case t.String():
            return _nullable(json_bytes_string)
        case t.Bytes():
            return _nullable(lambda value: '"' + base64.b64encode(value).decode() + '"')
        case t.Array():
            return _nullable(_array_writer(data_type))
        case t.Map():
            return _nullable(_map_writer(data_type))
        case t.Struct():
            return _nullable(_struct_writer(data_type))
        case _:
            return _nullable(str)


class JsonSerde(Serde):
    """JSON text, read leniently and written compactly.

    Attributes:
        unwrapped: the document is the value of the only column.
    """

    name = "JSON"

    def __init__(
        self, columns: tuple[Column, ...], *, is_key: bool = False, unwrapped: bool = False, topic: str = ""
    ) -> None:
        super().__init__(columns)
        self.unwrapped = unwrapped
        self._target = f"{'key' if is_key else 'value'} from topic: {topic}"
        fields = [(column.name, column.type) for column in columns]
        self._writers = [value_writer(data_type) for _, data_type in fields]
        self._prefixes = [
            (("," if position else "{") + json_bytes_string(name) + ":").encode()
            for position, (name, _) in enumerate(fields)
        ]
        if unwrapped:
            self._coerce_single = coercion(columns[0].type)
            self._write_single = value_writer(columns[0].type)
        else:
            self._coerce_fields = fields_coercion(
                fields, t.Struct(tuple(t.StructField(name, data_type) for name, data_type in fields))
            )
            self._write_fields = _object_writer(fields)

    def serialize(self, row: Row | None) -> bytes | None:
        """Write a row."""
        if row is None:
            return None
        if not self.unwrapped:
            return self._write_fields(row).encode("utf-8", "replace")
        return None if row[0] is None else self._write_single(row[0]).encode("utf-8", "replace")

    def deserialize(self, data: bytes | None) -> Row | None:
        """Read a row."""
        if data is None:
            return None
        try:
            node = read_json(data)
            if self.unwrapped:
                return (self._coerce_single(node),)
            values = self._coerce_fields(node)
            return None if values is None else tuple(values)
        except CoercionError as error:
            raise SerializationError(f"Failed to deserialize {self._target}. {error}, path: ${error.path}") from None
        except JsonError as error:
            raise SerializationError(f"Failed to deserialize {self._target}. {error}") from None

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read a column of documents."""
        if not USE_NATIVE:
            return super().decode(data, projection)
        from kappaflow.serde.column_form import json_decode

        return json_decode(self, data, projection, unwrapped=self.unwrapped)

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write a column of documents."""
        return self.encode_behind(b"", columns, valid, length) if USE_NATIVE else super().encode(columns, valid, length)

    def encode_behind(
        self, header: bytes, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None
    ) -> ArrowArray:
        """Write a column of documents natively, each behind the same bytes."""
        from kappaflow.serde.column_form import json_encode

        rows = len(valid) if valid is not None else length or 0
        prefixes, writers = self._prefixes, self._writers
        return json_encode(self, columns, prefixes, writers, valid, rows, unwrapped=self.unwrapped, header=header)
