"""Values of keys by the time from which they are valid, over an ordered store.

    latest version     key | ff x 8           ((value,), valid from)
    earlier version    key | valid to (8)     ((value,), valid from)
    deletion           key | its time (8)     ((None,), its time)      only where no version ends there

A version is valid until the next one begins.  Numbers are big-endian, so that the first key behind a time is the
version that ends after it; what ended beyond the retention can be removed by the time in its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from kappaflow.state.objects import ObjectFormat
from kappaflow.state.ordered import OrderedStore

NOT_PUT = -(2**63)
"""What `put` returns for a version that is older than the retention."""
IS_LATEST = -1
"""What `put` returns for a version that no other one ends."""
NO_TIME = -1
_LATEST = b"\xff" * 8


@dataclass(frozen=True, slots=True)
class Version:
    """A value and when it was valid.

    Attributes:
        timestamp: from when on.
        valid_to: until when, exclusive; None is still.
    """

    value: Any
    timestamp: int
    valid_to: int | None


class VersionedStore:
    """Keeps the versions of each key that are not older than a retention; the latest one never expires.

    Args:
        rows: rows are tuples of one column of bytes.
        format: of the values.
        history_ms: how far back versions are kept, behind the greatest time that was put.

    Attributes:
        journal: told key, value and time of each version that is put, also of those that are too old.

    >>> from kappaflow.serde.objects import StringSerde
    >>> from kappaflow.state.memory import MemoryStore
    >>> store = VersionedStore(MemoryStore(), StringSerde(), 60_000)
    >>> store.put(b"k", "new", 20), store.put(b"k", "old", 10)
    (-1, 20)
    >>> store.at(b"k", 15), store.at(b"k", 5)
    (Version(value='old', timestamp=10, valid_to=20), None)
    """

    def __init__(self, rows: OrderedStore, format: ObjectFormat, history_ms: int) -> None:  # noqa: A002
        self.rows: Any = rows
        self.history_ms = history_ms
        self._format = format
        self._observed: int | None = None
        self.journal: Callable[[bytes, bytes | None, int], None] | None = None

    @property
    def observed(self) -> int:
        """The greatest time that was put; -1 before the first."""
        found = self._observed
        if found is None:
            found = self._observed = max((at for _, (_, at) in self.rows.range()), default=NO_TIME)
        return found

    def resume(self, observed: int) -> None:
        """Go on from a greatest time."""
        self._observed = observed

    # ---- the latest versions, as other stores show them ----

    def get(self, key: bytes) -> tuple[Any, int] | None:
        """Return the latest value of a key and its time, or None."""
        found = self.rows.get(key + _LATEST)
        return None if found is None else (self._format.deserialize(found[0][0]), found[1])

    def range(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, tuple[Any, int]]]:
        """Yield the latest values of keys in [low, high) in byte order."""
        for full, (row, at) in self.rows.range(low):
            key = full[:-8]
            if full.endswith(_LATEST) and key >= low and (high is None or key < high):
                yield key, (self._format.deserialize(row[0]), at)

    # ---- versions ----

    def put(self, key: bytes, row: Any, timestamp: int) -> int:
        """Set the value of a key from a time on, until the next version; None deletes.

        Returns:
            When the version ends, `IS_LATEST`, or `NOT_PUT`.
        """
        data = None if row is None else self._format.serialize(row)
        result = self.put_bytes(key, data, timestamp)
        if self.journal is not None:
            self.journal(key, data, timestamp)
        return result

    def put_bytes(self, key: bytes, data: bytes | None, timestamp: int) -> int:
        """Put a serialised value, as a changelog has it."""
        if timestamp < self.observed - self.history_ms:
            return NOT_PUT
        self._observed = max(self.observed, timestamp)
        following = self._first_after(key, timestamp)
        if following is None:
            self._put_latest(key, data, timestamp)
            return IS_LATEST
        full, (value,), began = following
        ends_never = full.endswith(_LATEST)
        if began > timestamp:
            self.rows.put(key + _bytes(began), (data,), timestamp)
            return began
        if began < timestamp:
            self.rows.put(key + _bytes(timestamp), (value,), began)
        if ends_never and data is None and began == timestamp:
            # As in Kafka Streams: a deletion of the same time takes the version away and leaves no trace of its own.
            self.rows.put(full, None, timestamp)
            return IS_LATEST
        if ends_never:
            self._put_latest(key, data, timestamp)
            return IS_LATEST
        self.rows.put(full, (data,), timestamp)
        return int.from_bytes(full[-8:], "big")

    def delete(self, key: bytes, timestamp: int) -> Version | None:
        """Delete a key from a time on, and return what was valid then."""
        before = self.at(key, timestamp)
        return before if self.put(key, None, timestamp) != NOT_PUT else None

    def at(self, key: bytes, timestamp: int) -> Version | None:
        """Return what was valid at a time; beyond the retention only the latest version is known."""
        latest = self.rows.get(key + _LATEST)
        if latest is not None and latest[1] <= timestamp:
            return Version(self._format.deserialize(latest[0][0]), latest[1], None)
        if timestamp < self.observed - self.history_ms:
            return None
        following = self._first_after(key, timestamp) if timestamp >= 0 else None
        if following is None or following[2] > timestamp or following[1][0] is None:
            return None
        full, (value,), began = following
        return Version(self._format.deserialize(value), began, int.from_bytes(full[-8:], "big"))

    def versions(self, key: bytes, earliest: int, latest: int) -> Iterator[Version]:
        """Yield what was valid at some time within [earliest, latest], the oldest first."""
        earliest = max(earliest, self.observed - self.history_ms)
        low = key + _bytes(max(0, earliest + 1))
        for full, ((value,), began) in list(self.rows.range(low, key + _LATEST + b"\x00")):
            if len(full) == len(key) + 8 and began <= latest and value is not None:
                ends = None if full.endswith(_LATEST) else int.from_bytes(full[-8:], "big")
                yield Version(self._format.deserialize(value), began, ends)

    def _put_latest(self, key: bytes, data: bytes | None, timestamp: int) -> None:
        if data is not None:
            self.rows.put(key + _LATEST, (data,), timestamp)
            return
        if self.rows.get(key + _LATEST) is not None:
            self.rows.put(key + _LATEST, None, timestamp)
        marker = key + _bytes(timestamp)
        if self.rows.get(marker) is None:
            self.rows.put(marker, (None,), timestamp)

    def _first_after(self, key: bytes, timestamp: int) -> tuple[bytes, Any, int] | None:
        """Return the first version that ends after a time: its key, row and beginning."""
        for full, (row, began) in self.rows.range(key + _bytes(timestamp + 1), key + _LATEST + b"\x00"):
            if len(full) == len(key) + 8:
                return full, row, began
        return None


def _bytes(time: int) -> bytes:
    return time.to_bytes(8, "big")
