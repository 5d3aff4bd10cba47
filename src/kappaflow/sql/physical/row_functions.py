"""Compiled expressions as operators of streams and tables need them: what happens to null rows, keys, joins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kappaflow.sql.expressions.flat_mapper import SqlFlatMapper
from kappaflow.sql.expressions.functions import SqlMapper, SqlPredicate
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.record import Record


@dataclass(frozen=True, slots=True)
class PresentRows:
    """Keeps the records whose value is not null and, where given, for which a predicate is true."""

    predicate: SqlPredicate | None = None

    @property
    def columnar(self) -> bool:
        """Whether the column form exists."""
        return self.predicate is None or self.predicate.columnar

    def row(self, record: Record) -> bool:
        """Tell whether the record is kept."""
        return record.value is not None and (self.predicate is None or self.predicate.row(record))

    def column(self, batch: Batch) -> Mask:
        """Return a mask of the rows that are kept."""
        present = np.ones(len(batch), dtype=np.bool_) if batch.value_valid is None else batch.value_valid
        return present if self.predicate is None else present & self.predicate.column(batch)


@dataclass(frozen=True, slots=True)
class RowMapper:
    """Maps rows to rows; a null row stays null."""

    mapper: SqlMapper

    @property
    def columnar(self) -> bool:
        """Whether the column form exists."""
        return self.mapper.columnar

    def row(self, record: Record) -> tuple[Any, ...] | None:
        """Return the new row."""
        return None if record.value is None else self.mapper.row(record)

    def column(self, batch: Batch) -> tuple[list[ArrowArray], Mask | None]:
        """Return the new columns and the mask of rows that exist."""
        columns, valid = self.mapper.column(batch)
        if batch.value_valid is None:
            return columns, valid
        return columns, batch.value_valid if valid is None else valid & batch.value_valid


@dataclass(frozen=True, slots=True)
class KeyMapper:
    """Makes the keys of rows; a key of one column that is NULL is a null key.

    Attributes:
        mapper: makes all columns of a row.
        of_key: for each new key column, what makes it of the old key alone, or None where it needs the value.  Of a
            null row only these columns are known.
    """

    mapper: SqlMapper
    of_key: tuple[SqlMapper | None, ...]

    @property
    def width(self) -> int:
        """The number of key columns."""
        return len(self.of_key)

    @property
    def columnar(self) -> bool:
        """Whether the column form exists: for several columns it cannot mend the keys of null rows."""
        return self.width == 1 and (self.of_key[0] or self.mapper).columnar

    def row(self, record: Record) -> tuple[Any, ...] | None:
        """Return the key."""
        key = self._of_null_row(record) if record.value is None else self.mapper.row(record)
        return None if key == (None,) else key

    def _of_null_row(self, record: Record) -> tuple[Any, ...]:
        made = (None if part is None else part.row(record) for part in self.of_key)
        return tuple(None if row is None else row[0] for row in made)

    def column(self, batch: Batch) -> tuple[list[ArrowArray], Mask | None]:
        """Return the key columns and the mask of rows whose key exists."""
        columns, valid = (self.of_key[0] or self.mapper).column(batch)
        valid = np.ones(len(batch), dtype=np.bool_) if valid is None else valid
        if batch.value_valid is not None and self.of_key[0] is None:
            valid = valid & batch.value_valid
        valid = valid & columns[0].is_valid().to_numpy(zero_copy_only=False)
        return columns, valid


@dataclass(frozen=True, slots=True)
class GroupKeyMapper:
    """Makes the groups of rows: none for a null row, and none where any part of the group is NULL."""

    mapper: SqlMapper

    @property
    def columnar(self) -> bool:
        """Whether the column form exists."""
        return self.mapper.columnar

    def row(self, record: Record) -> tuple[Any, ...] | None:
        """Return the group."""
        return None if record.value is None else self.mapper.row(record)

    def column(self, batch: Batch) -> tuple[list[ArrowArray], Mask | None]:
        """Return the group's columns and the mask of rows that have a group."""
        columns, valid = self.mapper.column(batch)
        if batch.value_valid is None:
            return columns, valid
        return columns, batch.value_valid if valid is None else valid & batch.value_valid


@dataclass(frozen=True, slots=True)
class NoKey:
    """Makes null keys: PARTITION BY NULL."""

    columnar: bool = True

    def row(self, record: Record) -> None:
        """Return the null key."""
        del record

    def column(self, batch: Batch) -> tuple[list[ArrowArray], Mask | None]:
        """Return no key columns, and that no key exists."""
        return [], np.zeros(len(batch), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class RowFlatMapper:
    """Makes rows of table functions; a null row gives none."""

    mapper: SqlFlatMapper

    def row(self, record: Record) -> list[Any]:
        """Return the new rows."""
        return [] if record.value is None else list(self.mapper.rows(record))


@dataclass(frozen=True, slots=True)
class RowJoiner:
    """Puts the columns of two rows side by side; a missing side is all NULL."""

    left_width: int
    right_width: int
    columnar: bool = True

    def row(self, key: Any, left: Sequence[Any] | None, right: Sequence[Any] | None) -> tuple[Any, ...]:
        """Return the joined row."""
        del key
        first = (None,) * self.left_width if left is None else tuple(left)
        second = (None,) * self.right_width if right is None else tuple(right)
        return first + second

    def column(
        self, batch: Batch, right: Sequence[ArrowArray], right_valid: Mask | None
    ) -> tuple[list[ArrowArray], Mask | None]:
        """Return the columns of both sides; those of a missing right row are null already."""
        del right_valid
        return [*batch.value, *right], None
