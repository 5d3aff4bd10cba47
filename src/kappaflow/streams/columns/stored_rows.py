"""Rows of a store as columns: read by distinct keys, written as the last row of each key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow import kernel
from kappaflow.serde import Serde
from kappaflow.serde.arrow import array_to_values, rows_to_arrays
from kappaflow.serde.types import DataType
from kappaflow.state import PackedStore
from kappaflow.streams.batch import ArrowArray, Int64s, Mask
from kappaflow.streams.columns.batches import plain


class StoredRows:
    """The rows of a table's store: columns as they are, or the bytes of a program's objects.

    Args:
        types: of the columns of a row.
        objects: writes objects; None where rows are kept as columns.
    """

    def __init__(self, store: PackedStore, types: Sequence[DataType], objects: Serde | None = None) -> None:
        self._store = store
        self._objects = objects
        self._types = types if objects is None else tuple(column.type for column in objects.columns)

    @property
    def types(self) -> Sequence[DataType]:
        """The types of the columns."""
        return self._types

    def read(self, keys: ArrowArray) -> tuple[list[ArrowArray], Mask]:
        """Return the rows of keys as columns, and the mask of keys that have one; null keys have none."""
        columns, present, _ = self.read_timed(keys)
        return columns, present

    def read_timed(self, keys: ArrowArray) -> tuple[list[ArrowArray], Mask, Int64s]:
        """Return the rows of keys, the mask of keys that have one, and the times of the rows."""
        coded = keys.dictionary_encode()
        found = [self._store.get(key) for key in coded.dictionary.to_pylist()]
        times = np.array([-1 if stored is None else stored[1] for stored in found], np.int64)
        at = coded.indices.fill_null(0).to_numpy(zero_copy_only=False)
        columns, present = self._of_distinct(found, coded)
        return columns, present, times[at] if len(times) else np.full(len(keys), -1, np.int64)

    def _of_distinct(self, found: Sequence[Any], coded: Any) -> tuple[list[ArrowArray], Mask]:
        if self._objects is None:
            columns = rows_to_arrays([None if stored is None else stored[0] for stored in found], self._types)
        else:
            data = pa.array([None if stored is None else stored[0][0] for stored in found], pa.binary())
            columns = [plain(column) for column in self._objects.decode(data).columns]
        present = np.array([stored is not None for stored in found], np.bool_)
        codes = coded.indices
        if codes.null_count:
            taken = [column.take(codes) for column in columns]
            at = codes.fill_null(0).to_numpy(zero_copy_only=False)
            known = codes.is_valid().to_numpy(zero_copy_only=False)
            return taken, (present[at] & known) if len(present) else np.zeros(len(codes), np.bool_)
        return [column.take(codes) for column in columns], present[codes.to_numpy(zero_copy_only=False)]

    def write_last(self, keys: ArrowArray, columns: Sequence[ArrowArray], valid: Mask, timestamps: Int64s) -> None:
        """Store the last row of each key; a row that is not valid deletes."""
        last = kernel.last_per_key(keys)
        chosen = pa.array(last)
        if self._objects is not None:
            data = self._objects.encode([plain(column).take(chosen) for column in columns], valid[last], len(last))
            for key, value, timestamp in zip(
                keys.take(chosen).to_pylist(), data.to_pylist(), timestamps[last].tolist(), strict=True
            ):
                self._store.put(key, None if value is None else (value,), timestamp)
            return
        rows = zip(
            *[array_to_values(c.take(chosen), t) for c, t in zip(columns, self._types, strict=True)], strict=True
        )
        values = list(rows) if self._types else [()] * len(last)
        for key, row, present, timestamp in zip(
            keys.take(chosen).to_pylist(), values, valid[last].tolist(), timestamps[last].tolist(), strict=True
        ):
            self._store.put(key, row if present else None, timestamp)


def joined_columns(first: Sequence[ArrowArray], second: Sequence[ArrowArray], rows: Int64s) -> list[ArrowArray]:
    """Return the rows of two stacks of columns, the second behind the first, at these positions."""
    chosen = pa.array(rows)
    return [
        pa.concat_arrays([plain(one), plain(other).cast(plain(one).type)]).take(chosen)
        for one, other in zip(first, second, strict=True)
    ]
