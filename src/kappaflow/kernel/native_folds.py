"""The native folds, windows and look-ups behind the signatures of their twins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kappaflow.kernel import _native
from kappaflow.kernel.fold_columns import DirtyRows, FoldOutput, Mask
from kappaflow.kernel.record_columns import ArrowArray, Int64s
from kappaflow.kernel.window_rows import WindowRows, check_windows


class FoldTable:
    """See `kappaflow.kernel.fold_table.FoldTable`."""

    def __init__(self, folds: Sequence[tuple[str, str]]) -> None:
        self._table = _native.FoldTable(list(folds))

    @property
    def bytes(self) -> int:
        """Bytes held by rows, index and long keys and values."""
        return self._table.bytes

    def __len__(self) -> int:
        return len(self._table)

    def missing(self, keys: ArrowArray) -> ArrowArray:
        """See the twin; the rows found are remembered for a fold over the same column."""
        return self._table.missing(keys)

    def load(self, keys: ArrowArray, packed: ArrowArray) -> None:
        """See the twin."""
        self._table.load(keys, packed)

    def fold_every(
        self,
        keys: ArrowArray,
        timestamp: Int64s,
        inputs: Sequence[ArrowArray | None],
        mask: Mask | None = None,
        *,
        with_old: bool = False,
    ) -> FoldOutput:
        """See the twin."""
        return _output(*self._table.fold_every(keys, _int64s(timestamp), list(inputs), _flags(mask), with_old))

    def fold_last(
        self, keys: ArrowArray, timestamp: Int64s, inputs: Sequence[ArrowArray | None], mask: Mask | None = None
    ) -> None:
        """See the twin."""
        self._table.fold_last(keys, _int64s(timestamp), list(inputs), _flags(mask))

    def delete(self, keys: ArrowArray) -> None:
        """See the twin."""
        self._table.delete(keys)

    def read(self, keys: ArrowArray) -> FoldOutput:
        """See the twin."""
        return _output(*self._table.read(keys))

    def drain_dirty(self) -> DirtyRows:
        """See the twin."""
        keys, packed, columns, timestamp = self._table.drain_dirty()
        return DirtyRows(keys, packed, columns, np.frombuffer(timestamp, np.int64))

    def evict_clean(self, limit_bytes: int) -> int:
        """See the twin."""
        return self._table.evict_clean(max(0, limit_bytes))


def _int64s(values: Int64s) -> Int64s:
    return np.ascontiguousarray(values, np.int64)


def _flags(mask: Mask | None) -> npt.NDArray[np.uint8] | None:
    return None if mask is None else np.ascontiguousarray(mask, np.bool_).view(np.uint8)


def _output(columns: list[ArrowArray], old: list[ArrowArray], old_valid: bytearray, timestamp: bytearray) -> FoldOutput:
    return FoldOutput(columns, old, np.frombuffer(old_valid, np.bool_), np.frombuffer(timestamp, np.int64))


def pack_rows(
    timestamp: Int64s, columns: Sequence[ArrowArray], types: Sequence[str], valid: Mask | None = None
) -> ArrowArray:
    """See `kappaflow.kernel.packed_rows.pack_rows`."""
    return _native.pack_rows(_int64s(timestamp), list(columns), list(types), _flags(valid))


def assign_windows(
    timestamps: Int64s,
    stream_time: int,
    size_ms: int,
    advance_ms: int,
    grace_ms: int,
    valid: Mask | None = None,
) -> WindowRows:
    """See `kappaflow.kernel.windows.assign_windows`."""
    check_windows(size_ms, advance_ms)
    row, start, late, new_stream_time = _native.assign_windows(
        _int64s(timestamps), stream_time, size_ms, advance_ms, grace_ms, _flags(valid)
    )
    return WindowRows(np.frombuffer(row, np.int64), np.frombuffer(start, np.int64), late, new_stream_time)


def window_keys(keys: ArrowArray, starts: Int64s) -> ArrowArray:
    """See `kappaflow.kernel.windows.window_keys`."""
    return _native.window_keys(keys, _int64s(starts))


def as_of(change_keys: ArrowArray, change_ord: Int64s, lookup_keys: ArrowArray, lookup_ord: Int64s) -> Int64s:
    """See `kappaflow.kernel.lookups.as_of`."""
    found = _native.as_of(change_keys, _int64s(change_ord), lookup_keys, _int64s(lookup_ord))
    return np.frombuffer(found, np.int64)


def last_per_key(keys: ArrowArray) -> Int64s:
    """See `kappaflow.kernel.lookups.last_per_key`."""
    return np.frombuffer(_native.last_per_key(keys), np.int64)


def previous_in_key(keys: ArrowArray) -> Int64s:
    """See `kappaflow.kernel.lookups.previous_in_key`."""
    return np.frombuffer(_native.previous_in_key(keys), np.int64)
