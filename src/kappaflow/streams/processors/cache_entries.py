"""What a record cache holds, by how long ago it was used and how much room it takes, as Kafka Streams counts it.

    read, put ─▶ the newest ... the oldest ─▶ over the budget: out, and what is not forwarded yet is

All caches of a thread share a budget; a cache that takes more makes room among its own entries alone.
Source: ``ThreadCache``, ``NamedCache``, ``LRUCacheEntry`` and ``ProcessorRecordContext`` of Apache Kafka 4.3
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kappaflow.serde.schema import WindowType
from kappaflow.state import OrderedStore, Row, Stored
from kappaflow.streams.record import Headers, Record
from kappaflow.streams.topology.nodes import StoreSpec

NODE_BYTES = 3 * 8 + 1
"""Of an entry beside its key: three references, and whether it was forwarded."""
CONTEXT_BYTES = 8 + 8 + 4
"""Of the time, offset and partition of its record."""
TIME_BYTES = 8
SEGMENT_BYTES = 8
SEQUENCE_BYTES = 4
PASSED_MAX = 1_000
"""A scan that passes more entries, of all keys, counts none of them as used."""


@dataclass(slots=True)
class CacheBudget:
    """What all caches of a thread may take.

    Attributes:
        max_bytes: more is made room for.
        used_bytes: as of the last change that is complete.
    """

    max_bytes: int
    used_bytes: int = 0


class CacheEntries:
    """The entries of one cache.

    Args:
        spec: of its store.
        budget: shared with other caches.
        leaves: told the key of an entry that has to go.

    Attributes:
        left_under_scans: how many had to go while a scan that had not come to them yet was under way.
    """

    def __init__(self, spec: StoreSpec, budget: CacheBudget, leaves: Callable[[bytes], None]) -> None:
        self._budget = budget
        self._leaves = leaves
        self.left_under_scans = 0
        self._sizes: dict[bytes, int] = {}  # the oldest first
        self._bytes = 0
        self._put: dict[bytes, int] = {}
        self._is_passed = False
        self._sorted: list[bytes] | None = None
        is_session = spec.window is not None and spec.window.type is WindowType.SESSION
        self._is_windowed = spec.window is not None
        self._is_by_time = spec.window is not None and spec.in_memory
        self._time_at = slice(-16, -8) if is_session else slice(-8, None)
        self._time_bytes = 0 if is_session else TIME_BYTES
        self._key_bytes = NODE_BYTES + CONTEXT_BYTES
        if spec.window is not None:
            self._key_bytes += SEGMENT_BYTES + (0 if is_session else SEQUENCE_BYTES)

    def __contains__(self, key: bytes) -> bool:
        return key in self._sizes

    def read(self, key: bytes, stored: Stored | None) -> None:
        """A row was looked up; caches of windows keep nothing that was only read."""
        if self._is_passed:
            return
        if key in self._sizes:
            self.touch(key)
        elif stored is not None and not self._is_windowed:
            self._set(key, len(key) + self._key_bytes + self._value_bytes(stored[0]))
            self._make_room()

    @contextmanager
    def passed(self) -> Generator[None]:
        """Look rows up without the cache noticing it, as what is below a cache does."""
        self._is_passed = True
        try:
            yield
        finally:
            self._is_passed = False

    def between(self, low: bytes, high: bytes) -> list[bytes]:
        """Return the keys in [low, high] in the order of a scan, those of deleted rows among them.

        That is byte order; in a store of windows in memory, whose segments are a millisecond long, first that of times.
        """
        if self._sorted is None:
            self._sorted = sorted(map(self._placed, self._sizes))
        begin = bisect_left(self._sorted, self._placed(low))
        end = bisect_right(self._sorted, self._placed(high))
        if not self._is_by_time:
            return self._sorted[begin:end]
        return [key[TIME_BYTES:] for key in self._sorted[begin:end]] if end - begin <= PASSED_MAX else []

    def _placed(self, key: bytes) -> bytes:
        return key[self._time_at] + key if self._is_by_time else key

    def touch(self, key: bytes) -> None:
        """A scan has come to a key: its entry, if there is one, is the newest now."""
        size = self._sizes.pop(key, None)
        if size is not None:
            self._sizes[key] = size

    def written(self, key: bytes, row: Row | None) -> None:
        """A row was put; `put` follows."""
        self._put[key] = self._value_bytes(row)

    def put(self, key: bytes, source: Record | None, headers: Headers) -> None:
        """Take what was written, by a record that the task has taken and that has these headers by now."""
        size = len(key) + self._key_bytes + self._put.pop(key, 0)
        if source is not None:
            size += len(source.topic or "")
        size += sum(len(name) + len(value or b"") for name, value in headers)
        self._set(key, size)
        self._make_room()

    def forget(self, key: bytes) -> None:
        """Take an entry out that was deleted below."""
        size = self._sizes.pop(key, None)
        if size is None:
            return
        self._bytes -= size
        if self._sorted is not None:
            del self._sorted[bisect_left(self._sorted, self._placed(key))]

    def settle(self, before: int) -> None:
        """Count what has changed since there were so many bytes."""
        self._budget.used_bytes += self._bytes - before

    @property
    def size_bytes(self) -> int:
        """What the entries take."""
        return self._bytes

    def _value_bytes(self, row: Row | None) -> int:
        if row is None or row[0] is None:
            return 0
        return self._time_bytes + len(row[0])

    def _set(self, key: bytes, size: int) -> None:
        before = self._bytes
        old = self._sizes.pop(key, None)
        if old is None and self._sorted is not None:
            insort(self._sorted, self._placed(key))
        self._bytes += size - (old or 0)
        self._sizes[key] = size
        self.settle(before)

    def _make_room(self) -> None:
        while self._budget.used_bytes > self._budget.max_bytes and self._sizes:
            before = self._bytes
            oldest = next(iter(self._sizes))
            self.forget(oldest)
            self._leaves(oldest)
            self.settle(before)


class CachedRows:
    """Rows below a cache, which is told what is read and put."""

    def __init__(self, rows: OrderedStore, entries: Callable[[], CacheEntries | None]) -> None:
        self._rows: Any = rows
        self._entries = entries

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    def get(self, key: bytes) -> Stored | None:
        """Return the row of a key and its timestamp, or None."""
        stored = self._rows.get(key)
        if (entries := self._entries()) is not None:
            entries.read(key, stored)
        return stored

    def put(self, key: bytes, row: Row | None, timestamp: int) -> None:
        """Set the row of a key; None deletes it."""
        self._rows.put(key, row, timestamp)
        if (entries := self._entries()) is not None:
            entries.written(key, row)
