"""A store that keeps the keys that were used last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from kappaflow.state.ordered import OrderedStore, Row, Stored


class AgedStore(OrderedStore, Protocol):
    """A store that knows which of its keys were written last."""

    def by_age(self) -> Iterator[bytes]:
        """Yield keys in the order in which they were written last."""
        ...


class LruStore:
    """Rows of which those not used for longest are deleted; reading a row uses it, scans do not.

    Args:
        rows: what is kept; uses before this store was opened are not known, but the order of writes is.
        limit: how many keys are kept.
        now: the time of a deletion.

    >>> from kappaflow.state import MemoryStore
    >>> store = LruStore(MemoryStore(), 2, lambda: 5)
    >>> for key in (b"a", b"b"):
    ...     store.put(key, (key,), 1)
    >>> _ = store.get(b"a")
    >>> store.put(b"c", (b"c",), 2)
    >>> [key for key, _ in store.range()]
    [b'a', b'c']
    """

    def __init__(self, rows: AgedStore, limit: int, now: Callable[[], int]) -> None:
        self.rows = rows
        self._limit = limit
        self._now = now
        self._used = dict[bytes, None].fromkeys(rows.by_age())

    def get(self, key: bytes) -> Stored | None:
        """Return the row of a key and its timestamp, or None."""
        if key in self._used:
            self._use(key)
        return self.rows.get(key)

    def put(self, key: bytes, row: Row | None, timestamp: int) -> None:
        """Set the row of a key; None deletes it.  Keys beyond the limit are deleted before."""
        if row is None:
            self._used.pop(key, None)
        else:
            self._use(key)
        while len(self._used) > self._limit:
            oldest = next(iter(self._used))
            del self._used[oldest]
            self.rows.put(oldest, None, self._now())
        self.rows.put(key, row, timestamp)

    def range(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, Stored]]:
        """Yield keys in [low, high) in byte order."""
        return self.rows.range(low, high)

    def _use(self, key: bytes) -> None:
        self._used.pop(key, None)
        self._used[key] = None
