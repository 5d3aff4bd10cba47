"""The current rows of tables, whether they are kept in a store or follow from other tables.

StoreView ─▶ FilterView ─▶ MapView            a table without a store of its own is computed on each look
two views ─▶ JoinView
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kappaflow.state import ObjectStore, Version, VersionedStore
from kappaflow.streams.processors.base import RowStore
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.topology.nodes import KeySerde, StoreSpec

ValueAndTimestamp = tuple[Any, int]
UNKNOWN_TIME = -1


class TableView(Protocol):
    """Looks rows of a table up."""

    def get(self, key: Any) -> ValueAndTimestamp | None:
        """Return the row of a key and its timestamp, or None."""
        ...

    @property
    def is_versioned(self) -> bool:
        """Tell whether rows of earlier times can be looked up."""
        ...

    def get_at(self, key: Any, timestamp: int) -> ValueAndTimestamp | None:
        """Return the row that a key had at a time; only where the table is versioned."""
        ...


class _Unversioned:
    """A table of which only the current rows are known."""

    is_versioned = False

    def get_at(self, key: Any, timestamp: int) -> ValueAndTimestamp | None:
        """There are no earlier rows."""
        raise TypeError(f"{type(self).__name__} has no earlier rows")


class StoreView:
    """The rows of a store."""

    def __init__(self, store: RowStore, key_serde: KeySerde) -> None:
        self._store = store
        self._write_key = KeyWriter(key_serde)
        self.is_versioned = isinstance(store, VersionedStore)

    def get(self, key: Any) -> ValueAndTimestamp | None:
        """Return the row of a key."""
        return self._store.get(self._write_key(key))

    def get_at(self, key: Any, timestamp: int) -> ValueAndTimestamp | None:
        """Return the row that a key had at a time."""
        store: Any = self._store
        found: Version | None = store.at(self._write_key(key), timestamp)
        return None if found is None else (found.value, found.timestamp)


class FilterView:
    """The rows of another table that a predicate keeps."""

    def __init__(self, parent: TableView, keep: Callable[[Any, Any], bool]) -> None:
        self._parent = parent
        self._keep = keep

    def get(self, key: Any) -> ValueAndTimestamp | None:
        """Return the row of a key if it is kept."""
        return self._kept(key, self._parent.get(key))

    @property
    def is_versioned(self) -> bool:
        """Tell whether the other table is."""
        return self._parent.is_versioned

    def get_at(self, key: Any, timestamp: int) -> ValueAndTimestamp | None:
        """Return the row that a key had at a time if it is kept."""
        return self._kept(key, self._parent.get_at(key, timestamp))

    def _kept(self, key: Any, found: ValueAndTimestamp | None) -> ValueAndTimestamp | None:
        return found if found is not None and self._keep(key, found[0]) else None


class MapView:
    """The rows of another table with new values."""

    def __init__(self, parent: TableView, function: Callable[[Any, Any], Any]) -> None:
        self._parent = parent
        self._function = function

    def get(self, key: Any) -> ValueAndTimestamp | None:
        """Return the mapped row of a key."""
        return self._mapped(key, self._parent.get(key))

    @property
    def is_versioned(self) -> bool:
        """Tell whether the other table is."""
        return self._parent.is_versioned

    def get_at(self, key: Any, timestamp: int) -> ValueAndTimestamp | None:
        """Return the mapped row that a key had at a time."""
        return self._mapped(key, self._parent.get_at(key, timestamp))

    def _mapped(self, key: Any, found: ValueAndTimestamp | None) -> ValueAndTimestamp | None:
        if found is None:
            return None
        value = self._function(key, found[0])
        return None if value is None else (value, found[1])


class JoinView(_Unversioned):
    """The rows of two tables joined by key.

    Args:
        keep_left, keep_right: rows of that side without a partner are kept.
    """

    def __init__(
        self,
        left: TableView,
        right: TableView,
        joiner: Callable[[Any, Any, Any], Any],
        *,
        keep_left: bool,
        keep_right: bool,
    ) -> None:
        self._left, self._right = left, right
        self._joiner = joiner
        self._keep_left, self._keep_right = keep_left, keep_right

    def get(self, key: Any) -> ValueAndTimestamp | None:
        """Return the joined row of a key."""
        left, right = self._left.get(key), self._right.get(key)
        if (left is None and right is None) or (left is None and not self._keep_right):
            return None
        if right is None and not self._keep_left:
            return None
        value = self._joiner(key, left and left[0], right and right[0])
        times = [found[1] for found in (left, right) if found is not None]
        return None if value is None else (value, max(times, default=UNKNOWN_TIME))


class BufferedView(_Unversioned):
    """The rows of a table behind a buffer: for what is held back, what was forwarded before."""

    def __init__(self, prior: Callable[[Any], tuple[bool, Any]], parent: TableView) -> None:
        self._prior = prior
        self._parent = parent

    def get(self, key: Any) -> ValueAndTimestamp | None:
        """Return the row of a key as those downstream know it."""
        held, prior = self._prior(key)
        if not held:
            return self._parent.get(key)
        return None if prior is None else (prior, UNKNOWN_TIME)


def open_store(stores: Mapping[str, Any], spec: StoreSpec) -> Any:
    """Return a store of objects, also where it belongs to another part of the topology (global tables)."""
    store: Any = stores[spec.name]
    if spec.objects is None or isinstance(store, ObjectStore | VersionedStore):
        return store  # pyright: ignore[reportUnknownVariableType]
    return ObjectStore(store, spec.objects)
