"""A store in memory: the twin that defines what the durable one must do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kappaflow.serde.types import DataType
from kappaflow.state.ordered import Row, Stored
from kappaflow.state.rows import RowCodec


class MemoryStore:
    """Rows in a dictionary.

    >>> store = MemoryStore()
    >>> store.put(b"a", (1,), 10)
    >>> store.get(b"a"), list(store.range())
    (((1,), 10), [(b'a', ((1,), 10))])
    """

    def __init__(self) -> None:
        self._rows: dict[bytes, Stored] = {}

    def get(self, key: bytes) -> Stored | None:
        """Return the row of a key and its timestamp, or None."""
        return self._rows.get(key)

    def put(self, key: bytes, row: Row | None, timestamp: int) -> None:
        """Set the row of a key; None deletes it."""
        if row is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = (row, timestamp)

    def range(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, Stored]]:
        """Yield keys in [low, high) in byte order."""
        keys = sorted(key for key in self._rows if key >= low and (high is None or key < high))
        for key in keys:
            stored = self._rows.get(key)
            if stored is not None:
                yield key, stored

    def by_age(self) -> Iterator[bytes]:
        """Yield keys in the order in which they were put first."""
        return iter(list(self._rows))

    def __len__(self) -> int:
        return len(self._rows)


class PackedMemoryStore(MemoryStore):
    """Rows in a dictionary that are packed and unpacked on demand.

    Args:
        types: of the columns of a row.
    """

    def __init__(self, types: Sequence[DataType]) -> None:
        super().__init__()
        self._codec = RowCodec(types)

    def is_empty(self) -> bool:
        """Return whether there is no row at all."""
        return not self._rows

    def get_packed(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return packed rows, None for keys without a row."""
        found = [self.get(key) for key in keys]
        return [None if stored is None else self._codec.write(*stored) for stored in found]

    def put_packed(self, keys: Sequence[bytes], rows: Sequence[bytes | None]) -> None:
        """Set packed rows; None deletes."""
        for key, packed in zip(keys, rows, strict=True):
            row, timestamp = (None, -1) if packed is None else self._codec.read(packed)
            self.put(key, row, timestamp)
