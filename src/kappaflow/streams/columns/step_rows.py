"""Rows of batches as records, and records as rows of a batch, for operators that take one row after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.serde.shape import Shape
from kappaflow.streams.batch import ArrowArray, Batch
from kappaflow.streams.columns.batches import take
from kappaflow.streams.columns.merging import merged
from kappaflow.streams.processors.base import Processor, TaskContext
from kappaflow.streams.record import Change, Headers, Record, Windowed

_HEADERS = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))
Emitted = tuple[int, Record]


@dataclass(frozen=True, slots=True)
class Columns:
    """How the keys and values of a stream or table lie in columns; None where that is not known."""

    key: Shape | None = None
    value: Shape | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """How the row form of an operator runs over the rows of batches.

    Attributes:
        takes_changes, makes_changes: its records are changes of a table.
        keeps_key: what it forwards for a row has the row's key, within a window or not.
        keeps_record: what it forwards for a row has the row's headers.
        reads_place: it reads where records stood in their topics.
        value, key: what it forwards lies in these columns; None is as it comes.
        specs: its stores, where they are others than those it is connected to, with how many bytes of times end their
            keys: 0 looks keys up one by one, -1 has few keys and all of them in memory.
    """

    takes_changes: bool = False
    makes_changes: bool = False
    keeps_key: bool = True
    keeps_record: bool = True
    reads_place: bool = False
    value: Shape | None = None
    key: Shape | None = None
    specs: tuple[tuple[Any, int], ...] = ()


class Collector(Processor):
    """Takes what an operator forwards, with the row that it works on."""

    def __init__(self, context: TaskContext) -> None:
        super().__init__("", context)
        self.row = 0
        self.emitted: list[Emitted] = []

    def process(self, record: Record, port: int = 0) -> None:
        """Keep the record."""
        self.emitted.append((self.row, record))


def frame(batch: Batch) -> Batch:
    """Return a batch without values, so that those of several inputs can be put together."""
    return replace(batch, value=[], value_valid=None, old=None, old_valid=None, latest=None)


def records(batch: Batch, columns: Columns, *, changes: bool, headers: bool) -> Iterator[Record]:
    """Yield the rows of a batch as records."""
    count = len(batch)
    assert columns.key is not None and columns.value is not None
    keys: list[Any] = columns.key.values(batch.key, batch.key_valid, count)
    if batch.window_start is not None and batch.window_end is not None:
        bounds = zip(keys, batch.window_start.tolist(), batch.window_end.tolist(), strict=True)
        keys = [None if key is None else Windowed(key, start, end) for key, start, end in bounds]
    values: list[Any] = columns.value.values(batch.value, batch.value_valid, count)
    if changes:
        olds: list[Any] = [None] * count
        if batch.old is not None:
            olds = columns.value.values(batch.old, batch.old_valid, count)
        latest = [True] * count if batch.latest is None else batch.latest.tolist()
        values = [Change(*parts) for parts in zip(values, olds, latest, strict=True)]
    listed = read_headers(batch) if headers else [()] * count
    for parts in zip(keys, values, batch.timestamp.tolist(), listed, strict=True):
        yield Record(*parts)


def read_headers(batch: Batch) -> list[Headers]:
    """Return the headers of each row."""
    if batch.headers is None:
        return [()] * len(batch)
    return [tuple((each["key"], each["value"]) for each in row or ()) for row in batch.headers.to_pylist()]


def write_headers(headers: Sequence[Headers]) -> ArrowArray | None:
    """Return headers as a column; None where no row has any."""
    if not any(headers):
        return None
    return pa.array([[{"key": name, "value": value} for name, value in row] for row in headers], _HEADERS)


def batch_of(source: Batch, emitted: Sequence[Emitted], steps: Steps, columns: Columns) -> Batch:
    """Return what was forwarded for the rows of a batch.

    Args:
        source: the batch, without values.
        columns: of what was forwarded.
    """
    of = [record for _, record in emitted]
    rows = np.array([row for row, _ in emitted], np.int64)
    if steps.keeps_key:
        made = take(source, rows)
    else:
        made = Batch(ord=source.ord[rows], timestamp=source.timestamp[rows], key=[], value=[])
        made.headers = None if source.headers is None else source.headers.take(pa.array(rows))
    made.timestamp = np.array([record.timestamp for record in of], np.int64)
    _set_keys(made, of, steps, columns)
    if not steps.keeps_record:
        made.headers = write_headers([record.headers for record in of])
    assert columns.value is not None
    if steps.makes_changes:
        made.value, made.value_valid = columns.value.arrays([record.value.new for record in of])
        made.old, made.old_valid = columns.value.arrays([record.value.old for record in of])
        latest = np.array([record.value.is_latest for record in of], np.bool_)
        made.latest = None if latest.all() else latest
    else:
        made.value, made.value_valid = columns.value.arrays([record.value for record in of])
    return made


def _set_keys(made: Batch, of: Sequence[Record], steps: Steps, columns: Columns) -> None:
    keys = [record.key for record in of]
    windowed = next((key for key in keys if key is not None), None)
    if isinstance(windowed, Windowed):
        made.window_start = np.array([-1 if key is None else key.start for key in keys], np.int64)
        made.window_end = np.array([-1 if key is None else key.end for key in keys], np.int64)
        keys = [None if key is None else key.key for key in keys]
    if steps.keeps_key:
        return
    assert columns.key is not None
    made.key, made.key_valid = columns.key.arrays(keys)
    made.key_bytes, made.key_format = None, ""


def together(batches: Sequence[Batch]) -> Batch:
    """Return the rows of several inputs in the order of their positions, without values."""
    frames = [frame(batch) for batch in batches]
    return frames[0] if len(frames) == 1 else merged(frames)


def in_order(batches: Sequence[tuple[int, Batch]]) -> list[tuple[int, int]]:
    """Return port and row of all rows of several inputs in the order of their positions."""
    ports = np.concatenate([np.full(len(batch), port, np.int64) for port, batch in batches])
    rows = np.concatenate([np.arange(len(batch), dtype=np.int64) for _, batch in batches])
    order = np.argsort(np.concatenate([batch.ord for _, batch in batches]), kind="stable")
    return list(zip(ports[order].tolist(), rows[order].tolist(), strict=True))
