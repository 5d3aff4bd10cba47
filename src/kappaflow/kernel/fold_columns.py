"""What the fold kernels take and give, and the types of their states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from kappaflow.kernel.record_columns import ArrowArray, Int64s

if TYPE_CHECKING:
    import pyarrow as pa

Mask = npt.NDArray[np.bool_]
FoldKind = Literal["count", "sum", "min", "max", "latest", "earliest", "last"]
KINDS = ("count", "sum", "min", "max", "latest", "earliest", "last")
TYPES = ("BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP")
SUMMED_TYPES = ("INTEGER", "BIGINT", "DOUBLE")


@dataclass(slots=True)
class FoldOutput:
    """States per input row.

    Attributes:
        columns: one Arrow array per fold, the state after the row; null where the row was masked out.
        old_columns: the state before the row, empty unless asked for.
        old_valid: whether there was a state before the row (for `read`: whether there is one), empty unless asked for.
        timestamp: int64, the state's timestamp after the row: the greatest so far; the row's own where masked out.
    """

    columns: list[ArrowArray]
    old_columns: list[ArrowArray]
    old_valid: Mask
    timestamp: Int64s


@dataclass(slots=True)
class DirtyRows:
    """States changed since the last drain, in order of their last change.

    Attributes:
        keys: Arrow binary, each key once.
        packed: Arrow binary, what a store keeps; null for a deleted key.
        columns: one Arrow array per fold.
        timestamp: int64, -1 for a deleted key.
    """

    keys: ArrowArray
    packed: ArrowArray
    columns: list[ArrowArray]
    timestamp: Int64s


def arrow_type(of: str) -> pa.DataType:
    """The Arrow type of a state column."""
    import pyarrow as pa

    types = {
        "BOOLEAN": pa.bool_(),
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "STRING": pa.string_view(),
        "BYTES": pa.binary_view(),
        "DATE": pa.date32(),
        "TIME": pa.time32("ms"),
        "TIMESTAMP": pa.timestamp("ms"),
    }
    return types[of]


def check_folds(folds: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The folds, a count always over BIGINT.

    Raises:
        ValueError: a kind or type is not known, or a sum is over something else than numbers.
    """
    for kind, of in folds:
        if kind not in KINDS:
            raise ValueError(f"no fold is named {kind}")
        if of not in TYPES:
            raise ValueError(f"no fold takes the type {of}")
        if kind == "sum" and of not in SUMMED_TYPES:
            raise ValueError("sum takes INTEGER, BIGINT or DOUBLE")
    return [(kind, "BIGINT" if kind == "count" else of) for kind, of in folds]
