"""Rows of columns as the bytes that a store keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kappaflow.kernel.fold_columns import Mask, check_folds
from kappaflow.kernel.fold_steps import pack
from kappaflow.kernel.fold_table import plain_values
from kappaflow.kernel.record_columns import ArrowArray, Int64s


def pack_rows(
    timestamp: Int64s, columns: Sequence[ArrowArray], types: Sequence[str], valid: Mask | None = None
) -> ArrowArray:
    """Pack one row of each position of the columns, as `kappaflow.kernel.fold_steps.pack` does.

    Args:
        timestamp: int64, of each row.
        columns: one a type.
        types: names of fold types, such as BIGINT.
        valid: false where there is no row.

    Returns:
        Arrow binary, null where there is no row.

    Raises:
        ValueError: lengths differ, or a type is not known.
    """
    import pyarrow as pa

    names = [of for _, of in check_folds([("last", of) for of in types])]
    if len(columns) != len(names):
        raise ValueError(f"{len(columns)} columns for {len(names)} types")
    lengths = {len(timestamp), *(len(column) for column in columns)} | (set() if valid is None else {len(valid)})
    if len(lengths) != 1:
        raise ValueError("timestamp, columns and valid must have the same length")
    values: list[list[Any]] = [plain_values(column, of) for column, of in zip(columns, names, strict=True)]
    rows = [
        None if valid is not None and not valid[at] else pack(int(time), [column[at] for column in values], names)
        for at, time in enumerate(timestamp)
    ]
    return pa.array(rows, pa.binary())
