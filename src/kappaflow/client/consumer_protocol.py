"""What members of a consumer group tell each other: subscriptions and assignments, in Kafka's own format.

Kafka's tools read both, so a group of ours can be looked at like any other.

Source: ConsumerProtocolSubscription and ConsumerProtocolAssignment of Apache Kafka; KIP-429.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct, error
from typing import NamedTuple

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import SerializationError

SUBSCRIPTION_VERSION = 1
ASSIGNMENT_VERSION = 0
_SHORT = Struct(">h")
_INT = Struct(">i")


class Subscription(NamedTuple):
    """What a member wants and has.

    Attributes:
        topics: what it reads.
        user_data: the assignor's own, such as tasks and lags.
        owned: the partitions that it had before.
    """

    topics: tuple[str, ...]
    user_data: bytes = b""
    owned: tuple[TopicPartition, ...] = ()


class Assignment(NamedTuple):
    """What a member gets: its partitions, and the assignor's own data."""

    partitions: tuple[TopicPartition, ...]
    user_data: bytes = b""


def encode_subscription(subscription: Subscription) -> bytes:
    """The metadata of a member, for JoinGroup."""
    out = bytearray(_SHORT.pack(SUBSCRIPTION_VERSION))
    out += _INT.pack(len(subscription.topics))
    for topic in subscription.topics:
        _put_string(out, topic)
    _put_bytes(out, subscription.user_data)
    _put_partitions(out, subscription.owned)
    return bytes(out)


def decode_subscription(data: bytes) -> Subscription:
    """Read a member's metadata; versions newer than ours are read as far as we know them.

    Raises:
        SerializationError: the bytes are no subscription.
    """
    try:
        version, at = _SHORT.unpack_from(data, 0)[0], 2
        count, at = _get_int(data, at)
        topics: list[str] = []
        for _ in range(count):
            topic, at = _get_string(data, at)
            topics.append(topic)
        user_data, at = _get_bytes(data, at)
        owned: list[TopicPartition] = []
        if version >= 1:
            owned, at = _get_partitions(data, at)
    except (error, UnicodeDecodeError) as problem:
        raise SerializationError(f"a group member's subscription cannot be read: {problem}") from problem
    return Subscription(tuple(topics), user_data, tuple(owned))


def encode_assignment(assignment: Assignment) -> bytes:
    """What the leader sends to a member, in SyncGroup."""
    out = bytearray(_SHORT.pack(ASSIGNMENT_VERSION))
    _put_partitions(out, assignment.partitions)
    _put_bytes(out, assignment.user_data)
    return bytes(out)


def decode_assignment(data: bytes) -> Assignment:
    """Read an assignment; no bytes at all are an empty one.

    Raises:
        SerializationError: the bytes are no assignment.
    """
    if not data:
        return Assignment(())
    try:
        partitions, at = _get_partitions(data, 2)
        user_data, _ = _get_bytes(data, at)
    except (error, UnicodeDecodeError) as problem:
        raise SerializationError(f"a group assignment cannot be read: {problem}") from problem
    return Assignment(tuple(partitions), user_data)


def by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    """Partition numbers of each topic, in order."""
    grouped: dict[str, list[int]] = {}
    for topic, partition in sorted(partitions):
        grouped.setdefault(topic, []).append(partition)
    return grouped


def _put_string(out: bytearray, text: str) -> None:
    data = text.encode()
    out += _SHORT.pack(len(data)) + data


def _put_bytes(out: bytearray, data: bytes) -> None:
    out += _INT.pack(len(data)) + data if data else _INT.pack(-1)


def _put_partitions(out: bytearray, partitions: Sequence[TopicPartition]) -> None:
    grouped = by_topic(partitions)
    out += _INT.pack(len(grouped))
    for topic, numbers in grouped.items():
        _put_string(out, topic)
        out += _INT.pack(len(numbers))
        for number in numbers:
            out += _INT.pack(number)


def _get_int(data: bytes, at: int) -> tuple[int, int]:
    return _INT.unpack_from(data, at)[0], at + 4


def _get_string(data: bytes, at: int) -> tuple[str, int]:
    end = at + 2 + _SHORT.unpack_from(data, at)[0]
    if end > len(data):
        raise error(f"a text ends {end - len(data)} bytes behind the end")
    return data[at + 2 : end].decode(), end


def _get_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = _get_int(data, at)
    end = at + max(length, 0)
    if end > len(data):
        raise error(f"a field ends {end - len(data)} bytes behind the end")
    return data[at:end], end


def _get_partitions(data: bytes, at: int) -> tuple[list[TopicPartition], int]:
    count, at = _get_int(data, at)
    partitions: list[TopicPartition] = []
    for _ in range(count):
        topic, at = _get_string(data, at)
        numbers, at = _get_int(data, at)
        for _ in range(numbers):
            number, at = _get_int(data, at)
            partitions.append(TopicPartition(topic, number))
    return partitions, at
