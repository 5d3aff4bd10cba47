"""Sessions of keys whose rows come in the order of their times: runs of rows that are near each other.

    codes of keys, times ─▶ sorted by key ─▶ a run begins where the row before is too far away ─▶ folded as columns

Such a row meets the key's newest session or none.  Keys with a row out of order, or with one that comes too late, are
left to whoever looks at one row after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow import kernel
from kappaflow.serde.arrow import rows_to_arrays
from kappaflow.streams.batch import ArrowArray, Int64s, Mask
from kappaflow.streams.functions import Fold

State = tuple[Any, ...]
NEVER = -1
"""The end of a session that is not there: before all times."""


@dataclass(slots=True)
class Session:
    """An open session."""

    start: int
    end: int
    state: State


@dataclass(frozen=True, slots=True)
class RowTimes:
    """The times of the rows of a batch.

    Attributes:
        time: of each row.
        observed: the operator's stream time, with the row.
        newest: the newest end of a session, before the row.
    """

    time: Int64s
    observed: Int64s
    newest: Int64s

    @classmethod
    def of(cls, time: Int64s, observed: int, newest: int) -> RowTimes:
        """Go on from the operator's times; the newest row always is the end of a session."""
        return cls(
            time,
            np.maximum.accumulate(np.append(observed, time))[1:],
            np.maximum.accumulate(np.append(newest, time))[:-1],
        )


@dataclass(frozen=True, slots=True)
class Spans:
    """How far apart rows of a session may be, how late they may be, and how long a store shows a session."""

    gap_ms: int
    grace_ms: int
    retention_ms: int


@dataclass(frozen=True, slots=True)
class Runs:
    """Rows by key, then position, and the runs that they make.

    Attributes:
        row: the position of each row in its batch.
        time: of each row.
        run: of each row.
        start: of the session of each row.
        before: the end of the session before each row; where it did not go on, of another one.
        replaces: whether each row makes a session longer, so that the shorter one is no more.
        key: of each run.
        head, tail: the first and last row of each run.
        goes_on: whether each run goes on from a session from before the batch.
    """

    row: Int64s
    time: Int64s
    run: Int64s
    start: Int64s
    before: Int64s
    replaces: Mask
    key: Int64s
    head: Int64s
    tail: Int64s
    goes_on: Mask


def runs_of(codes: Int64s, times: RowTimes, last: Sequence[Session | None], spans: Spans) -> tuple[Runs, Int64s]:
    """Find the runs.

    Args:
        codes: the key of each row.
        last: the newest session of each key.

    Returns:
        The runs, and the rows of all other keys, in order.
    """
    order = np.argsort(codes, kind="stable")
    code, time = codes[order], times.time[order]
    last_end = np.array([NEVER if each is None else each.end for each in last], np.int64)
    last_start = np.array([NEVER if each is None else each.start for each in last], np.int64)
    first = np.append(True, code[1:] != code[:-1])
    before = np.where(first, last_end[code], np.append(NEVER, time[:-1]))
    unusual = (time < before) | (time < times.observed[order] - spans.grace_ms - spans.gap_ms)
    rest: Int64s = np.zeros(0, np.int64)
    if unusual.any():
        left_out = np.zeros(len(last), np.bool_)
        left_out[code[unusual]] = True
        rest = np.flatnonzero(left_out[codes])
        kept = ~left_out[code]
        order, code, time, first, before = (each[kept] for each in (order, code, time, first, before))
    earliest = np.maximum(np.maximum(time - spans.gap_ms, 0), times.newest[order] - spans.retention_ms + 1)
    goes_on = before >= earliest
    begins = first | ~goes_on
    run = np.cumsum(begins) - 1
    head = np.flatnonzero(begins)
    start = np.where(goes_on[head], last_start[code[head]], time[head])[run]
    tail = np.append(head[1:], len(order)) - 1 if len(head) else head
    replaces = goes_on & (start != time)
    return Runs(order, time, run, start, before, replaces, code[head], head, tail, goes_on[head]), rest


def folded(runs: Runs, inputs: Sequence[ArrowArray | None], folds: Sequence[Fold], earlier: Sequence[State]) -> Any:
    """Return the state after each row, as columns, and that before it where it goes on.

    Args:
        inputs: of each fold, by the rows of the batch.
        earlier: the states of the runs that go on, in their order.
    """
    types = [str(fold.type) for fold in folds]
    table = kernel.FoldTable([(fold.kind, of) for fold, of in zip(folds, types, strict=True)])
    if earlier:
        columns = rows_to_arrays(earlier, [fold.type for fold in folds])
        table.load(
            _numbered(np.flatnonzero(runs.goes_on)),
            kernel.pack_rows(np.zeros(len(earlier), np.int64), columns, types),
        )
    rows = pa.array(runs.row)
    arguments = [None if column is None else column.take(rows) for column in inputs]
    return table.fold_every(_numbered(runs.run), runs.time, arguments, with_old=True)


def _numbered(numbers: Int64s) -> ArrowArray:
    """Return numbers as keys of 8 bytes."""
    offsets = np.arange(0, 8 * (len(numbers) + 1), 8, dtype=np.int32)
    data = np.ascontiguousarray(numbers, np.int64)
    return pa.Array.from_buffers(pa.binary(), len(numbers), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def session_keys(keys: Sequence[bytes], starts: Int64s, ends: Int64s) -> list[bytes]:
    """Return the keys of sessions in a store."""
    times = np.stack([ends, starts], axis=1).astype(">i8").tobytes()
    return [key + times[16 * at : 16 * at + 16] for at, key in enumerate(keys)]
