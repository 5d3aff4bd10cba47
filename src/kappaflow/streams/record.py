"""One record in row form, as every operator's row form sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

Headers = tuple[tuple[str, bytes | None], ...]


class Windowed(NamedTuple):
    """A key within a window.

    Attributes:
        key: the inner key.
        start: window start, inclusive, milliseconds since the epoch.
        end: window end; exclusive for time windows, inclusive for session windows.
    """

    key: Any
    start: int
    end: int


class Change(NamedTuple):
    """The value of a table record: what a key became, and what it was.

    `old` is only meaningful where the downstream asked for old values.
    """

    new: Any
    old: Any = None
    is_latest: bool = True


@dataclass(slots=True)
class Record:
    """A record between operators.

    Attributes:
        key: None, a tuple of key columns (SQL), any object (DSL), or `Windowed`.
        value: None, a tuple of value columns (SQL), any object (DSL); `Change` on table edges.
        timestamp: event time in milliseconds since the epoch.
        headers: header names and values in order.
        topic, partition, offset: where the source record stood; offset -1 when made by an operator.
    """

    key: Any
    value: Any
    timestamp: int
    headers: Headers = ()
    topic: str = ""
    partition: int = 0
    offset: int = -1

    def with_value(self, value: Any) -> Record:
        """Return a copy with another value."""
        return Record(self.key, value, self.timestamp, self.headers, self.topic, self.partition, self.offset)

    def with_timestamp(self, timestamp: int) -> Record:
        """Return a copy with another time."""
        return Record(self.key, self.value, timestamp, self.headers, self.topic, self.partition, self.offset)

    def with_headers(self, headers: Headers) -> Record:
        """Return a copy with other headers."""
        return Record(self.key, self.value, self.timestamp, headers, self.topic, self.partition, self.offset)

    def with_key(self, key: Any) -> Record:
        """Return a copy with another key."""
        return Record(key, self.value, self.timestamp, self.headers, self.topic, self.partition, self.offset)
