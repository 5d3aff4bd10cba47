"""A change that waits in a buffer, as the buffer's store and its changelog keep it.

    record   timestamp (8) | offset (8) | topic | partition (4) | number of headers (4) | (name | value) ..
    change   record | prior value | old value, -2 where it is the prior one | new value | time (8)

Texts and values have their length (4) in front; -1 is none.  Source: version 3 of Kafka Streams' suppression buffer.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from kappaflow.serde import Serde
from kappaflow.serde.objects import ObjectSerde
from kappaflow.streams.record import Headers

CHANGELOG_HEADERS: Headers = (("v", b"\x03"),)
_NONE, _SAME_AS_PRIOR = -1, -2
_INT, _LONG, _PLACE = struct.Struct(">i"), struct.Struct(">q"), struct.Struct(">qq")


@dataclass(slots=True)
class BufferedChange:
    """A change and the record that brought it.

    Attributes:
        time: by which it leaves the buffer.
        new, old: of the change.
        prior: what those downstream know: the value before the first change that waited.
        timestamp, headers, topic, partition, offset: of the record.
        value_bytes: of its values, serialised; 0 before it was written.
    """

    time: int
    new: Any
    old: Any
    prior: Any
    timestamp: int
    headers: Headers = ()
    topic: str = ""
    partition: int = 0
    offset: int = -1
    value_bytes: int = 0


class BufferedChangeSerde(ObjectSerde):
    """Writes buffered changes.

    Args:
        values: the serde of the table's values.
    """

    name = "buffered change"

    def __init__(self, values: Serde) -> None:
        super().__init__()
        self._values: Any = values

    def write(self, value: Any) -> bytes:
        """Write a change."""
        serialize = self._values.serialize
        new, old, prior = serialize(value.new), serialize(value.old), serialize(value.prior)
        out = write_place(value) + _sized(prior)
        out += _INT.pack(_SAME_AS_PRIOR) if old is not None and old == prior else _sized(old)
        return out + _sized(new) + _LONG.pack(value.time)

    def read(self, data: bytes) -> BufferedChange:
        """Read a change."""
        place, at = read_place(data)
        prior, at = _read_sized(data, at)
        if _INT.unpack_from(data, at)[0] == _SAME_AS_PRIOR:
            old, at = prior, at + _INT.size
        else:
            old, at = _read_sized(data, at)
        new, at = _read_sized(data, at)
        size = len(prior or b"") + len(new or b"") + (0 if old == prior else len(old or b""))
        deserialize = self._values.deserialize
        found = (deserialize(new), deserialize(old), deserialize(prior))
        return BufferedChange(_LONG.unpack_from(data, at)[0], *found, *place, size)


def write_place(at: Any) -> bytes:
    """Write where a record stood, its time and its headers."""
    out = _PLACE.pack(at.timestamp, at.offset) + _sized(at.topic.encode())
    out += _INT.pack(at.partition) + _INT.pack(len(at.headers))
    return out + b"".join(_sized(name.encode()) + _sized(value) for name, value in at.headers)


def read_place(data: bytes) -> tuple[tuple[int, Headers, str, int, int], int]:
    """Read timestamp, headers, topic, partition and offset, and return them with the position behind them."""
    timestamp, offset = _PLACE.unpack_from(data)
    topic, at = _read_sized(data, _PLACE.size)
    partition, count = _INT.unpack_from(data, at)[0], _INT.unpack_from(data, at + 4)[0]
    at += 8
    headers: list[tuple[str, bytes | None]] = []
    for _ in range(max(0, count)):
        name, at = _read_sized(data, at)
        value, at = _read_sized(data, at)
        headers.append(((name or b"").decode(), value))
    return (timestamp, tuple(headers), (topic or b"").decode(), partition, offset), at


def _sized(data: bytes | None) -> bytes:
    return _INT.pack(_NONE) if data is None else _INT.pack(len(data)) + data


def _read_sized(data: bytes, at: int) -> tuple[bytes | None, int]:
    (length,) = _INT.unpack_from(data, at)
    at += _INT.size
    return (None, at) if length < 0 else (data[at : at + length], at + length)
