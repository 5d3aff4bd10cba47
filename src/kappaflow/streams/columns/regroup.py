"""Column form of regrouping a table: each change becomes what its old and its new group have to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.columns.batches import both, old_rows, plain, take, valid_rows
from kappaflow.streams.columns.fan import pc
from kappaflow.streams.columns.merging import merged
from kappaflow.streams.columns.operator import only
from kappaflow.streams.functions import Mapper

_Side = tuple[list[ArrowArray], list[ArrowArray], Mask]


class RegroupColumns:
    """Regroups changes.

    Args:
        key, value: make the new key and value of a row; a value of None stays as it is.
        latest_only: changes of a versioned table that are not its latest are left out.
    """

    def __init__(self, key: Mapper, value: Mapper | None, *, latest_only: bool) -> None:
        self._key = key
        self._value = value
        self._latest_only = latest_only

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Return one row where the group stays, else the one that leaves the old group and the one for the new."""
        batch = only(inputs)
        if self._latest_only and batch.latest is not None:
            batch = take(batch, batch.latest)
        count = len(batch)
        new_keys, new_values, new = self._side(batch)
        before = old_rows(batch)
        if before is None:
            before = replace(batch, value_valid=np.zeros(count, np.bool_))
        old_keys, old_values, old = self._side(before)
        same = new & old & self._equal(new_keys, old_keys)
        frame = replace(batch, key_bytes=None, key_format="", key_valid=None, window_start=None, window_end=None)
        # Where the group changes the row of the old group comes first; `merged` keeps the order of its parts.
        leaving, gone = old & ~same, np.zeros(count, np.bool_)
        left = replace(frame, key=old_keys, value=old_values, value_valid=gone, old=old_values, old_valid=old)
        arriving = replace(frame, key=new_keys, value=new_values, value_valid=new, old=old_values, old_valid=same)
        chosen = [(each, np.flatnonzero(rows)) for each, rows in ((left, leaving), (arriving, new)) if rows.any()]
        parts = [take(each, rows) for each, rows in chosen]
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else merged(parts, [rows for _, rows in chosen])

    def _side(self, batch: Batch) -> _Side:
        keys, key_valid = self._key.column(batch)
        values, valid = (batch.value, None) if self._value is None else self._value.column(batch)
        mask = both(both(key_valid, valid), batch.value_valid)
        return [plain(each) for each in keys], [plain(each) for each in values], valid_rows(mask, len(batch)).copy()

    def _equal(self, new: Sequence[ArrowArray], old: Sequence[ArrowArray]) -> Mask:
        """Compare keys as Python compares them; nothing equals nothing."""
        equal = np.ones(len(new[0]), np.bool_)
        for one, two in zip(new, old, strict=True):
            if pa.types.is_nested(one.type):
                same = [a == b for a, b in zip(one.to_pylist(), two.to_pylist(), strict=True)]
                equal &= np.array(same, np.bool_)
                continue
            found = pc.or_(pc.fill_null(pc.equal(one, two), False), pc.and_(one.is_null(), two.is_null()))
            equal &= found.to_numpy(zero_copy_only=False)
        return equal
