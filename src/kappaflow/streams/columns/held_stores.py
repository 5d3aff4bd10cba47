"""Stores of operators that take the rows of a batch one after the other.

    get, put, range ─▶ objects in memory ─ finish: the last change of each key, written as columns ─▶ the task's store

Nothing is read from bytes twice and nothing is written to bytes that a later row of the batch changes again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kappaflow.serde.objects import ObjectSerde
from kappaflow.serde.shape import Shape
from kappaflow.state import PackedStore
from kappaflow.state.ordered import behind

ENTRIES_MAX = 200_000
"""Beyond so many entries everything that is written is forgotten; it is read again where it is needed."""
Held = tuple[Any, int]
Undo = list[tuple[int, bytes, Held | None]]


class Codec:
    """Objects of a store to bytes and back, many at once where they lie in columns.

    Args:
        serde: of the objects; None where rows are kept as they are.
    """

    def __init__(self, serde: Any) -> None:
        self._serde = serde
        self._shape: Shape | None = getattr(serde, "shape", None)

    def read(self, row: Any) -> Any:
        """Return the object of one row."""
        return row if self._serde is None else self._serde.deserialize(row[0])

    def rows(self, values: Sequence[Any]) -> list[Any]:
        """Return the rows of objects."""
        if self._serde is None:
            return list(values)
        if self._shape is None or not values or type(self._serde).encode is ObjectSerde.encode:
            return [(self._serde.serialize(value),) for value in values]
        columns, valid = self._shape.arrays(values)
        return [(data,) for data in self._serde.encode(columns, valid, len(values)).to_pylist()]


class VersionCodec(Codec):
    """Versions: rows of one object, or of none where one was deleted."""

    def read(self, row: Any) -> Any:
        """Return the version of one row."""
        (data,) = row
        return (None,) if data is None else (super().read(row),)

    def rows(self, values: Sequence[Any]) -> list[Any]:
        """Return the rows of versions."""
        written = iter(super().rows([value for (value,) in values if value is not None]))
        return [(None,) if value is None else next(written) for (value,) in values]


class HeldStore:
    """A store with the face of `ObjectStore`, for the rows of one batch after the other.

    Args:
        rows: of the task.
        serde: of the objects, or what reads and writes rows; None keeps rows as they are.

    Attributes:
        undo: what entries were before changes of the batch, where somebody looks back: (position, key, entry).
        position: of the row that works on the store.
        sees_no_changes: `range` is not disturbed by changes during it.
        observed: of versions, what was the greatest time before rows: (position, time).
    """

    sees_no_changes = True

    def __init__(self, rows: PackedStore, serde: Any) -> None:
        self._rows = rows
        self._codec = serde if isinstance(serde, Codec) else Codec(serde)
        self._held: dict[bytes, Held | None] = {}
        self._changed: dict[bytes, int] = {}
        self.undo: Undo | None = None
        self.position = 0
        self.observed: list[tuple[int, int]] = []
        # As long as every entry is in memory, a key that is not there is new; None before the first look.
        self._holds_all: bool | None = None

    @property
    def holds_all(self) -> bool:
        """Whether every entry is in memory; those of the task's store are read at the first look, if they are few."""
        if self._holds_all is None:
            self._holds_all = self._load()
        return self._holds_all

    def _load(self) -> bool:
        for number, (key, stored) in enumerate(self._rows.range()):
            if number == ENTRIES_MAX:
                return False
            self._held.setdefault(key, self._read(stored))
        return True

    def note(self) -> None:
        """Begin to note what entries were before changes of the batch."""
        self.undo = [] if self.undo is None else self.undo

    def get(self, key: bytes) -> Held | None:
        """Return the object of a key and its timestamp, or None."""
        held = self._held
        if key in held:
            return held[key]
        if self.holds_all:
            return held.get(key)
        found = held[key] = self._read(self._rows.get(key))
        return found

    def _read(self, stored: Any) -> Held | None:
        return None if stored is None else (self._codec.read(stored[0]), stored[1])

    def put(self, key: bytes, row: Any, timestamp: int) -> None:
        """Set the object of a key; None deletes it."""
        if self.undo is not None:
            self.undo.append((self.position, key, self.get(key)))
        if self._holds_all is None:
            self._holds_all = self._load()
        self._held[key] = None if row is None else (row, timestamp)
        self._changed.pop(key, None)
        self._changed[key] = timestamp

    def range(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, Held]]:
        """Yield keys in [low, high) in byte order; changes during it are not seen."""
        if self.holds_all:
            for key in sorted(key for key in self._held if key >= low and (high is None or key < high)):
                entry = self._held[key]
                if entry is not None:
                    yield key, entry
            return
        found: dict[bytes, Any] = dict(self._rows.range(low, high))
        for key in self._changed:
            if key >= low and (high is None or key < high):
                found[key] = None
        for key in sorted(found):
            entry = self._held[key] if key in self._held else self._read(found[key])
            if entry is not None:
                yield key, entry

    def group_of(self, key: bytes) -> bytes:
        """Return what the keys that are ranged over together share: nothing."""
        del key
        return b""

    def finish(self) -> None:
        """Let the task's store take what changed, in the order of the last changes."""
        changed, self._changed = self._changed, {}
        self.undo = None if self.undo is None else []
        self.observed.clear()
        there = [(key, entry) for key in changed if (entry := self._held[key]) is not None]
        rows = iter(self._codec.rows([entry[0] for _, entry in there]))
        for key, timestamp in changed.items():
            entry = self._held[key]
            self._rows.put(key, None if entry is None else next(rows), timestamp)
            if entry is None and self._holds_all:
                del self._held[key]
        if len(self._held) > ENTRIES_MAX:
            self.forget()

    def forget(self) -> None:
        """Forget what is written."""
        self._held.clear()
        self._holds_all = False


