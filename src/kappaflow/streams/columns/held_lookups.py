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
        before = RowsBefore(self._held)
        found: list[Held | None] = []
        for key, ord_, timestamp in zip(keys, batch.ord.tolist(), batch.timestamp.tolist(), strict=True):
            before.position = ord_
            found.append(None if key is None else self._entry(before, key, timestamp, as_of=as_of))
        columns, valid = self._shape.arrays([None if entry is None else entry[0] for entry in found])
        there = np.ones(len(found), np.bool_) if valid is None else valid
        return columns, there, np.array([-1 if entry is None else entry[1] for entry in found], np.int64)

    def _entry(self, before: RowsBefore, key: bytes, timestamp: int, *, as_of: bool) -> Held | None:
        if self._spec.history_ms is None:
            return before.get(key)
        assert self._spec.objects is not None
        versions = VersionedStore(before, self._spec.objects, self._spec.history_ms)  # type: ignore[arg-type]
        if not as_of:
            return versions.get(key)
        noted = self._held.observed
        at = bisect_left(noted, (before.position, -2))
        now = self._context.versioned[self._spec.name].observed
        versions.resume(noted[at][1] if at < len(noted) else now)
        version = versions.at(key, timestamp)
        return None if version is None else (version.value, version.timestamp)
