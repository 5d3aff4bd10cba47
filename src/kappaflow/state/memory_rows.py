"""Committed rows of a store that is kept in memory alone: what RocksDB is to others, while a process runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import overload

from sortedcontainers import SortedSet


class MemoryRows:
    """Packed rows by key, with the part of RocksDB's interface that stores use.

    >>> rows = MemoryRows()
    >>> rows.write([(b"b", b"2"), (b"a", b"1"), (b"b", b"3")])
    >>> list(rows.items(b"a")), list(rows.by_age())
    ([(b'a', b'1'), (b'b', b'3')], [b'a', b'b'])

    Attributes:
        is_current: they have everything that a task's positions say; false until a restore has come to its end.
    """

    def __init__(self) -> None:
        self.is_current = False
        self._rows: dict[bytes, bytes] = {}
        self._keys: SortedSet | None = None  # once something asked for their order

    @overload
    def get(self, key: bytes) -> bytes | None: ...
    @overload
    def get(self, key: list[bytes]) -> list[bytes | None]: ...
    def get(self, key: bytes | list[bytes]) -> bytes | list[bytes | None] | None:
        """Return the packed row of a key, or those of several."""
        return self._rows.get(key) if isinstance(key, bytes) else [self._rows.get(each) for each in key]

    def keys(self, from_key: bytes = b"") -> Iterator[bytes]:
        """Yield keys from one on, in byte order."""
        if self._keys is None:
            self._keys = SortedSet(self._rows)
        return iter(list(self._keys.irange(from_key)))

    def items(self, from_key: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and packed rows from a key on, in byte order."""
        for key in self.keys(from_key):
            yield key, self._rows[key]

    def by_age(self) -> Iterator[bytes]:
        """Yield keys in the order in which their rows were written last."""
        return iter(list(self._rows))

    def write(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Set packed rows; None deletes."""
        for key, packed in rows:
            known = self._rows.pop(key, None) is not None
            if packed is not None:
                self._rows[key] = packed
            if self._keys is None:
                continue
            if packed is None:
                self._keys.discard(key)
            elif not known:
                self._keys.add(key)

    def delete_range(self, low: bytes, high: bytes) -> None:
        """Delete the keys in [low, high)."""
        self.write([(key, None) for key in self._rows if low <= key < high])
