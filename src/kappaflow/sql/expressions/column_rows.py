"""The row form run over rows of a `Batch`: for expressions, or rows, that the column form cannot decide.

Only the columns that the expression reads become Python values.  A whole `Record` is made only for a row that
fails, for whoever is told about the error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.serde.arrow import array_to_values, values_to_array
from kappaflow.serde.types import DataType
from kappaflow.sql.ast.expressions import ColumnReference, Expression, IntervalUnit
from kappaflow.sql.ast.rewrite import walk
from kappaflow.sql.expressions.row import OnError, compile_row
from kappaflow.sql.expressions.scope import Place, Scope, ScopeColumn
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.streams.batch import ArrowArray, Batch, Int64s
from kappaflow.streams.record import Record, Windowed

_IN_BATCHES = (Place.VALUE, Place.KEY, Place.TIMESTAMP, Place.WINDOW_START, Place.WINDOW_END)


class NotInBatches(Exception):
    """An expression reads what batches do not carry."""


class _ReadScope:
    """The columns that an expression reads, side by side as the value of a pseudo record."""

    def __init__(self, columns: Sequence[tuple[ColumnReference, ScopeColumn]]) -> None:
        self.columns: list[ScopeColumn] = []
        self._by_name: dict[tuple[str, str | None], ScopeColumn] = {}
        for reference, column in columns:
            key = (reference.name, reference.source)
            if key not in self._by_name:
                self._by_name[key] = ScopeColumn(column.type, Place.VALUE, len(self.columns))
                self.columns.append(column)

    @property
    def windowed(self) -> bool:
        return False

    def resolve(self, name: str, source: str | None) -> ScopeColumn | None:
        return self._by_name.get((name, source))

    def names(self) -> Iterable[str]:
        return [name for name, _ in self._by_name]


@dataclass(slots=True)
class _Current:
    """The batch that is being evaluated, for the record of an error."""

    batch: Batch | None = None


class RowsOfBatch:
    """One expression in row form over rows of a batch.

    Attributes:
        type: its data type.
    """

    def __init__(
        self,
        name: str,
        expression: Expression,
        scope: Scope,
        on_error: OnError,
        registry: FunctionRegistry | None,
    ) -> None:
        inner = _ReadScope(_columns_of(expression, scope))
        self._columns = inner.columns
        self._current = _Current()
        windowed = scope.windowed

        def report(failed: str, error: Exception, record: Record) -> None:
            assert self._current.batch is not None
            on_error(failed, error, record_of(self._current.batch, record.offset, windowed))

        program = compile_row([(name, expression)], inner, report, registry)
        self.type: DataType | None = program.types[0]
        self._program = program

    def values(self, batch: Batch, rows: Int64s | None = None) -> list[Any]:
        """Return the row values of `rows` (all when None), in order."""
        arrays = [_read(column, batch) for column in self._columns]
        if rows is not None:
            arrays = [array.take(pa.array(rows)) for array in arrays]
        indices = range(len(batch)) if rows is None else rows.tolist()
        columns = [array_to_values(a, c.type) for a, c in zip(arrays, self._columns, strict=True)]
        tuples: Iterable[tuple[Any, ...]] = zip(*columns, strict=True) if columns else (() for _ in indices)
        function = self._program.function
        self._current.batch = batch
        try:
            return [
                function(Record(None, value, 0, (), "", 0, index))[0]
                for index, value in zip(indices, tuples, strict=True)
            ]
        finally:
            self._current.batch = None

    def array(self, batch: Batch, rows: Int64s | None = None) -> ArrowArray:
        """Return the values of `rows` as an Arrow column."""
        assert self.type is not None
        return values_to_array(self.values(batch, rows), self.type)


def _columns_of(expression: Expression, scope: Scope) -> list[tuple[ColumnReference, ScopeColumn]]:
    found: list[tuple[ColumnReference, ScopeColumn]] = []
    for node in walk(expression):
        reference = ColumnReference(node.value) if isinstance(node, IntervalUnit) else node
        if not isinstance(reference, ColumnReference):
            continue
        column = scope.resolve(reference.name, reference.source)
        if column is None:
            continue
        if column.place not in _IN_BATCHES:
            raise NotInBatches(f"{reference.name} is read from the record itself")
        found.append((reference, column))
    return found


def _read(column: ScopeColumn, batch: Batch) -> ArrowArray:
    match column.place:
        case Place.KEY:
            return batch.key[column.index]
        case Place.TIMESTAMP:
            return pa.array(batch.timestamp)
        case Place.WINDOW_START:
            return pa.array(batch.window_start)
        case Place.WINDOW_END:
            return pa.array(batch.window_end)
        case _:
            return batch.value[column.index]


def record_of(batch: Batch, row: int, windowed: bool = False) -> Record:
    """Return one row of a batch as a record; time types as Python sees them in Arrow."""
    key: Any = None
    if batch.key_valid is None or bool(batch.key_valid[row]):
        key = tuple(column[row].as_py() for column in batch.key)
    if windowed and batch.window_start is not None and batch.window_end is not None:
        key = Windowed(key, int(batch.window_start[row]), int(batch.window_end[row]))
    value: Any = None
    if batch.value_valid is None or bool(batch.value_valid[row]):
        value = tuple(column[row].as_py() for column in batch.value)
    partition = 0 if batch.partition is None else int(batch.partition[row])
    offset = -1 if batch.offset is None else int(batch.offset[row])
    return Record(key, value, int(batch.timestamp[row]), (), "", partition, offset)


def rows_of(mask: ArrowArray) -> Int64s:
    """Return the positions where a mask is true."""
    return np.flatnonzero(mask.fill_null(False).to_numpy(zero_copy_only=False)).astype(np.int64)
