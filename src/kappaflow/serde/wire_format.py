"""The bytes before a value whose schema is registered: magic 0, the schema's id, for Protobuf the message's path.

Source: Confluent documentation, "Formats, Serializers, and Deserializers", wire format.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from kappaflow.errors import SerializationError

_HEADER = struct.Struct(">bI")
HEADER_BYTES = _HEADER.size


def write_header(schema_id: int) -> bytes:
    """Return the five bytes that name a schema.

    >>> write_header(7).hex()
    '0000000007'
    """
    return _HEADER.pack(0, schema_id)


def read_header(data: bytes) -> int:
    """Return the schema's id.

    Raises:
        SerializationError: the bytes do not start with one.
    """
    if len(data) < HEADER_BYTES:
        raise SerializationError(f"Size of data received is too small for a schema id: {len(data)} bytes")
    magic, schema_id = _HEADER.unpack_from(data)
    if magic != 0:
        raise SerializationError(f"Unknown magic byte! Expected 0, got {magic}")
    return schema_id


def write_message_path(indexes: Sequence[int]) -> bytes:
    """Return the path of a message in its file: positions from the outermost, as zigzag numbers.

    >>> write_message_path([0]), write_message_path([1, 0]).hex()
    (b'\\x00', '040200')
    """
    if list(indexes) == [0]:
        return b"\x00"
    return b"".join(_varint(number << 1) for number in (len(indexes), *indexes))


def read_message_path(data: bytes, position: int) -> tuple[list[int], int]:
    """Return the path of a message and where the message starts.

    Raises:
        SerializationError: the bytes end within it.
    """
    count, position = _read_varint(data, position)
    if count == 0:
        return [0], position
    path: list[int] = []
    for _ in range(count >> 1):
        index, position = _read_varint(data, position)
        path.append(index >> 1)
    return path, position


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise SerializationError("The message indexes of a Protobuf record end too early")
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
