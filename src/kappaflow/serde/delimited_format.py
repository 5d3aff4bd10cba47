"""The DELIMITED format: one record of comma-separated text, or of another delimiter."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from kappaflow.errors import SerializationError
from kappaflow.kernel.delimited import join_fields, split_line
from kappaflow.kernel.number_text import (
    double_text,
    parse_decimal,
    parse_double,
    parse_integer,
    plain_decimal_text,
)
from kappaflow.kernel.selection import USE_NATIVE
from kappaflow.serde import types as t
from kappaflow.serde.coercion import fit_decimal, to_day, to_time
from kappaflow.serde.face import ArrowArray, Decoded, Mask, Row, Serde
from kappaflow.serde.schema import Column

_NAMED_DELIMITERS = {"TAB": "\t", "SPACE": " "}


def parse_delimiter(text: str) -> str:
    """Return the delimiter that a property names.

    >>> parse_delimiter("TAB"), parse_delimiter("|")
    ('\\t', '|')

    Raises:
        ValueError: empty, or longer than one character.
    """
    if not text:
        raise ValueError(
            "Delimiter cannot be empty, if you meant to have a tab or space for delimiter, please use the special"
            " values 'TAB' or 'SPACE'\nExample valid value: ';'"
        )
    named = _NAMED_DELIMITERS.get(text.upper())
    if named is not None:
        return named
    if len(text) != 1:
        raise ValueError(
            f"Invalid delimiter value: '{text}'. Delimiter must be a single character or TAB,SPACE"
            "\nExample valid value: ';'"
        )
    return text


def _decode_base64(text: str) -> bytes:
    if len(text) % 4 and "=" not in text:
        text += "=" * (-len(text) % 4)
    return base64.b64decode(text, validate=True)


def _reader(data_type: t.DataType) -> Callable[[str], Any]:
    match data_type:
        case t.Boolean():
            return lambda text: text.lower() == "true"
        case t.Integer():
            return lambda text: parse_integer(text, 32)
        case t.BigInt() | t.Timestamp():
            return lambda text: parse_integer(text, 64)
        case t.Double():
            return parse_double
        case t.Decimal():
            return lambda text: fit_decimal(parse_decimal(text), data_type)
        case t.Bytes():
            return _decode_base64
        case t.Time():
            return lambda text: to_time(parse_integer(text, 64))
        case t.Date():
            return lambda text: to_day(parse_integer(text, 64))
        case _:
            return lambda text: text


def _writer(data_type: t.DataType) -> Callable[[Any], str]:
    match data_type:
        case t.Boolean():
            return lambda value: "true" if value else "false"
        case t.Double():
            return double_text
        case t.Decimal():
            return plain_decimal_text
        case t.Bytes():
            return lambda value: base64.b64encode(value).decode()
        case _:
            return str


class DelimitedSerde(Serde):
    """Fields in column order; an empty field is null."""

    name = "DELIMITED"

    def __init__(self, columns: tuple[Column, ...], delimiter: str = ",", topic: str = "") -> None:
        super().__init__(columns)
        self.delimiter = delimiter
        self._readers = [_reader(column.type) for column in columns]
        self._writers = [_writer(column.type) for column in columns]
        self._topic = topic
        is_wide = any(isinstance(c.type, t.Decimal) and c.type.precision > 38 for c in columns)
        self._is_native = USE_NATIVE and delimiter.isascii() and bool(columns) and not is_wide

    def serialize(self, row: Row | None) -> bytes | None:
        """Write a row."""
        if row is None:
            return None
        fields = [None if v is None else write(v) for v, write in zip(row, self._writers, strict=True)]
        return join_fields(fields, self.delimiter).encode("utf-8", "replace")

    def deserialize(self, data: bytes | None) -> Row | None:
        """Read a row."""
        if data is None:
            return None
        try:
            fields = split_line(data.decode("utf-8", "replace"), self.delimiter)
            if len(fields) != len(self._readers):
                raise ValueError(
                    f"Column count mismatch on deserialization. topic: {self._topic}, "
                    f"expected: {len(self._readers)}, got: {len(fields)}"
                )
            return tuple([read(text) if text else None for read, text in zip(self._readers, fields, strict=True)])
        except (ValueError, binascii.Error) as error:
            raise SerializationError(f"Error deserializing delimited. {error}") from None

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read a column of lines."""
        if not self._is_native:
            return super().decode(data, projection)
        from kappaflow.serde.column_form import delimited_decode

        return delimited_decode(self, data, projection, self.delimiter)

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write a column of lines."""
        if not self._is_native:
            return super().encode(columns, valid, length)
        from kappaflow.serde.column_form import delimited_encode

        return delimited_encode(self, columns, valid, self.delimiter)
