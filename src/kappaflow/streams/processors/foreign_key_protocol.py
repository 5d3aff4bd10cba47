"""What the two sides of a join by foreign key tell each other, as bytes of its internal topics.

    registration  version and "no hash" bit | instruction | [hash, 16 bytes] | primary key | its partition (4)
    response      version and "no hash" bit | [hash, 16 bytes] | value of the other table
    subscription  length of the foreign key (4) | foreign key | primary key       (key of the store)

Source: KIP-213, KIP-775.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.errors import SerializationError
from kappaflow.serde import Serde
from kappaflow.serde.face import ArrowArray, Decoded, Mask
from kappaflow.serde.objects import ObjectSerde
from kappaflow.serde.schema import Column
from kappaflow.serde.shape import Shape
from kappaflow.serde.types import BOOLEAN, BYTES, INTEGER

REGISTRATION_VERSION = 1
RESPONSE_VERSION = 0
NO_HASH = 0x80
HASH_BYTES = 16
HASH_SEED = 104729
_MASK = (1 << 64) - 1
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
_TWO_LONGS = struct.Struct("<QQ")


class Instruction(IntEnum):
    """What the owner of the foreign key is to do with a subscription."""

    DELETE_NO_PROPAGATE = 0
    DELETE_AND_PROPAGATE = 1
    PROPAGATE_NULL_IF_NO_VALUE = 2
    PROPAGATE_ONLY_IF_VALUE = 3


@dataclass(frozen=True, slots=True)
class Registration:
    """Tells the owner of a foreign key that a row refers to it, or no longer does.

    Attributes:
        hash: of the row's value; None where there is none.
        primary_partition: where the answer goes; None chooses by key.
    """

    hash: bytes | None
    instruction: Instruction
    primary_key: Any
    primary_partition: int | None


@dataclass(frozen=True, slots=True)
class Response:
    """The other table's value for a row, as it was when it had this hash."""

    hash: bytes | None
    value: Any
    primary_partition: int | None = None


class RegistrationSerde(ObjectSerde):
    """Writes registrations."""

    name = "subscription registration"

    def __init__(self, primary_key: Serde) -> None:
        super().__init__(_registration_shape(primary_key))
        self._key: Any = primary_key

    def write(self, value: Any) -> bytes:
        """Write a registration."""
        version = REGISTRATION_VERSION if value.primary_partition is not None else 0
        head = bytes((version | (NO_HASH if value.hash is None else 0), value.instruction))
        partition = b"" if version == 0 else struct.pack(">i", value.primary_partition)
        return head + (value.hash or b"") + self._key.serialize(value.primary_key) + partition

    def read(self, data: bytes) -> Registration:
        """Read a registration."""
        version, start = data[0] & 0x7F, 2
        if version > REGISTRATION_VERSION:
            raise SerializationError(f"Subscriptions of version {version} are not known.")
        hashed = None
        if not data[0] & NO_HASH:
            hashed, start = data[2 : 2 + HASH_BYTES], 2 + HASH_BYTES
        end = len(data) if version == 0 else len(data) - 4
        partition = None if version == 0 else struct.unpack_from(">i", data, end)[0]
        return Registration(hashed, Instruction(data[1]), self._key.deserialize(data[start:end]), partition)


