"""Record times from a column: the TIMESTAMP property."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.errors import FunctionError, SerializationError
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
    """Reads the time of a record from a key or value column; a null row keeps the record's own time."""

    def __init__(self, column: TimestampColumn, schema: Schema) -> None:
        self._name = column.column
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
        """
        del partition_time
        row: Any = record.key.key if self._in_key and isinstance(record.key, Windowed) else record.key
        row = row if self._in_key else record.value
        if row is None:
            return record.timestamp
        value = row[self._index]
        if value is None:
            raise SerializationError(f"The timestamp column `{self._name}` is NULL; the record is dropped.")
        if self._parse is None:
            return int(value)
        try:
            return self._parse(value)
        except (FunctionError, ValueError) as error:
            raise SerializationError(
                f"The timestamp column `{self._name}` cannot be read: {error}; the record is dropped."
            ) from None

    def column(self, batch: Batch) -> ExtractedTimes:
        """Return the times of a batch's rows."""
        array = (batch.key if self._in_key else batch.value)[self._index]
        there = batch.key_valid if self._in_key else batch.value_valid
        filled = array.is_valid().to_numpy(zero_copy_only=False)
        rows = np.ones(len(batch), np.bool_) if there is None else there
        messages = dict.fromkeys(
            np.flatnonzero(rows & ~filled).tolist(),
            f"The timestamp column `{self._name}` is NULL; the record is dropped.",
        )
        times = batch.timestamp.copy()
        usable = rows & filled
        if self._parse is None:
            whole = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
            times[usable] = whole[usable]
            return ExtractedTimes(times, messages)
        texts = array.to_pylist()
        for row in np.flatnonzero(usable).tolist():
            try:
                times[row] = self._parse(texts[row])
            except (FunctionError, ValueError) as error:
                messages[row] = f"The timestamp column `{self._name}` cannot be read: {error}; the record is dropped."
        return ExtractedTimes(times, messages)
