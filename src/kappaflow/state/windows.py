"""Layouts over an ordered store: sessions, records within a join window, and unmatched records.

    session    key | end (8) | start (8)
    join       key | time (8) | arrival (4)
    unmatched  time (8) | side (1) | key | arrival (8), or without arrival and a list of rows

Numbers are big-endian, so that byte order is the order of time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from kappaflow.state.ordered import OrderedStore, Row, Stored

TIME_MAX = 2**63 - 1
ARRIVAL_BYTES = 4


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


class Unmatched(Protocol):
    """Records of outer joins that wait for a partner."""

    def add(self, timestamp: int, side: int, key: bytes, row: Any) -> None:
        """Let a record wait."""
        ...

    def discard(self, timestamp: int, side: int, key: bytes, now: int) -> None:
        """Forget the records of a key at a time; `now` is the time of the change."""
        ...

    def earliest(self) -> int | None:
        """Return the time of the record that waits longest."""
        ...

    def waiting(self) -> Iterator[tuple[tuple[int, int, bytes], Any]]:
        """Yield ((time, side, key), row) in this order, then by arrival; the store may change meanwhile."""
        ...


class SessionStore:
    """Sessions of keys; `get` takes the whole key."""

    def __init__(self, rows: OrderedStore) -> None:
        self.rows = rows

    def get(self, key: bytes) -> Stored | None:
        """Return the state of one session."""
        return self.rows.get(key)

    def sessions(self, key: bytes, earliest_end: int, latest_start: int) -> list[tuple[int, int, Row]]:
        """Return (start, end, state) of the sessions that end at or after, and start at or before, these times."""
        found: list[tuple[int, int, Row]] = []
        low = key + _number(max(0, earliest_end)) + _number(0)
        high = key + _number(TIME_MAX) + _number(TIME_MAX)
        for full, (row, _) in self.rows.range(low, high):
            if len(full) != len(key) + 16:
                continue
            end, start = int.from_bytes(full[-16:-8], "big"), int.from_bytes(full[-8:], "big")
            if start <= latest_start:
                found.append((start, end, row))
        return found

    def put_session(self, key: bytes, start: int, end: int, state: Row | None, timestamp: int) -> None:
        """Set or delete a session."""
        self.rows.put(key + _number(end) + _number(start), state, timestamp)


class _Arrivals:
    """Numbers records as they come, beyond those that are in the store.

    Args:
        size: bytes of a number; the highest bit stays 0.
    """

    def __init__(self, rows: OrderedStore, size: int) -> None:
        self._rows = rows
        self._size = size
        self._last: int | None = None

    def next(self) -> bytes:
        """Return the number of the next record."""
        self._last = (self.last + 1) & ((1 << (8 * self._size - 1)) - 1)
        return self._last.to_bytes(self._size, "big")

    @property
    def last(self) -> int:
        """The number of the last record."""
        if self._last is None:
            numbers = (int.from_bytes(full[-self._size :], "big") for full, _ in self._rows.range())
            self._last = max(numbers, default=0)
        return self._last

    def resume(self, last: int) -> None:
        """Go on behind a number, or behind what the store has."""
        self._last = max(self.last, last)


class JoinWindowStore:
    """Recent records of one side of a join; those beyond the retention are forgotten.

    Attributes:
        observed: the greatest time taken.
    """

    def __init__(self, rows: OrderedStore, retention_ms: int) -> None:
        self.rows = rows
        self.retention_ms = retention_ms
        self.observed = -1
        self._arrivals = _Arrivals(rows, ARRIVAL_BYTES)

    def observe(self, timestamp: int) -> None:
        """Let time pass: records older than the retention are out of reach."""
        self.observed = max(self.observed, timestamp)

    def progress(self) -> dict[str, int]:
        """Return the numbers that a restart must find again beside the rows."""
        return {"time": self.observed, "arrived": self._arrivals.last}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on from what `progress` gave."""
        self.observe(progress.get("time", -1))
        self._arrivals.resume(progress.get("arrived", 0))

    def add(self, key: bytes, timestamp: int, row: Row | None) -> None:
        """Remember a record; one that is already too old is never found, None only takes a number."""
        self.rows.put(key + _number(timestamp) + self._arrivals.next(), row, timestamp)

    def fetch(self, key: bytes, low: int, high: int) -> Iterator[tuple[int, Row]]:
        """Yield (time, row) within [low, high], by time, then arrival."""
        start, end = key + _number(low) + bytes(ARRIVAL_BYTES), key + _number(high) + b"\xff" * ARRIVAL_BYTES
        for full, (row, timestamp) in list(self.rows.range(start, end)):
            if len(full) == len(key) + 8 + ARRIVAL_BYTES and timestamp > self.observed - self.retention_ms:
                yield timestamp, row


class UnmatchedStore:
    """Each record that waits is a row of its own."""

    def __init__(self, rows: OrderedStore) -> None:
        self.rows = rows
        self._arrivals = _Arrivals(rows, 8)

    def add(self, timestamp: int, side: int, key: bytes, row: Row) -> None:
        """Let a record wait."""
        self.rows.put(_number(timestamp) + bytes((side,)) + key + self._arrivals.next(), row, timestamp)

    def _waiting(self, timestamp: int, side: int, key: bytes) -> list[bytes]:
        prefix = _number(timestamp) + bytes((side,)) + key
        found = self.rows.range(prefix + _number(0), prefix + _number(TIME_MAX))
        return [full for full, _ in found if len(full) == len(prefix) + 8]

    def discard(self, timestamp: int, side: int, key: bytes, now: int) -> None:
        """Forget the records of a key at a time: they found a partner, or none can come."""
        for full in self._waiting(timestamp, side, key):
            self.rows.put(full, None, now)

    def earliest(self) -> int | None:
        """Return the time of the record that waits longest."""
        for full, _ in self.rows.range():
            return int.from_bytes(full[:8], "big")
        return None

    def waiting(self) -> Iterator[tuple[tuple[int, int, bytes], Row]]:
        """Yield ((time, side, key), row) in this order, then by arrival; the store may change meanwhile."""
        for full, (row, _) in list(self.rows.range()):
            yield (int.from_bytes(full[:8], "big"), full[8], full[9:-8]), row


class UnmatchedLists:
    """Records of one time, side and key are one row: the side and the list of their values.

    Args:
        rows: a store of objects.
    """

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def add(self, timestamp: int, side: int, key: bytes, row: Any) -> None:
        """Let a record wait, behind others of its time, side and key."""
        full = _number(timestamp) + bytes((side,)) + key
        found = self.rows.get(full)
        before = [] if found is None else found[0][1]
        self.rows.put(full, (side, [*before, row]), timestamp)

    def discard(self, timestamp: int, side: int, key: bytes, now: int) -> None:
        """Forget the records of a key at a time: they found a partner, or none can come."""
        full = _number(timestamp) + bytes((side,)) + key
        if self.rows.get(full) is not None:
            self.rows.put(full, None, now)

    def earliest(self) -> int | None:
        """Return the time of the record that waits longest."""
        for full, _ in self.rows.range():
            return int.from_bytes(full[:8], "big")
        return None

    def waiting(self) -> Iterator[tuple[tuple[int, int, bytes], Any]]:
        """Yield ((time, side, key), value) in this order, then by arrival; the store may change meanwhile."""
        found = self.rows.range()
        for full, ((side, values), _) in found if getattr(self.rows, "sees_no_changes", False) else list(found):
            for value in values:
                yield (int.from_bytes(full[:8], "big"), side, full[9:]), value
