"""Look-ups in stores that operators change row by row: entries as they were before a position of the batch."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np

from kappaflow.serde.shape import Shape
from kappaflow.state import VersionedStore
from kappaflow.streams.batch import ArrowArray, Batch, Int64s, Mask
from kappaflow.streams.columns.batches import plain, serialised_keys
from kappaflow.streams.columns.held_stores import Held, HeldStore, RowsBefore
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.topology.nodes import StoreSpec


class AsTheyAre:
    """Objects in place of their bytes."""

    @staticmethod
    def serialize(row: Any) -> Any:
        """Return the object."""
        return row

    @staticmethod
    def deserialize(data: Any) -> Any:
        """Return the object."""
        return data


class HeldVersions(VersionedStore):
    """Versions in memory: objects, which are written to bytes for the task's store and for the changelog only."""

    def __init__(self, spec: StoreSpec, held: HeldStore) -> None:
        assert spec.history_ms is not None
        super().__init__(held, AsTheyAre(), spec.history_ms)  # type: ignore[arg-type]
        self._objects: Any = spec.objects

    def put(self, key: bytes, row: Any, timestamp: int) -> int:
        """Set the value of a key from a time on; see `VersionedStore.put`."""
        result = self.put_bytes(key, row, timestamp)
        if self.journal is not None:
            self.journal(key, None if row is None else self._objects.serialize(row), timestamp)
        return result


class VersionsBefore(VersionedStore):
    """Versions as they were before a position of the batch.

    Args:
        held: notes what entries were before.
    """

    def __init__(self, spec: StoreSpec, held: HeldStore, context: TaskContext) -> None:
        assert spec.history_ms is not None
        super().__init__(RowsBefore(held), AsTheyAre(), spec.history_ms)  # type: ignore[arg-type]
        self._held = held
        self._now = context.versioned[spec.name]

    def begin(self) -> None:
        """Begin a batch: those that change the store have run."""
        self.rows = RowsBefore(self._held)

    def move(self, position: int) -> None:
        """Go to a position."""
        self.rows.position = position
        noted = self._held.observed
        at = bisect_left(noted, (position, -2))
        self.resume(noted[at][1] if at < len(noted) else self._now.observed)


class HeldLookUp:
    """The entries of a store.

    Args:
        held: notes what entries were before.
    """

    def __init__(self, spec: StoreSpec, held: HeldStore, context: TaskContext) -> None:
        self._spec = spec
        self._held = held
        self._context = context
        objects: Any = spec.objects
        self._shape: Shape = objects.shape

    def look_up(self, batch: Batch, *, as_of: bool = False) -> tuple[list[ArrowArray], Mask, Int64s]:
        """Return the entries of a batch's keys before its positions, which of them are there, and their times.

        Args:
            as_of: of versions the one at the row's time; otherwise the latest one.
        """
        keys = plain(serialised_keys(self._spec.key_serde, batch)).to_pylist()
        if batch.key_valid is not None:
            keys = [key if there else None for key, there in zip(keys, batch.key_valid.tolist(), strict=True)]
        rows = zip(keys, batch.ord.tolist(), batch.timestamp.tolist(), strict=True)
        if self._spec.history_ms is None:
            before = RowsBefore(self._held)
            found = [self._entry(before, key, ord_) for key, ord_, _ in rows]
        else:
            versions = VersionsBefore(self._spec, self._held, self._context)
            found = [self._version(versions, key, ord_, at if as_of else None) for key, ord_, at in rows]
        columns, valid = self._shape.arrays([None if entry is None else entry[0] for entry in found])
        there = np.ones(len(found), np.bool_) if valid is None else valid
        return columns, there, np.array([-1 if entry is None else entry[1] for entry in found], np.int64)

    @staticmethod
    def _entry(before: RowsBefore, key: bytes | None, position: int) -> Held | None:
        before.position = position
        return None if key is None else before.get(key)

    @staticmethod
    def _version(versions: VersionsBefore, key: bytes | None, position: int, timestamp: int | None) -> Held | None:
        if key is None:
            return None
        versions.move(position)
        if timestamp is None:
            return versions.get(key)
        version = versions.at(key, timestamp)
        return None if version is None else (version.value, version.timestamp)
