"""Layouts over an ordered store: sessions, records within a join window, and unmatched records.

    session    key | end (8) | start (8)
    join       key | time (8) | arrival (8)
    unmatched  time (8) | side (1) | key | arrival (8)

Numbers are big-endian, so that byte order is the order of time.
"""

from __future__ import annotations

from collections.abc import Iterator

from kappaflow.state.ordered import OrderedStore, Row, Stored

TIME_MAX = 2**63 - 1


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


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

    def put_session(self, key: bytes, start: int, end: int, state: Row | None) -> None:
        """Set or delete a session; its time is its end."""
        self.rows.put(key + _number(end) + _number(start), state, end)


class _Arrivals:
    """Numbers records as they come, beyond those that are in the store."""

    def __init__(self, rows: OrderedStore) -> None:
        self._rows = rows
        self._last: int | None = None

    def next(self) -> int:
        """Return the number of the next record."""
        if self._last is None:
            self._last = max((int.from_bytes(full[-8:], "big") for full, _ in self._rows.range()), default=0)
        self._last += 1
        return self._last


class JoinWindowStore:
    """Recent records of one side of a join; those beyond the retention are forgotten.

    Attributes:
        observed: the greatest time taken.
    """

    def __init__(self, rows: OrderedStore, retention_ms: int) -> None:
        self.rows = rows
        self.retention_ms = retention_ms
        self.observed = -1
        self._arrivals = _Arrivals(rows)

    def observe(self, timestamp: int) -> None:
        """Let time pass: records older than the retention are out of reach."""
        self.observed = max(self.observed, timestamp)

    def add(self, key: bytes, timestamp: int, row: Row) -> None:
        """Remember a record, unless it is already too old."""
        if timestamp <= self.observed - self.retention_ms:
            return
        self.rows.put(key + _number(timestamp) + _number(self._arrivals.next()), row, timestamp)

    def fetch(self, key: bytes, low: int, high: int) -> Iterator[tuple[int, Row]]:
        """Yield (time, row) within [low, high], by time, then arrival."""
        start, end = key + _number(low) + _number(0), key + _number(high) + _number(TIME_MAX)
        for full, (row, timestamp) in list(self.rows.range(start, end)):
            if len(full) == len(key) + 16 and timestamp > self.observed - self.retention_ms:
                yield timestamp, row


class UnmatchedStore:
    """Records of outer joins that wait for a partner."""

    def __init__(self, rows: OrderedStore) -> None:
        self.rows = rows
        self._arrivals = _Arrivals(rows)

    def add(self, timestamp: int, side: int, key: bytes, row: Row) -> None:
        """Let a record wait."""
        arrival = _number(self._arrivals.next())
        self.rows.put(_number(timestamp) + bytes((side,)) + key + arrival, row, timestamp)

    def _waiting(self, timestamp: int, side: int, key: bytes) -> list[bytes]:
        prefix = _number(timestamp) + bytes((side,)) + key
        found = self.rows.range(prefix + _number(0), prefix + _number(TIME_MAX))
        return [full for full, _ in found if len(full) == len(prefix) + 8]

    def discard(self, timestamp: int, side: int, key: bytes) -> None:
        """Forget the records of a key at a time: they found a partner."""
        for full in self._waiting(timestamp, side, key):
            self.rows.put(full, None, timestamp)

    def earliest(self) -> int | None:
        """Return the time of the record that waits longest."""
        for full, _ in self.rows.range():
            return int.from_bytes(full[:8], "big")
        return None

    def waiting(self) -> Iterator[tuple[tuple[int, int, bytes], Row]]:
        """Yield ((time, side, key), row) in this order, then by arrival; the store may change meanwhile."""
        for full, (row, _) in list(self.rows.range()):
            yield (int.from_bytes(full[:8], "big"), full[8], full[9:-8]), row
