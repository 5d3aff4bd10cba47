"""Changes of a store as columns: the store takes them at once, the changelog the last one of each key at a commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow import kernel
from kappaflow.kernel.fold_columns import TYPES
from kappaflow.serde.arrow import array_to_values, arrow_type
from kappaflow.serde.types import DataType
from kappaflow.state import PackedStore
from kappaflow.streams.batch import ArrowArray, Int64s, Mask
from kappaflow.streams.columns.batches import plain
from kappaflow.streams.topology import nodes as n


@dataclass(frozen=True, slots=True)
class LoggedChanges:
    """What a changelog gets.

    Attributes:
        keys: Arrow binary.
        columns: one array a column that the changelog's serde writes.
        timestamps: int64, milliseconds.
        valid: false where a key is deleted.
    """

    keys: ArrowArray
    columns: list[ArrowArray]
    timestamps: Int64s
    valid: Mask


class StoreChanges:
    """Takes changes of a store that nobody else changes.

    Args:
        types: of the columns of a row.
    """

    def __init__(self, spec: n.StoreSpec, store: PackedStore, types: Sequence[DataType]) -> None:
        self._store = store
        self._objects: Any = spec.objects
        self._types = list(types)
        self._packs = spec.objects is None and bool(types) and all(str(each) in TYPES for each in types)
        self._keys: list[ArrowArray] = []
        self._columns: list[list[ArrowArray]] = []
        self._stamps: list[Int64s] = []
        self._valid: list[Mask] = []

    def put(self, keys: Sequence[bytes], columns: Sequence[ArrowArray], stamps: Int64s) -> None:
        """Set the rows of keys."""
        columns = [plain(column) for column in columns]
        if self._packs:
            packed = kernel.pack_rows(stamps, columns, [str(each) for each in self._types])
            self._store.put_packed(keys, packed.to_pylist())
        else:
            for key, row, stamp in zip(keys, self._rows(columns, len(keys)), stamps.tolist(), strict=True):
                self._store.put(key, row, stamp)
        self._note(keys, list(columns), stamps, there=True)

    def delete(self, keys: Sequence[bytes], stamps: Int64s) -> None:
        """Delete keys."""
        if self._packs:
            self._store.put_packed(keys, [None] * len(keys))
        else:
            for key, stamp in zip(keys, stamps.tolist(), strict=True):
                self._store.put(key, None, stamp)
        columns = [pa.nulls(len(keys), arrow_type(each)) for each in self._types]
        self._note(keys, columns, stamps, there=False)

    def _rows(self, columns: Sequence[ArrowArray], count: int) -> list[tuple[Any, ...]]:
        if self._objects is not None:
            return [(value,) for value in self._objects.encode(columns, None, count).to_pylist()]
        values = [array_to_values(column, of) for column, of in zip(columns, self._types, strict=True)]
        return list(zip(*values, strict=True)) if values else [()] * count

    def _note(self, keys: Sequence[bytes], columns: list[ArrowArray], stamps: Int64s, *, there: bool) -> None:
        self._keys.append(pa.array(keys, pa.binary()))
        self._columns.append(columns)
        self._stamps.append(stamps)
        self._valid.append(np.full(len(keys), there))

    def drain(self) -> LoggedChanges | None:
        """Return the last change of each key since the last call; None where nothing changed."""
        if not self._keys:
            return None
        keys = pa.concat_arrays(self._keys)
        last = kernel.last_per_key(keys)
        rows = pa.array(last)
        columns = [
            pa.concat_arrays([part.cast(parts[0].type) for part in parts]).take(rows)
            for parts in zip(*self._columns, strict=True)
        ]
        stamps, valid = np.concatenate(self._stamps)[last], np.concatenate(self._valid)[last]
        if self._objects is not None:
            columns = [self._objects.encode(columns, valid, len(last))]
        for noted in (self._keys, self._columns, self._stamps, self._valid):
            noted.clear()
        return LoggedChanges(keys.take(rows), columns, stamps, valid)
