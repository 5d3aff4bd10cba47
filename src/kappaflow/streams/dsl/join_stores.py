"""What the store of unmatched records holds: the values of one time, side and key, as Kafka Streams writes them.

    list   1 | count (4) | (length (4) | value) ..
    value  side (1) | the value as the serde of its side writes it

Source: KIP-633, ``Serdes.ListSerde`` of Apache Kafka.
"""

from __future__ import annotations

import struct
from typing import Any

from kappaflow.errors import SerializationError
from kappaflow.serde import Serde
from kappaflow.serde.objects import ObjectSerde

_VARIABLE_SIZE = 1
_NUMBER = struct.Struct(">i")
_LEFT = 1


class EitherSideListSerde(ObjectSerde):
    """Writes a side and its values.

    Args:
        left, right: the serdes of both sides.
    """

    name = "list of left or right values"

    def __init__(self, left: Serde, right: Serde) -> None:
        super().__init__()
        self._sides: dict[int, Any] = {_LEFT: left, 0: right}

    def write(self, value: Any) -> bytes:
        """Write a pair of side and values."""
        side, inner = value
        serialize = self._sides[side].serialize
        out = bytearray((_VARIABLE_SIZE,)) + _NUMBER.pack(len(inner))
        for each in inner:
            data = serialize(each) or b""
            out += _NUMBER.pack(1 + len(data)) + bytes((side,)) + data
        return bytes(out)

    def read(self, data: bytes) -> tuple[int, list[Any]]:
        """Read a pair of side and values.

        Raises:
            SerializationError: the bytes are something else.
        """
        if data[0] != _VARIABLE_SIZE:
            raise SerializationError(f"Lists of kind {data[0]} are not known.")
        (count,), at = _NUMBER.unpack_from(data, 1), 5
        values: list[Any] = []
        side = _LEFT
        for _ in range(count):
            (length,) = _NUMBER.unpack_from(data, at)
            side = data[at + 4]
            values.append(self._sides[side].deserialize(data[at + 5 : at + 4 + length]))
            at += 4 + length
        return side, values
