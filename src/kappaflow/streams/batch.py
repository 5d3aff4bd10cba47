"""Records in column form: what travels between operators.

A batch is a contiguous prefix of a task's merged record order.  `ord` is a row's position in that order: it
grows within a batch and from batch to batch, and rows that one input row produced keep its `ord` in emission
order.  Fan-in sorts by (ord, branch) and nothing else is ever sorted.

    row i:  ord[i]  timestamp[i]  key[j][i] (key_valid[i])  value[j][i] (value_valid[i])  old[j][i] (old_valid[i])

A null value (a tombstone, ``value_valid[i]`` false) and a value whose columns are all null are different.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
ArrowArray = Any  # pyarrow.Array: pyarrow ships no types


@dataclass(slots=True)
class Batch:
    """Rows as Arrow columns.

    Attributes:
        ord: int64, non-decreasing.
        timestamp: int64, milliseconds since the epoch.
        key: one Arrow array per key column.
        key_valid: false where the whole key is null; None when no key is.
        value: one Arrow array per value column.
        value_valid: false where the whole value is null; None when no value is.
        key_bytes: the serialised key (Arrow binary, null for a null key), or None when not serialised yet.
        key_format: the format of `key_bytes`, such as ``KAFKA``.
        old, old_valid: the previous value on table edges that track it.
        latest: false where a change of a versioned table is not the latest of its key; None where all are.
        window_start, window_end: int64 bounds of windowed keys, else None.
        partition, offset: where the source row stood, None when no operator downstream reads them.
        headers: Arrow list<struct<key: string, value: binary>>, None when no row has headers or none reads them.
    """

    ord: Int64s
    timestamp: Int64s
    key: list[ArrowArray]
    value: list[ArrowArray]
    key_valid: Mask | None = None
    value_valid: Mask | None = None
    key_bytes: ArrowArray | None = None
    key_format: str = ""
    old: list[ArrowArray] | None = None
    old_valid: Mask | None = None
    window_start: Int64s | None = None
    window_end: Int64s | None = None
    partition: npt.NDArray[np.int32] | None = None
    offset: Int64s | None = None
    headers: ArrowArray | None = None
    latest: Mask | None = None

    def __len__(self) -> int:
        return len(self.ord)
