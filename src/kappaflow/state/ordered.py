"""The face of every store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]
Stored = tuple[Row, int]  # a row and its timestamp in milliseconds


class OrderedStore(Protocol):
    """Keys in unsigned byte order to rows."""

    def get(self, key: bytes) -> Stored | None:
        """Return the row of a key and its timestamp, or None."""
        ...

    def put(self, key: bytes, row: Row | None, timestamp: int) -> None:
        """Set the row of a key; None deletes it."""
        ...

    def range(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, Stored]]:
        """Yield keys in [low, high) in byte order; `high` None is the end."""
        ...


class PackedStore(OrderedStore, Protocol):
    """A store whose rows also come and go as the kernel packs them."""

    def is_empty(self) -> bool:
        """Return whether there is no row at all."""
        ...

    def get_packed(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return packed rows, None for keys without a row."""
        ...

    def put_packed(self, keys: Sequence[bytes], rows: Sequence[bytes | None]) -> None:
        """Set packed rows; None deletes."""
        ...


def behind(prefix: bytes) -> bytes | None:
    """Return the first key behind all that begin with a prefix; None where there is none.

    >>> behind(b"ab"), behind(b"a" + bytes((255,))), behind(bytes((255,)))
    (b'ac', b'b', None)
    """
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,)) if stripped else None
