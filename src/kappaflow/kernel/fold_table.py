"""The state of an aggregation in memory: the twin that defines `FoldTable`.

    missing(keys) -> read those from the store -> load -> fold_every / fold_last -> drain_dirty -> write to the store

One table belongs to one store of one task.  Keys are bytes; for windows the caller appends the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kappaflow.kernel.fold_columns import DirtyRows, FoldOutput, Mask, arrow_type, check_folds
from kappaflow.kernel.fold_steps import pack, start_of, step_of, unpack
from kappaflow.kernel.record_columns import ArrowArray, Int64s

_ROW_BYTES = 200  # what a small row costs in Python objects, for the memory account


@dataclass(slots=True)
class _Row:
    """A key that the store was asked for; its state is None where there is none."""

    state: list[Any] | None = None
    timestamp: int = -1
    dirty: bool = False
    known: bool = False
    sequence: int = 0


class FoldTable:
    """States of one aggregation, with the semantics of Kafka Streams.

    A fold is (kind, type).  Kinds: ``count`` (rows, or non-null inputs where a column is given), ``sum`` (from
    zero; INTEGER and BIGINT wrap as in Java, DOUBLE is a strict left fold), ``min``, ``max`` (Java's order),
    ``latest``, ``earliest`` (of non-null inputs), ``last`` (null included).  A state's timestamp is the greatest
    timestamp of its rows.

    What a store keeps of a state is packed by `kappaflow.kernel.fold_steps.pack`.

    Args:
        folds: the state columns.

    Raises:
        ValueError: a kind or a type is not known.
    """

    def __init__(self, folds: Sequence[tuple[str, str]]) -> None:
        self._folds = check_folds(list(folds))
        self._types = [of for _, of in self._folds]
        self._steps = [step_of(*fold) for fold in self._folds]
        self._rows: dict[bytes, _Row] = {}
        self._sequence = 0

    @property
    def bytes(self) -> int:
        """Bytes held, roughly."""
        return sum(_ROW_BYTES + len(key) for key in self._rows)

    def __len__(self) -> int:
        """Keys held, those without state included."""
        return len(self._rows)

    def missing(self, keys: ArrowArray) -> ArrowArray:
        """The distinct keys of which the table does not know whether the store has a state, as Arrow binary."""
        import pyarrow as pa

        wanted = dict.fromkeys(key for key in _key_list(keys) if key is not None)
        return pa.array([key for key in wanted if key not in self._rows or not self._rows[key].known], pa.binary())

    def load(self, keys: ArrowArray, packed: ArrowArray) -> None:
        """Take in what the store has; null means that it has nothing.  States changed since are left alone.

        Raises:
            ValueError: a packed row is not one of these folds, or lengths differ.
        """
        states = packed.to_pylist()
        if len(states) != len(keys):
            raise ValueError("keys and packed rows must have the same length")
        for at, (key, state) in enumerate(zip(_key_list(keys), states, strict=True)):
            if key is None:
                continue
            row = self._rows.setdefault(key, _Row())
            if row.dirty:
                continue
            row.state, row.known, row.sequence = None, False, self._sequence
            if state is not None:
                try:
                    row.timestamp, row.state = unpack(state, self._types)
                except ValueError as error:
                    raise ValueError(f"row {at} is not a packed row of these folds") from error
            row.known = True

    def fold_every(
        self,
        keys: ArrowArray,
        timestamp: Int64s,
        inputs: Sequence[ArrowArray | None],
        mask: Mask | None = None,
        *,
        with_old: bool = False,
    ) -> FoldOutput:
        """Fold rows in order and give the state after each.

        Args:
            keys: Arrow binary; rows with a null key are masked out.  A key not loaded has no state yet.
            timestamp: int64, milliseconds.
            inputs: one column per fold, None for a count of rows.
            mask: false where a row must not be folded.
            with_old: also give the state before each row.

        Raises:
            ValueError: lengths differ.
            TypeError: a column does not have its fold's type.
        """
        outputs = self._fold(keys, timestamp, inputs, mask)
        return FoldOutput(
            columns=self._columns([new for new, _, _ in outputs]),
            old_columns=self._columns([old for _, old, _ in outputs]) if with_old else [],
            old_valid=np.array([old is not None for _, old, _ in outputs] if with_old else [], np.bool_),
            timestamp=np.array([time for _, _, time in outputs], np.int64),
        )

    def fold_last(
        self, keys: ArrowArray, timestamp: Int64s, inputs: Sequence[ArrowArray | None], mask: Mask | None = None
    ) -> None:
        """Fold rows in order; `drain_dirty` gives the states.  Arguments and errors as for `fold_every`."""
        self._fold(keys, timestamp, inputs, mask)

    def _fold(
        self, keys: ArrowArray, timestamp: Int64s, inputs: Sequence[ArrowArray | None], mask: Mask | None
    ) -> list[tuple[list[Any] | None, list[Any] | None, int]]:
        times = np.asarray(timestamp, np.int64).tolist()
        columns = self._inputs(inputs, len(times))
        if len(keys) != len(times) or (mask is not None and len(mask) != len(times)):
            raise ValueError("keys, timestamps and inputs must have the same length")
        outputs: list[tuple[list[Any] | None, list[Any] | None, int]] = []
        for at, (key, time) in enumerate(zip(_key_list(keys), times, strict=True)):
            if key is None or (mask is not None and not mask[at]):
                outputs.append((None, None, time))
                continue
            row = self._touch(key)
            old = row.state
            row.timestamp = time if old is None else max(row.timestamp, time)
            state = [start_of(*fold) for fold in self._folds] if old is None else old
            row.state = [
                step(value, column[at]) for step, value, column in zip(self._steps, state, columns, strict=True)
            ]
            outputs.append((row.state, old, row.timestamp))
        return outputs

    def delete(self, keys: ArrowArray) -> None:
        """Remove the states of keys; the next fold starts anew, `drain_dirty` gives them with a null row."""
        for key in _key_list(keys):
            if key is not None:
                row = self._touch(key)
                row.state, row.timestamp = None, -1

    def read(self, keys: ArrowArray) -> FoldOutput:
        """The states of keys as they stand, null where there is none (in memory); `old_valid` says where."""
        rows = [None if key is None else self._rows.get(key) for key in _key_list(keys)]
        states = [row if row is not None and row.state is not None else None for row in rows]
        return FoldOutput(
            columns=self._columns([None if row is None else row.state for row in states]),
            old_columns=[],
            old_valid=np.array([row is not None for row in states], np.bool_),
            timestamp=np.array([-1 if row is None else row.timestamp for row in states], np.int64),
        )

    def drain_dirty(self) -> DirtyRows:
        """What changed since the last drain; the states stay in memory and are clean."""
        import pyarrow as pa

        dirty = sorted(((key, row) for key, row in self._rows.items() if row.dirty), key=lambda item: item[1].sequence)
        for _, row in dirty:
            row.dirty = False
        packed = [None if row.state is None else pack(row.timestamp, row.state, self._types) for _, row in dirty]
        return DirtyRows(
            keys=pa.array([key for key, _ in dirty], pa.binary()),
            packed=pa.array(packed, pa.binary()),
            columns=self._columns([row.state for _, row in dirty]),
            timestamp=np.array([-1 if row.state is None else row.timestamp for _, row in dirty], np.int64),
        )

    def evict_clean(self, limit_bytes: int) -> int:
        """Forget the least recently used clean states until about `limit_bytes` are held; gives how many."""
        clean = sorted((row.sequence, key) for key, row in self._rows.items() if not row.dirty)
        excess = self.bytes - limit_bytes
        evicted = 0
        for _, key in clean:
            if excess <= 0:
                break
            excess -= _ROW_BYTES + len(key)
            del self._rows[key]
            evicted += 1
        return evicted

    def _touch(self, key: bytes) -> _Row:
        row = self._rows.setdefault(key, _Row())
        row.dirty = row.known = True
        row.sequence = self._sequence
        self._sequence += 1
        return row

    def _inputs(self, inputs: Sequence[ArrowArray | None], rows: int) -> list[list[Any]]:
        if len(inputs) != len(self._folds):
            raise ValueError(f"{len(inputs)} input columns for {len(self._folds)} folds")
        lists: list[list[Any]] = []
        for (kind, of), column in zip(self._folds, inputs, strict=True):
            if column is None and kind != "count":
                raise TypeError("only count goes without a column")
            if column is not None and len(column) != rows:
                raise ValueError("keys, timestamps and inputs must have the same length")
            if column is None:
                lists.append([True] * rows)
            elif kind == "count":
                lists.append([bool(valid) for valid in column.is_valid().to_pylist()])
            else:
                lists.append(plain_values(column, of))
        return lists

    def _columns(self, states: list[list[Any] | None]) -> list[ArrowArray]:
        import pyarrow as pa

        return [
            pa.array([None if state is None else state[column] for state in states], arrow_type(of))
            for column, of in enumerate(self._types)
        ]


def _key_list(keys: ArrowArray) -> list[bytes | None]:
    return [key.encode() if isinstance(key, str) else key for key in keys.to_pylist()]


def plain_values(column: ArrowArray, of: str) -> list[Any]:
    """A column as plain values, times as integers.

    Raises:
        TypeError: the column does not have the type.
    """
    import pyarrow as pa

    kind = column.type
    if of in ("DATE", "TIME", "TIMESTAMP"):
        column = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
    fits = {
        "BOOLEAN": pa.types.is_boolean,
        "DOUBLE": pa.types.is_float64,
        "STRING": lambda t: pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t),
        "BYTES": lambda t: pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_binary_view(t),
    }
    whole = lambda t: (pa.types.is_integer(t) and t.bit_width >= 32) or pa.types.is_temporal(t)  # noqa: E731
    if not pa.types.is_null(kind) and not fits.get(of, whole)(kind):
        raise TypeError(f"a {of} input is needed, not {kind}")
    return column.to_pylist()
