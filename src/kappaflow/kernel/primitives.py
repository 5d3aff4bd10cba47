"""The primitive encodings of Kafka's own serializers: big-endian numbers, UTF-8 text, raw bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

_INT = struct.Struct(">i")
_LONG = struct.Struct(">q")
_DOUBLE = struct.Struct(">d")


class PrimitiveError(ValueError):
    """The bytes have the wrong size for their type."""


def _sized(codec: struct.Struct, deserializer: str) -> Callable[[bytes], Any]:
    size, unpack = codec.size, codec.unpack

    def read(data: bytes) -> Any:
        if len(data) != size:
            raise PrimitiveError(f"Size of data received by {deserializer} is not {size}")
        return unpack(data)[0]

    return read


def _read_string(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _write_string(text: str) -> bytes:
    return text.encode("utf-8", "replace")


READERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "INTEGER": _sized(_INT, "IntegerDeserializer"),
    "BIGINT": _sized(_LONG, "LongDeserializer"),
    "DOUBLE": _sized(_DOUBLE, "Deserializer"),
    "STRING": _read_string,
    "BYTES": bytes,
}
WRITERS: Final[dict[str, Callable[[Any], bytes]]] = {
    "INTEGER": _INT.pack,
    "BIGINT": _LONG.pack,
    "DOUBLE": _DOUBLE.pack,
    "STRING": _write_string,
    "BYTES": bytes,
}
