"""Stores of windows and of sessions as processors see them, and how they are defined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.serde.schema import WindowInfo, WindowType
from kappaflow.state import OrderedStore, SessionStore
from kappaflow.streams.dsl.stores import StoreDefinition, now_of
from kappaflow.streams.dsl.windows import Span, milliseconds
from kappaflow.streams.processors.base import NO_TIME, TaskContext
from kappaflow.streams.processors.keys import KeyReader, KeyWriter
from kappaflow.streams.record import Windowed
from kappaflow.streams.topology.nodes import StoreSpec

_FOREVER = 2**63 - 1


def window_store(
    name: str,
    retention_ms: Span,
    window_size_ms: Span,
    *,
    key_serde: Serde | None = None,
    value_serde: Serde | None = None,
    logging: bool = True,
    changelog_config: Mapping[str, str] | None = None,
    in_memory: bool = False,
) -> StoreDefinition:
    """A store of values by key and window for processors.

    Args:
        retention_ms: how long windows are kept, and taken, behind the newest one that was put; milliseconds, or a
            timedelta.
        window_size_ms: how long a window is, likewise.
    """
    size_ms, kept_ms = milliseconds(window_size_ms, "size of a window", 1), milliseconds(retention_ms, "retention")
    if kept_ms < size_ms:
        raise UsageError(
            f"Store {name} keeps windows of {size_ms} ms for {kept_ms} ms: keep them for their size at least."
        )
    return StoreDefinition(
        name,
        key_serde,
        value_serde,
        WindowInfo(WindowType.TUMBLING, size_ms),
        kept_ms,
        logging,
        changelog_config=changelog_config or {},
        in_memory=in_memory,
    )


def session_store(
    name: str,
    retention_ms: Span,
    *,
    key_serde: Serde | None = None,
    value_serde: Serde | None = None,
    logging: bool = True,
    changelog_config: Mapping[str, str] | None = None,
    in_memory: bool = False,
) -> StoreDefinition:
    """A store of values by key and session for processors.

    Args:
        retention_ms: how long sessions are kept, and taken, behind the newest end that was put; milliseconds, or a
            timedelta.
    """
    info = WindowInfo(WindowType.SESSION)
    return StoreDefinition(
        name,
        key_serde,
        value_serde,
        info,
        milliseconds(retention_ms, "retention"),
        logging,
        changelog_config=changelog_config or {},
        in_memory=in_memory,
    )


class _Aging:
    """Knows which windows are too old; what is kept longer is not shown."""

    def __init__(self, store: OrderedStore, spec: StoreSpec, context: TaskContext, time_at: int) -> None:
        self._rows, self._time_at = store, time_at
        self._name, self._times = spec.name, context.newest
        self._retention = _FOREVER if spec.retention_ms is None else spec.retention_ms

    def take(self, time: int) -> None:
        """Let time go on."""
        self._times[self._name] = max(self.newest, time)

    @property
    def newest(self) -> int:
        """The greatest time that was put, or that is there where nothing was put yet."""
        if self._name in self._times:
            return self._times[self._name]
        at = self._time_at
        times = (int.from_bytes(key[len(key) - at : len(key) - at + 8], "big") for key, _ in self._rows.range())
        return max(times, default=NO_TIME)

    @property
    def oldest(self) -> int:
        """The first time that is shown."""
        return max(0, self.newest - self._retention + 1)


class WindowStore:
    """Values of keys and windows as a processor sees them; what is read is a copy, nothing has to be closed."""

    def __init__(self, store: OrderedStore, spec: StoreSpec, context: TaskContext) -> None:
        self._store: Any = store
        self._context = context
        self._write = KeyWriter(spec.key_serde)
        self._read = KeyReader(spec.key_serde)
        self._size = 0 if spec.window is None else spec.window.size_ms or 0
        self._aging = _Aging(store, spec, context, 8)
        self._in_memory = spec.in_memory

    def put(self, key: Any, value: Any, start: int, timestamp: int | None = None) -> None:
        """Set the value of the window that begins at a time; None deletes it, and what is too old is never found.

        Args:
            timestamp: of the value; None is that of the record, or call, that is processed.
        """
        self._aging.take(start)
        at = now_of(self._context) if timestamp is None else timestamp
        self._store.put(self._write(Windowed(key, start, start + self._size)), value, at)

    def fetch(self, key: Any, start: int, latest: int | None = None) -> Any:
        """Return the value of one window, or None; with `latest` those of all from `start` on: see `fetch_range`."""
        if latest is not None:
            return self.fetch_range(key, start, latest)
        found = self._store.get(self._write(Windowed(key, start, start + self._size)))
        return None if found is None or start < self._aging.oldest else found[0]

    def fetch_range(self, key: Any, earliest: int, latest: int, *, backward: bool = False) -> Iterator[tuple[int, Any]]:
        """Yield start and value of the windows of a key that begin within [earliest, latest], ascending.

        Args:
            backward: descending instead.
        """
        earliest = max(earliest, self._aging.oldest)
        if latest < earliest:
            return
        low = self._write(Windowed(key, earliest, 0))
        high = self._write(Windowed(key, latest, 0)) + b"\x00"
        found = [(full, value) for full, (value, _) in self._store.range(low, high) if len(full) == len(low)]
        for full, value in reversed(found) if backward else found:
            yield int.from_bytes(full[-8:], "big"), value

    def fetch_keys(
        self, low: Any, high: Any, earliest: int, latest: int, *, backward: bool = False
    ) -> Iterator[tuple[Windowed, Any]]:
        """Yield the windows of the keys from `low` to `high` that begin within [earliest, latest], and their values.

        Args:
            low, high: both included, in the order of key bytes; None is no bound.
        """
        inner = lambda key: self._write(Windowed(key, 0, 0))[:-8]  # noqa: E731
        first, last = None if low is None else inner(low), None if high is None else inner(high)
        for full, value in self._shown(backward=backward):
            key, start = full[:-8], int.from_bytes(full[-8:], "big")
            if earliest <= start <= latest and (first is None or first <= key) and (last is None or key <= last):
                yield self._read(full), value

    def fetch_all(self, earliest: int, latest: int, *, backward: bool = False) -> Iterator[tuple[Windowed, Any]]:
        """Yield the windows of all keys that begin within [earliest, latest], and their values."""
        return self.fetch_keys(None, None, earliest, latest, backward=backward)

    def all(self, *, backward: bool = False) -> Iterator[tuple[Windowed, Any]]:
        """Yield all windows and their values, by key, then start, or backwards; those in memory by start, then key."""
        return self.fetch_keys(None, None, 0, _FOREVER, backward=backward)

    def _shown(self, *, backward: bool) -> Iterator[tuple[bytes, Any]]:
        """Yield what is not too old, a copy."""
        oldest = self._aging.oldest
        found = [
            (full, value) for full, (value, _) in self._store.range() if int.from_bytes(full[-8:], "big") >= oldest
        ]
        if self._in_memory:  # as Kafka Streams keeps them there
            found.sort(key=lambda row: (row[0][-8:], row[0][:-8]))
        return reversed(found) if backward else iter(found)


class SessionStoreView:
    """Values of keys and sessions as a processor sees them; sessions are `Windowed` keys."""

    def __init__(self, store: OrderedStore, spec: StoreSpec, context: TaskContext) -> None:
        self._sessions = SessionStore(store)
        self._context = context
        self._write = KeyWriter(spec.key_serde)
        self._read = KeyReader(spec.key_serde)
        self._aging = _Aging(store, spec, context, 16)
        self._in_memory = spec.in_memory

    def _inner(self, key: Any) -> bytes:
        return self._write(Windowed(key, 0, 0))[:-16]

    def put(self, session: Windowed, value: Any) -> None:
        """Set the value of a session; None deletes it, and what is too old is never found."""
        self._aging.take(session.end)
        self._sessions.put_session(self._inner(session.key), session.start, session.end, value, now_of(self._context))

    def remove(self, session: Windowed) -> None:
        """Delete a session."""
        self.put(session, None)

    def fetch_session(self, key: Any, start: int, end: int) -> Any:
        """Return the value of one session, or None."""
        found: Any = self._sessions.get(self._write(Windowed(key, start, end)))
        return None if found is None or end < self._aging.oldest else found[0]

    def find_sessions(
        self, key: Any, earliest_end: int, latest_start: int, *, backward: bool = False
    ) -> Iterator[tuple[Windowed, Any]]:
        """Yield the sessions of a key that end at or after, and begin at or before, these times, by their ends.

        Args:
            backward: the last end first.
        """
        earliest = max(earliest_end, self._aging.oldest)
        found = self._sessions.sessions(self._inner(key), earliest, latest_start)
        for start, end, value in reversed(found) if backward else found:
            yield Windowed(key, start, end), value

    def find_sessions_of_keys(
        self, low: Any, high: Any, earliest_end: int, latest_start: int, *, backward: bool = False
    ) -> Iterator[tuple[Windowed, Any]]:
        """Yield the sessions of keys from `low` to `high` that end at or after, and begin at or before, these times.

        Args:
            low, high: both included, in the order of key bytes; None is no bound.
        """
        first, last = None if low is None else self._inner(low), None if high is None else self._inner(high)
        for full, session, value in self._shown(backward=backward):
            key = full[:-16]
            overlaps = session.end >= earliest_end and session.start <= latest_start
            if overlaps and (first is None or first <= key) and (last is None or key <= last):
                yield session, value

    def fetch(self, key: Any, *, backward: bool = False) -> Iterator[tuple[Windowed, Any]]:
        """Yield all sessions of a key, by their ends."""
        return self.find_sessions(key, 0, _FOREVER, backward=backward)

    def all(self, *, backward: bool = False) -> Iterator[tuple[Windowed, Any]]:
        """Yield all sessions and their values, by key, then end, or backwards; those in memory by end, then key."""
        return self.find_sessions_of_keys(None, None, 0, _FOREVER, backward=backward)

    def _shown(self, *, backward: bool) -> Iterator[tuple[bytes, Windowed, Any]]:
        """Yield what is not too old, a copy."""
        oldest = self._aging.oldest
        found = [(full, self._read(full), value) for full, (value, _) in self._sessions.rows.range()]
        shown = [each for each in found if each[1].end >= oldest]
        if self._in_memory:
            shown.sort(key=lambda row: (row[1].end, row[0][:-16], row[1].start))
        return reversed(shown) if backward else iter(shown)
