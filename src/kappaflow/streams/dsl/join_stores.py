"""The store of unmatched records: values of either side, told apart by the side in their keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kappaflow.serde import Serde
from kappaflow.serde.objects import ObjectSerde
from kappaflow.state import OrderedStore

_SIDE_AT = 8
_LEFT = 1


class EitherSideSerde(ObjectSerde):
    """Writes values of the left or the right side: a byte that says which, then the value."""

    name = "left or right value"

    def __init__(self, left: Serde, right: Serde) -> None:
        super().__init__()
        self._sides: dict[int, Any] = {_LEFT: left, 0: right}

    def write(self, value: Any) -> bytes:
        """Write a pair of side and value."""
        side, inner = value
        return bytes((side,)) + (self._sides[side].serialize(inner) or b"")

    def read(self, data: bytes) -> tuple[int, Any]:
        """Read a pair of side and value."""
        return data[0], self._sides[data[0]].deserialize(data[1:])


class OuterStore:
    """Shows the values alone; the side of each is in its key."""

    def __init__(self, store: OrderedStore) -> None:
        self._store: Any = store

    def get(self, key: bytes) -> tuple[Any, int] | None:
        """Return a value and its time."""
        found = self._store.get(key)
        return None if found is None else (found[0][1], found[1])

    def put(self, key: bytes, row: Any, timestamp: int) -> None:
        """Set a value; None deletes it."""
        self._store.put(key, None if row is None else (key[_SIDE_AT], row), timestamp)

    def range(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, tuple[Any, int]]]:
        """Yield keys in [low, high) with values and times."""
        for key, (pair, timestamp) in self._store.range(low, high):
            yield key, (pair[1], timestamp)
