"""A change that waits in a buffer, as the buffer's store keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from kappaflow.serde import Serde
from kappaflow.serde.objects import ObjectSerde
from kappaflow.streams.record import Headers


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
        return msgspec.msgpack.encode(
            (
                value.time,
                serialize(value.new),
                serialize(value.old),
                serialize(value.prior),
                value.timestamp,
                value.headers,
                value.topic,
                value.partition,
                value.offset,
            )
        )

    def read(self, data: bytes) -> BufferedChange:
        """Read a change."""
        time, new, old, prior, timestamp, headers, topic, partition, offset = msgspec.msgpack.decode(data)
        deserialize = self._values.deserialize
        size = len(prior or b"") + len(new or b"") + (0 if old == prior else len(old or b""))
        listed = tuple((name, None if value is None else bytes(value)) for name, value in headers)
        return BufferedChange(
            time,
            deserialize(new),
            deserialize(old),
            deserialize(prior),
            timestamp,
            listed,
            topic,
            partition,
            offset,
            size,
        )
