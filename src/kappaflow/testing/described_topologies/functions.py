"""The user logic of described topologies, in row form and in column form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kappaflow.serde.types import BIGINT, DataType
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.functions import Fold
from kappaflow.streams.record import Record

compute: Any = pc
_INT64_MASK = (1 << 64) - 1


def _wrapped(number: int) -> int:
    number &= _INT64_MASK
    return number - (1 << 64) if number >> 63 else number


def _mask(array: ArrowArray) -> Mask:
    return array.fill_null(False).to_numpy(zero_copy_only=False)


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Keeps rows whose first column reaches a minimum; `nulls` keeps null values too."""

    minimum: int
    nulls: bool = False
    columnar: bool = True

    def row(self, record: Record) -> bool:
        """Tell whether the record is kept."""
        if record.value is None:
            return self.nulls
        return record.value[0] is not None and record.value[0] >= self.minimum

    def column(self, batch: Batch) -> Mask:
        """Return a mask of the rows that are kept."""
        kept = _mask(compute.greater_equal(batch.value[0], self.minimum))
        if batch.value_valid is None:
            return kept
        return np.where(batch.value_valid, kept, self.nulls)


@dataclass(frozen=True, slots=True)
class AddNumber:
    """Adds a number to the first column."""

    number: int
    columnar: bool = True

    def row(self, record: Record) -> Any:
        """Return the new value."""
        if record.value is None:
            return None
        first, *others = record.value
        return (None if first is None else _wrapped(first + self.number), *others)

    def column(self, batch: Batch) -> tuple[list[ArrowArray], Mask | None]:
        """Return the new columns."""
        return [compute.add(batch.value[0], self.number), *batch.value[1:]], batch.value_valid


@dataclass(frozen=True, slots=True)
class KeyByRemainder:
    """Makes a key of the remainder of the first column; `nulls` makes none of remainder 0."""

    divisor: int
    nulls: bool = False
    columnar: bool = True

    def row(self, record: Record) -> Any:
        """Return the new key."""
        if record.value is None or record.value[0] is None:
            return None
        remainder = record.value[0] % self.divisor
        return None if remainder == 0 and self.nulls else (f"k{remainder}",)

    def column(self, batch: Batch) -> tuple[list[ArrowArray], Mask | None]:
        """Return the new key column."""
        numbers = batch.value[0].to_pylist()
        present = [True] * len(batch) if batch.value_valid is None else batch.value_valid.tolist()
        keys: list[str | None] = []
        for number, valid in zip(numbers, present, strict=True):
            remainder = number % self.divisor if valid and number is not None else None
            keys.append(None if remainder is None or (remainder == 0 and self.nulls) else f"k{remainder}")
        column = pa.array(keys, pa.string())
        return [column], column.is_valid().to_numpy(zero_copy_only=False)


@dataclass(frozen=True, slots=True)
class SpreadNumbers:
    """Makes as many rows as the remainder of the first column by 3."""

    def row(self, record: Record) -> list[Any]:
        """Return the new values."""
        if record.value is None or record.value[0] is None:
            return []
        first, *others = record.value
        return [(first + i, *others) for i in range(first % 3)]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Puts the columns of two rows side by side."""

    left_width: int
    right_width: int
    columnar: bool = True

    def row(self, key: Any, left: Any, right: Any) -> Any:
        """Return the joined value."""
        del key
        return (left or (None,) * self.left_width) + (right or (None,) * self.right_width)

    def column(
        self, batch: Batch, right: Sequence[ArrowArray], right_valid: Mask | None
    ) -> tuple[list[ArrowArray], Mask | None]:
        """Return the joined columns."""
        del right_valid
        return [*batch.value, *right], None


class CountSumMax:
    """Counts records, and sums up and finds the greatest of the first column.

    Args:
        columnar: false leaves only the row form.
    """

    state_types: tuple[DataType, ...] = (BIGINT, BIGINT, BIGINT)

    def __init__(self, columnar: bool = True) -> None:
        folds = (Fold("count", None, BIGINT), Fold("sum", 0, BIGINT), Fold("max", 0, BIGINT))
        self.folds: tuple[Fold, ...] | None = folds if columnar else None

    def initial(self) -> tuple[Any, ...]:
        """Return the state of a key without records."""
        return (0, 0, None)

    def add(self, key: Any, record: Record, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the state after one more record."""
        del key
        count, total, greatest = state
        number = None if record.value is None else record.value[0]
        if number is not None:
            total = _wrapped(total + number)
            greatest = number if greatest is None else max(greatest, number)
        return (count + 1, total, greatest)

    def undo(self, key: Any, record: Record, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """The greatest cannot be taken back."""
        raise TypeError("CountSumMax has no undo")

    def merge(self, key: Any, left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the state of two sessions."""
        del key
        numbers = [number for number in (left[2], right[2]) if number is not None]
        return (left[0] + right[0], _wrapped(left[1] + right[1]), max(numbers, default=None))

    def result(self, state: tuple[Any, ...]) -> Any:
        """Return the state."""
        return state

    def inputs(self, batch: Batch) -> Sequence[ArrowArray]:
        """Return the first column."""
        return [batch.value[0]]

    def results(self, state_columns: Sequence[ArrowArray]) -> list[ArrowArray]:
        """Return the state columns."""
        return list(state_columns)


class CountSum:
    """Counts and sums up the rows of a table."""

    state_types: tuple[DataType, ...] = (BIGINT, BIGINT)
    folds: tuple[Fold, ...] | None = None

    def initial(self) -> tuple[Any, ...]:
        """Return the state of a group without rows."""
        return (0, 0)

    def add(self, key: Any, record: Record, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the state with a row."""
        del key
        return (state[0] + 1, _wrapped(state[1] + (record.value[0] or 0)))

    def undo(self, key: Any, record: Record, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the state without a row."""
        del key
        return (state[0] - 1, _wrapped(state[1] - (record.value[0] or 0)))

    def merge(self, key: Any, left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the state of both."""
        del key
        return (left[0] + right[0], _wrapped(left[1] + right[1]))

    def result(self, state: tuple[Any, ...]) -> Any:
        """Return the state."""
        return state

    def inputs(self, batch: Batch) -> Sequence[ArrowArray]:
        """There is no column form."""
        raise TypeError("CountSum has no column form")

    def results(self, state_columns: Sequence[ArrowArray]) -> list[ArrowArray]:
        """There is no column form."""
        raise TypeError("CountSum has no column form")
