"""Column form of the join of a stream with a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kappaflow import kernel
from kappaflow.serde.arrow import rows_to_arrays
from kappaflow.state import PackedStore
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.columns.batches import both, plain, serialised_keys, take, valid_rows
from kappaflow.streams.columns.stored_rows import StoredRows, joined_columns
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.topology import nodes as n


class StreamTableJoinColumns:
    """Looks each row of the stream (port 0) up in the table (port 1) as it stands at the row's position."""

    def __init__(self, node: n.StreamTableJoin, store: PackedStore, context: TaskContext) -> None:
        self.node = node
        self.context = context
        self._rows = StoredRows(store, node.store.types)

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Take the changes of the table and return the joined rows of the stream."""
        stream, table = inputs
        changed = None if table is None else plain(serialised_keys(self.node.store.key_serde, table))
        joined = None if stream is None else self._join(stream, table, changed)
        if table is not None and changed is not None:
            valid = valid_rows(table.value_valid, len(table))
            self._rows.write_last(changed, table.value, valid, table.timestamp)
        return joined

    def _join(self, stream: Batch, table: Batch | None, changed: ArrowArray | None) -> Batch | None:
        left = self.node.left
        mask = both(None if left else stream.key_valid, stream.value_valid)
        if mask is not None:
            self.context.drop("null-key-or-value", int((~mask).sum()))
            stream = take(stream, mask)
        if not len(stream):
            return None
        keys = plain(serialised_keys(self.node.store.key_serde, stream))
        if stream.key_valid is not None:
            keys = _without(keys, stream.key_valid)
        columns, present = self._rows_at(stream, keys, table, changed)
        if not left and not present.all():
            stream = take(stream, present)
            columns = [plain(column).filter(pa.array(present)) for column in columns]
            present = np.ones(len(stream), np.bool_)
            if not len(stream):
                return None
        if not present.all():
            there = pa.array(present)
            columns = [_null_unless(there, plain(column)) for column in columns]
        stream.value, stream.value_valid = self.node.joiner.column(stream, columns, present)
        return stream

    def _rows_at(
        self, stream: Batch, keys: ArrowArray, table: Batch | None, changed: ArrowArray | None
    ) -> tuple[list[ArrowArray], Mask]:
        if table is None or changed is None or not len(table):
            return self._rows.read(keys)
        latest = kernel.as_of(changed, table.ord, keys, stream.ord)
        before = np.flatnonzero(latest < 0)
        if len(before):
            stored, found = self._rows.read(keys.take(pa.array(before)))
        else:
            stored, found = rows_to_arrays([], self.node.store.types), np.zeros(0, np.bool_)
        rows = latest.copy()
        rows[before] = len(table) + np.arange(len(before))
        present = np.concatenate([valid_rows(table.value_valid, len(table)), found])[rows]
        return joined_columns(table.value, stored, rows), present


def _without(keys: ArrowArray, valid: Mask) -> ArrowArray:
    """Return keys that are null where they are not valid."""
    return pa.array([key if there else None for key, there in zip(keys.to_pylist(), valid, strict=True)], pa.binary())


def _null_unless(there: ArrowArray, column: ArrowArray) -> ArrowArray:
    return pc.call_function("if_else", [there, column, pa.scalar(None, column.type)])
