"""Record times from a column: the TIMESTAMP property."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.errors import FunctionError, KappaError, SerializationError, TimestampError
from kappaflow.serde.schema import Schema
from kappaflow.serde.types import String
from kappaflow.sql.functions.java_time import TimePattern, time_pattern
from kappaflow.sql.metastore import TimestampColumn
from kappaflow.streams.batch import Batch
from kappaflow.streams.functions import ExtractedTimes
from kappaflow.streams.record import Record, Windowed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _millis(pattern: TimePattern, text: str) -> int:
    fields = pattern.parse(text)
    moment = fields.moment().replace(tzinfo=fields.zone or UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


class ColumnTimestamp:
    """Reads the time of a record from a key or value column; a null row keeps the record's own time.

    Args:
        column: of the TIMESTAMP property.
        schema: of the rows.
        ends_query: whether a time that cannot be read ends the query, instead of dropping the record.
    """

    def __init__(self, column: TimestampColumn, schema: Schema, *, ends_query: bool = False) -> None:
        self._name = column.column
        self._ends_query = ends_query
        keys = [c.name for c in schema.key]
        values = [c.name for c in schema.value]
        self._in_key = column.column in keys and column.column not in values
        self._index = (keys if self._in_key else values).index(column.column)
        found = schema.find(column.column)
        self._parse: Callable[[str], int] | None = None
        if found is not None and isinstance(found.type, String):
            pattern = time_pattern(column.format or "")
            self._parse = lambda text: _millis(pattern, text)

    def extract(self, record: Record, partition_time: int) -> int:
        """Return the time in milliseconds since the epoch.

        Raises:
            SerializationError: the column is NULL or cannot be read as a time.
            TimestampError: the same, where that ends the query.
        """
        del partition_time
        row: Any = record.key.key if self._in_key and isinstance(record.key, Windowed) else record.key
        row = row if self._in_key else record.value
        if row is None:
            return record.timestamp
        value = row[self._index]
        if value is None:
            raise self._error("is NULL")
        if self._parse is None:
            return int(value)
        try:
            return self._parse(value)
        except (FunctionError, ValueError) as error:
            raise self._error(f"cannot be read: {error}") from None

    def _error(self, problem: str) -> KappaError:
        if self._ends_query:
            return TimestampError(
                f"Failed to extract timestamp from row: the timestamp column `{self._name}` {problem}."
            )
        return SerializationError(self._dropped(problem))

    def _dropped(self, problem: str) -> str:
        return f"The timestamp column `{self._name}` {problem}; the record is dropped."

    def column(self, batch: Batch) -> ExtractedTimes:
        """Return the times of a batch's rows.

        Raises:
            TimestampError: one cannot be read, where that ends the query.
        """
        array = (batch.key if self._in_key else batch.value)[self._index]
        there = batch.key_valid if self._in_key else batch.value_valid
        filled = array.is_valid().to_numpy(zero_copy_only=False)
        rows = np.ones(len(batch), np.bool_) if there is None else there
        problems = dict.fromkeys(np.flatnonzero(rows & ~filled).tolist(), "is NULL")
        times = batch.timestamp.copy()
        usable = rows & filled
        if self._parse is None:
            whole = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
            times[usable] = whole[usable]
        else:
            texts = array.to_pylist()
            for row in np.flatnonzero(usable).tolist():
                try:
                    times[row] = self._parse(texts[row])
                except (FunctionError, ValueError) as error:
                    problems[row] = f"cannot be read: {error}"
        if problems and self._ends_query:
            raise self._error(problems[min(problems)])
        return ExtractedTimes(times, {row: self._dropped(problem) for row, problem in problems.items()})
