"""Rows as the bytes that the state database keeps.

Rows of plain types use the kernel's packed layout, so that folds over columns and row forms read the same state;
rows with DECIMAL or nested columns are MessagePack behind their timestamp.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from decimal import Decimal as PyDecimal
from typing import Any

import msgspec

from kappaflow.kernel.fold_columns import TYPES
from kappaflow.kernel.fold_steps import pack, unpack
from kappaflow.serde import types as t
from kappaflow.state.ordered import Row, Stored

_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_decoder = msgspec.msgpack.Decoder()
_time = struct.Struct(">q")

Read = Callable[[Any], Any]


def _reader(data_type: t.DataType) -> Read | None:
    """Return what undoes MessagePack's loss of a type, or None when it loses nothing."""
    match data_type:
        case t.Decimal():
            return PyDecimal
        case t.Array(element):
            inner = _reader(element)
            return None if inner is None else lambda value: [None if v is None else inner(v) for v in value]
        case t.Map(_, value_type):
            inner = _reader(value_type)
            return (
                None if inner is None else lambda value: {k: None if v is None else inner(v) for k, v in value.items()}
            )
        case t.Struct(fields):
            readers = {f.name: r for f in fields if (r := _reader(f.type)) is not None}
            if not readers:
                return None
            return lambda value: {k: v if v is None or k not in readers else readers[k](v) for k, v in value.items()}
        case _:
            return None


class RowCodec:
    """Writes and reads the rows of one store.

    >>> codec = RowCodec((t.BIGINT, t.STRING))
    >>> codec.read(codec.write((1, "a"), 5))
    ((1, 'a'), 5)
    """

    def __init__(self, types: Sequence[t.DataType]) -> None:
        self.type_names = [str(data_type) for data_type in types]
        self.is_packed = all(name in TYPES for name in self.type_names)
        self._readers = [(i, r) for i, data_type in enumerate(types) if (r := _reader(data_type)) is not None]

    def write(self, row: Row, timestamp: int) -> bytes:
        """Return the bytes of a row and its timestamp."""
        if self.is_packed:
            return pack(timestamp, list(row), self.type_names)
        return _time.pack(timestamp) + _encoder.encode(row)

    def read(self, data: bytes) -> Stored:
        """Return the row and its timestamp."""
        if self.is_packed:
            timestamp, state = unpack(data, self.type_names)
            return tuple(state), timestamp
        row: list[Any] = _decoder.decode(memoryview(data)[8:])
        for index, read in self._readers:
            if row[index] is not None:
                row[index] = read(row[index])
        return tuple(row), _time.unpack_from(data)[0]