class ResponseSerde(ObjectSerde):
    """Writes responses."""

    name = "subscription response"

    def __init__(self, values: Serde) -> None:
        super().__init__(_response_shape(values))
        self._values: Any = values

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read responses: hash, partition (which is not written), whether there is a value, and its columns."""
        parts = [self._split(each) for each in data.cast(pa.binary()).to_pylist()]
        values = self._values.decode(pa.array([value for _, value in parts], pa.binary()))
        count = len(parts)
        there = np.ones(count, np.bool_) if values.valid is None else values.valid
        columns = [
            pa.array([hashed for hashed, _ in parts], pa.binary()),
            pa.nulls(count, pa.int32()),
            pa.array(there),
            *values.columns,
        ]
        return Decoded(columns, None, values.errors, values.messages)

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write responses."""
        del valid
        hashes, _, present, *value = columns
        there = present.to_numpy(zero_copy_only=False)
        data = self._values.encode(value, there, len(there) if length is None else length).to_pylist()
        rows = zip(hashes.to_pylist(), data, there.tolist(), strict=True)
        return pa.array(
            [_response_bytes(hashed, value or b"" if is_ else b"") for hashed, value, is_ in rows], pa.binary()
        )

    @staticmethod
    def _split(data: bytes | None) -> tuple[bytes | None, bytes | None]:
        if not data:
            return None, None
        hashed, start = (None, 1) if data[0] & NO_HASH else (data[1 : 1 + HASH_BYTES], 1 + HASH_BYTES)
        return hashed, data[start:] if len(data) > start else None

    def write(self, value: Any) -> bytes:
        """Write a response."""
        return _response_bytes(value.hash, self._values.serialize(value.value) or b"")

    def read(self, data: bytes) -> Response:
        """Read a response."""
        hashed, start = (None, 1) if data[0] & NO_HASH else (data[1 : 1 + HASH_BYTES], 1 + HASH_BYTES)
        return Response(hashed, self._values.deserialize(data[start:]) if len(data) > start else None)


def _response_bytes(hashed: bytes | None, data: bytes) -> bytes:
    return bytes((RESPONSE_VERSION | (NO_HASH if hashed is None else 0),)) + (hashed or b"") + data


def _registration_shape(primary_key: Any) -> Shape | None:
    """Return the columns of registrations, where the primary key is a plain value."""
    of: Shape | None = getattr(primary_key, "shape", None)
    if of is None or not of.is_whole:
        return None
    types = (BYTES, INTEGER, of.types[0], INTEGER)
    names = ("hash", "instruction", "primary_key", "primary_partition")
    columns = tuple(Column(name, each) for name, each in zip(names, types, strict=True))
    return Shape(columns, "attribute", lambda hashed, code, key, at: Registration(hashed, Instruction(code), key, at))


def _response_shape(values: Any) -> Shape | None:
    """Return the columns of responses, where those of their values are known."""
    of: Shape | None = getattr(values, "shape", None)
    if of is None:
        return None
    head = (Column("hash", BYTES), Column("primary_partition", INTEGER), Column("there", BOOLEAN))
    return Shape((*head, *(Column(f"value.{each.name}", each.type) for each in of.columns)), "attribute")


def subscription_key(foreign: bytes, primary: bytes) -> bytes:
    """Return the key of a subscription in its store."""
    return subscription_prefix(foreign) + primary


def subscription_prefix(foreign: bytes) -> bytes:
    """Return what the keys of all subscriptions to a foreign key begin with."""
    return struct.pack(">i", len(foreign)) + foreign


def primary_key_of(key: bytes) -> bytes:
    """Return the primary key in the key of a subscription."""
    (length,) = struct.unpack_from(">i", key)
    return key[4 + length :]


def _rotl(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _mix(value: int) -> int:
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & _MASK
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & _MASK
    return value ^ (value >> 33)


def murmur3_128(data: bytes) -> bytes:
    """Return the 128-bit hash of bytes: MurmurHash3 x64 with Kafka's seed, as two big-endian numbers.

    >>> murmur3_128(b"").hex()
    '9d2764a018e329428c3cf3b035938518'
    """
    h1 = h2 = HASH_SEED
    blocks = len(data) // 16
    for number in range(blocks):
        k1, k2 = _TWO_LONGS.unpack_from(data, number * 16)
        h1 ^= _rotl(k1 * _C1 & _MASK, 31) * _C2 & _MASK
        h1 = ((_rotl(h1, 27) + h2) * 5 + 0x52DCE729) & _MASK
        h2 ^= _rotl(k2 * _C2 & _MASK, 33) * _C1 & _MASK
        h2 = ((_rotl(h2, 31) + h1) * 5 + 0x38495AB5) & _MASK
    tail = data[blocks * 16 :]
    if len(tail) > 8:
        k2 = int.from_bytes(tail[8:], "little")
        h2 ^= _rotl(k2 * _C2 & _MASK, 33) * _C1 & _MASK
    if tail:
        k1 = int.from_bytes(tail[:8], "little")
        h1 ^= _rotl(k1 * _C1 & _MASK, 31) * _C2 & _MASK
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    h1, h2 = _mix(h1), _mix(h2)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    return struct.pack(">QQ", h1, h2)
