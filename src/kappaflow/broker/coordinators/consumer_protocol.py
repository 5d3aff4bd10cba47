"""What consumers of the classic protocol put into JoinGroup and SyncGroup.

Source: Kafka's ConsumerProtocolSubscription and ConsumerProtocolAssignment, versions 0 to 3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PROTOCOL_TYPE = "consumer"
_NO_USER_DATA = -1


class MalformedProtocol(Exception):
    """The bytes are of another form."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a member subscribes to.

    Attributes:
        version: the version of the form.
        topics: names.
        owned: the partitions that it has, by topic.
        rack_id: where it runs.
    """

    version: int
    topics: tuple[str, ...]
    owned: Mapping[str, frozenset[int]]
    rack_id: str | None


@dataclass(frozen=True, slots=True)
class AssignedPartitions:
    """What a member was assigned.

    Attributes:
        partitions: by topic.
        user_data: what the assignor added.
    """

    partitions: Mapping[str, frozenset[int]]
    user_data: bytes


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return value

    def bytes_of(self, length: int) -> bytes:
        if length < 0:
            return b""
        end = self._at + length
        if end > len(self._data):
            raise struct.error("ends early")
        value, self._at = self._data[self._at : end], end
        return value

    def text(self) -> str:
        return self.bytes_of(self.number(">h")).decode()

    def texts(self) -> tuple[str, ...]:
        return tuple(self.text() for _ in range(self.number(">i")))

    def partitions(self) -> dict[str, frozenset[int]]:
        held: dict[str, frozenset[int]] = {}
        for _ in range(self.number(">i")):
            topic = self.text()
            held[topic] = frozenset(self.number(">i") for _ in range(self.number(">i")))
        return held


def read_subscription(data: bytes) -> Subscription:
    """Read the metadata of a protocol in JoinGroup.

    Raises:
        MalformedProtocol: it is of another form.
    """
    try:
        reader = _Reader(data)
        version = reader.number(">h")
        topics = reader.texts()
        reader.bytes_of(reader.number(">i"))
        owned = reader.partitions() if version >= 1 else {}
        if version >= 2:
            reader.number(">i")
        rack_id = reader.text() if version >= 3 else ""
    except (struct.error, UnicodeDecodeError) as error:
        raise MalformedProtocol(f"not a subscription of a consumer: {error}") from error
    return Subscription(version, topics, owned, rack_id or None)


def read_assignment(data: bytes) -> AssignedPartitions:
    """Read the assignment of a member in SyncGroup.

    Raises:
        MalformedProtocol: it is of another form.
    """
    try:
        reader = _Reader(data)
        reader.number(">h")
        partitions = reader.partitions()
        user_data = reader.bytes_of(reader.number(">i"))
    except (struct.error, UnicodeDecodeError) as error:
        raise MalformedProtocol(f"not an assignment of a consumer: {error}") from error
    return AssignedPartitions(partitions, user_data)


def write_assignment(version: int, partitions: Iterable[tuple[str, Iterable[int]]]) -> bytes:
    """Write the assignment of a member.

    Args:
        version: that of the member's subscription.
        partitions: by topic.
    """
    rows = [(topic.encode(), sorted(numbers)) for topic, numbers in partitions]
    out = bytearray(struct.pack(">hi", version, len(rows)))
    for topic, numbers in rows:
        out += struct.pack(">h", len(topic)) + topic
        out += struct.pack(f">i{len(numbers)}i", len(numbers), *numbers)
    return bytes(out + struct.pack(">i", _NO_USER_DATA))
