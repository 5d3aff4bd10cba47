"""Rows of a store as columns: read by distinct keys, written as the last row of each key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from kappaflow import kernel
from kappaflow.serde.arrow import array_to_values, rows_to_arrays
from kappaflow.serde.types import DataType
from kappaflow.state import PackedStore
from kappaflow.streams.batch import ArrowArray, Int64s, Mask


class StoredRows:
    """The rows of a table's store.

    Args:
        types: of the columns of a row.
    """

    def __init__(self, store: PackedStore, types: Sequence[DataType]) -> None:
        self._store = store
        self._types = types

    def read(self, keys: ArrowArray) -> tuple[list[ArrowArray], Mask]:
        """Return the rows of keys as columns, and the mask of keys that have one; null keys have none."""
        coded = keys.dictionary_encode()
        found = [self._store.get(key) for key in coded.dictionary.to_pylist()]
        columns = rows_to_arrays([None if stored is None else stored[0] for stored in found], self._types)
        present = np.array([stored is not None for stored in found], np.bool_)
        codes = coded.indices
        if codes.null_count:
            taken = [column.take(codes) for column in columns]
            at = codes.fill_null(0).to_numpy(zero_copy_only=False)
            known = codes.is_valid().to_numpy(zero_copy_only=False)
            return taken, (present[at] & known) if len(present) else np.zeros(len(keys), np.bool_)
        return [column.take(codes) for column in columns], present[codes.to_numpy(zero_copy_only=False)]

    def write_last(self, keys: ArrowArray, columns: Sequence[ArrowArray], valid: Mask, timestamps: Int64s) -> None:
        """Store the last row of each key; a row that is not valid deletes."""
        last = kernel.last_per_key(keys)
        chosen = pa.array(last)
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
        pa.concat_arrays([one, other.cast(one.type)]).take(chosen) for one, other in zip(first, second, strict=True)
    ]
