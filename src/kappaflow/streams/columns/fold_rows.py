"""The states of folds in a store: as the kernel packs them, or as the bytes of a program's objects."""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa

from kappaflow import kernel
from kappaflow.kernel import DirtyRows
from kappaflow.serde import Serde
from kappaflow.serde.types import DataType
from kappaflow.state import PackedStore
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.topology import nodes as n


class FoldRows(Protocol):
    """Loads and saves states."""

    def load(self, keys: ArrowArray) -> ArrowArray:
        """Return packed states; null for keys without one."""
        ...

    def save(self, dirty: DirtyRows) -> None:
        """Store changed states."""
        ...

    def logged(self, dirty: DirtyRows) -> list[ArrowArray]:
        """Return the columns that the changelog's serde writes."""
        ...


class PackedRows:
    """States as the kernel packs them."""

    def __init__(self, store: PackedStore) -> None:
        self._store = store

    def load(self, keys: ArrowArray) -> ArrowArray:
        """Return packed states."""
        return pa.array(self._store.get_packed(keys.to_pylist()), pa.binary())

    def save(self, dirty: DirtyRows) -> None:
        """Store packed states."""
        self._store.put_packed(dirty.keys.to_pylist(), dirty.packed.to_pylist())

    def logged(self, dirty: DirtyRows) -> list[ArrowArray]:
        """Return the columns of the states."""
        return dirty.columns


class ObjectRows:
    """States as the bytes of objects: what the row form, look-ups and the changelog have.

    Args:
        objects: writes them.
        types: of the folds.
    """

    def __init__(self, store: PackedStore, objects: Serde, types: tuple[DataType, ...]) -> None:
        self._store = store
        self._objects = objects
        self._types = [str(each) for each in types]

    def load(self, keys: ArrowArray) -> ArrowArray:
        """Return states packed from their objects."""
        found = [self._store.get(key) for key in keys.to_pylist()]
        if all(stored is None for stored in found):
            return pa.nulls(len(found), pa.binary())
        decoded = self._objects.decode(pa.array([None if s is None else s[0][0] for s in found], pa.binary()))
        times = pa.array([0 if s is None else s[1] for s in found], pa.int64()).to_numpy()
        return kernel.pack_rows(times, decoded.columns, self._types, decoded.valid)

    def save(self, dirty: DirtyRows) -> None:
        """Store the objects of changed states."""
        (values,) = self.logged(dirty)
        rows = zip(dirty.keys.to_pylist(), values.to_pylist(), dirty.timestamp.tolist(), strict=True)
        for key, value, timestamp in rows:
            self._store.put(key, None if value is None else (value,), timestamp)

    def logged(self, dirty: DirtyRows) -> list[ArrowArray]:
        """Return the objects as bytes."""
        return [self._objects.encode(dirty.columns, None, len(dirty.keys))]


def fold_rows(spec: n.StoreSpec, store: PackedStore, types: tuple[DataType, ...]) -> FoldRows:
    """Return how a store keeps the states of folds."""
    objects: Any = spec.objects
    return PackedRows(store) if objects is None else ObjectRows(store, objects, types)
