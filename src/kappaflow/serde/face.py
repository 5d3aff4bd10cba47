"""What every format offers: rows to bytes and back, columns to bytes and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kappaflow.errors import SerializationError
from kappaflow.serde.arrow import arrays_to_rows, rows_to_arrays
from kappaflow.serde.schema import Column

ArrowArray = Any
Mask = npt.NDArray[np.bool_]
Row = tuple[Any, ...]


@dataclass(slots=True)
class Decoded:
    """The columns of a run of records.

    Attributes:
        columns: one array per projected column; null where the record is missing or broken.
        valid: true where the record has a row; None when all have.
        errors: true where the record could not be decoded; None when all could.
        messages: why, by position, for the rows marked in `errors`.
    """

    columns: list[ArrowArray]
    valid: Mask | None = None
    errors: Mask | None = None
    messages: dict[int, str] = field(default_factory=dict)


class Serde(ABC):
    """A format bound to the columns of a key or of a value.

    Attributes:
        name: the format's name.
        columns: the columns, in the order of the row.
    """

    name: str = ""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self._types = tuple(column.type for column in columns)

    @property
    def columnar(self) -> bool:
        """Whether its rows lie in columns, so that `decode` and `encode` mean something."""
        return True

    @abstractmethod
    def serialize(self, row: Row | None) -> bytes | None:
        """Write a row; None is no bytes.

        Raises:
            SerializationError: the row cannot be written.
        """

    @abstractmethod
    def deserialize(self, data: bytes | None) -> Row | None:
        """Read a row.

        Raises:
            SerializationError: the bytes do not fit.
        """

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read a column of records.

        Args:
            data: binary or binary_view array; null is a missing record.
            projection: positions of the columns wanted, in that order; None for all.
        """
        rows: list[Row | None] = []
        messages: dict[int, str] = {}
        for position, record in enumerate(data.to_pylist()):
            try:
                rows.append(self.deserialize(record))
            except SerializationError as error:
                rows.append(None)
                messages[position] = str(error)
        wanted = range(len(self.columns)) if projection is None else projection
        picked: list[Row | None] = (
            rows if projection is None else [r if r is None else tuple(r[i] for i in wanted) for r in rows]
        )
        columns = rows_to_arrays(picked, [self._types[i] for i in wanted])
        return Decoded(columns, _mask(r is not None for r in rows), _error_mask(messages, len(rows)), messages)

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write a column of records as a binary array.

        Args:
            columns: one array per column of the serde.
            valid: false where there is no row, so that no bytes are written; None when all rows exist.
            length: number of rows, needed when the serde has no columns and `valid` is None.

        Raises:
            SerializationError: a row cannot be written.
        """
        size = row_count(columns, valid, length)
        rows = arrays_to_rows(columns, self._types, size)
        if valid is None:
            return pa.array([self.serialize(row) for row in rows], type=pa.binary())
        return pa.array(
            [self.serialize(row) if ok else None for row, ok in zip(rows, valid, strict=True)], type=pa.binary()
        )


def row_count(columns: Sequence[ArrowArray], valid: Mask | None, length: int | None) -> int:
    """Return how many rows the arguments of `encode` stand for."""
    return len(columns[0]) if columns else len(valid) if valid is not None else length or 0


def _mask(flags: Any) -> Mask | None:
    mask = np.fromiter(flags, dtype=np.bool_)
    return None if mask.all() else mask


def _error_mask(messages: dict[int, str], length: int) -> Mask | None:
    if not messages:
        return None
    mask = np.zeros(length, dtype=np.bool_)
    mask[list(messages)] = True
    return mask
