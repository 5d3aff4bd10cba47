"""Answers of a broker as plain data: ids as names of ours, no texts and times, lists in one order."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from kappaflow.broker.coordinators.consumer_protocol import MalformedProtocol, read_assignment, read_subscription
from kappaflow.wire.message import ZERO_UUID, Message

_MADE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What a broker adds to the ids that it makes."""
LEFT_OUT = frozenset({"error_message", "throttle_time_ms"})


class Names:
    """Which id stands for what.

    Args:
        prefix: what the names on the broker begin with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix}-"
        self._topics: dict[UUID, str] = {}
        self._ids: dict[str, UUID] = {}
        self._members: dict[str, str] = {}

    def learn_topic(self, topic_id: UUID, topic: str) -> None:
        """A topic got an id; each further one of a name counts up."""
        earlier = sum(name.split("#")[0] == topic for name in self._topics.values())
        self._topics[topic_id] = topic if not earlier else f"{topic}#{earlier}"
        self._ids[self._topics[topic_id]] = topic_id

    def learn_member(self, member_id: str, member: str) -> None:
        """A member got an id."""
        self._members[member_id] = member

    def topic_of(self, topic_id: UUID) -> str:
        """The topic of an id."""
        return self._topics.get(topic_id, str(topic_id))

    def id_of(self, topic: str) -> UUID:
        """The last id that a topic had."""
        return self._ids[topic]

    def bare(self, name: str) -> str:
        """A name without its prefix."""
        return name.removeprefix(self._prefix)

    def of(self, text: str) -> str:
        """The name that a text stands for."""
        if text in self._members:
            return self._members[text]
        return _MADE.sub("?", text.replace(self._prefix, ""))


def translated(value: Any, names: Names, field: str = "") -> Any:
    """An answer, or a part of it, as plain data."""
    match value:
        case Message():
            return {
                name: translated(inner, names, name)
                for name, inner in sorted(vars(value).items())
                if name not in LEFT_OUT
            }
        case list() | tuple():
            return sorted((translated(each, names, field) for each in value), key=str)
        case str():
            return names.of(value)
        case UUID():
            return "no id" if value == ZERO_UUID else names.topic_of(value)
        case bytes() | bytearray() | memoryview():
            return _contents(bytes(value), names, field)
        case _:
            return value


def _contents(data: bytes, names: Names, field: str) -> Any:
    """What consumers put into the bytes of the classic protocol."""
    if not data:
        return None
    try:
        if "assignment" in field:
            parts = read_assignment(data).partitions
            return {names.bare(topic): sorted(numbers) for topic, numbers in sorted(parts.items())}
        subscription = read_subscription(data)
    except MalformedProtocol:
        return data.hex()
    owned = {names.bare(topic): sorted(numbers) for topic, numbers in sorted(subscription.owned.items())}
    return [sorted(names.bare(topic) for topic in subscription.topics), owned]