class HeldGroups(HeldStore):
    """A store whose entries are found in memory by the part of the key that they share, in the order of keys.

    Args:
        inner: gives that part: the key without times, a foreign key; nothing at all puts all entries into one group.
    """

    def __init__(self, rows: PackedStore, serde: Any, inner: Callable[[bytes], bytes]) -> None:
        super().__init__(rows, serde)
        self._inner = inner
        self._of: dict[bytes, list[bytes]] = {}

    def keys_of(self, inner: bytes) -> list[bytes]:
        """Return the keys of a group."""
        loaded = self.holds_all
        keys = self._of.get(inner)
        if keys is None and loaded:
            keys = self._of[inner] = []
        if keys is None:
            of, high = self._inner, None if not inner else behind(inner)
            # Some may have been changed before their neighbours were looked at.
            changed = {key for key in self._changed if of(key) == inner}
            found = {key for key, _ in self._rows.range(inner, high) if of(key) == inner}
            keys = self._of[inner] = [key for key in sorted(found | changed) if self.get(key) is not None]
        return keys

    def group_of(self, key: bytes) -> bytes:
        """Return the part of a key that its group shares."""
        return self._inner(key)

    def _load(self) -> bool:
        if not super()._load():
            return False
        for key in sorted(self._held):
            self._of.setdefault(self._inner(key), []).append(key)
        return True

    def put(self, key: bytes, row: Any, timestamp: int) -> None:
        """Set the object of a key; None deletes it."""
        keys = self.keys_of(self._inner(key))
        at = bisect_left(keys, key)
        known = at < len(keys) and keys[at] == key
        super().put(key, row, timestamp)
        if row is None and known:
            del keys[at]
        elif row is not None and not known:
            keys.insert(at, key)

    def range(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, Held]]:
        """Yield keys in [low, high) in byte order: of one group where both bounds are of it, else of all."""
        inner = self._inner(low)
        if inner and (high is None or high[: len(inner)] != inner):
            yield from super().range(low, high)
            return
        if not inner and self._inner(b"\x00" * 32):
            yield from super().range(low, high)
            return
        keys = self.keys_of(inner)
        end = len(keys) if high is None else bisect_left(keys, high)
        for key in keys[bisect_left(keys, low) : end]:
            entry = self.get(key)
            if entry is not None:
                yield key, entry

    def forget(self) -> None:
        """Forget what is written."""
        super().forget()
        self._of.clear()


def without_times(size: int) -> Callable[[bytes], bytes]:
    """Return what takes so many bytes of times from the end of keys."""
    return lambda key: key[:-size]


def nothing_shared(_: bytes) -> bytes:
    """Put all entries into one group."""
    return b""


class RowsBefore:
    """The rows of a store as they were before a position of the batch.

    Args:
        store: has noted what was changed since.
    """

    def __init__(self, store: HeldStore) -> None:
        self._store = store
        self._changes: dict[bytes, list[tuple[int, Held | None]]] = {}
        self._changed_of: dict[bytes, set[bytes]] = {}
        self.position = 0
        for position, key, before in store.undo or ():
            self._changes.setdefault(key, []).append((position, before))
        for key in self._changes:
            self._changed_of.setdefault(store.group_of(key), set()).add(key)

    def _at(self, key: bytes, entry: Held | None) -> Held | None:
        for position, before in self._changes.get(key, ()):
            if position >= self.position:
                return before
        return entry

    def get(self, key: bytes) -> Held | None:
        """Return the row of a key, or None."""
        return self._at(key, self._store.get(key))

    def range(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, Held]]:
        """Yield keys of one group in [low, high) in byte order."""
        changed = self._changed_of.get(self._store.group_of(low))
        if changed is None:
            yield from self._store.range(low, high)
            return
        now = dict(self._store.range(low, high))
        keys = {*now, *(key for key in changed if key >= low and (high is None or key < high))}
        for key in sorted(keys):
            entry = self._at(key, now.get(key))
            if entry is not None:
                yield key, entry
