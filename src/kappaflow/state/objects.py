"""A store of objects over a store of rows with one column of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from kappaflow.state.ordered import OrderedStore


class ObjectFormat(Protocol):
    """Writes and reads the objects of a store."""

    def serialize(self, row: Any) -> bytes | None:
        """Return the bytes of an object."""
        ...

    def deserialize(self, data: bytes | None) -> Any:
        """Return the object."""
        ...


class ObjectStore:
    """Keeps objects as the bytes that their changelog has; what is read is always another object than was written.

    Args:
        rows: rows are tuples of one column of bytes.
        format: of the objects.
    """

    def __init__(self, rows: OrderedStore, format: ObjectFormat) -> None:  # noqa: A002
        self.rows = rows
        self._format = format

    def get(self, key: bytes) -> tuple[Any, int] | None:
        """Return the object of a key and its timestamp, or None."""
        found = self.rows.get(key)
        return None if found is None else (self._format.deserialize(found[0][0]), found[1])

    def put(self, key: bytes, row: Any, timestamp: int) -> None:
        """Set the object of a key; None deletes it."""
        data = None if row is None else self._format.serialize(row)
        self.rows.put(key, None if data is None else (data,), timestamp)

    def range(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, tuple[Any, int]]]:
        """Yield keys in [low, high) in byte order; what changes meanwhile may or may not be seen."""
        for key, (row, timestamp) in self.rows.range(low, high):
            yield key, (self._format.deserialize(row[0]), timestamp)
