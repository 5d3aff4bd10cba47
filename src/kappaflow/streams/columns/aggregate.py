"""Column forms of aggregations of streams: per key, and per key and time window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from kappaflow import kernel
from kappaflow.kernel import DirtyRows
from kappaflow.kernel.fold_steps import start_of
from kappaflow.serde import WindowedKeySerde
from kappaflow.state import PackedStore
from kappaflow.streams.batch import ArrowArray, Batch, Int64s, Mask
from kappaflow.streams.columns.batches import both, plain, serialised_keys, take
from kappaflow.streams.columns.fold_rows import fold_rows
from kappaflow.streams.columns.last_headers import LastHeaders
from kappaflow.streams.columns.operator import only
from kappaflow.streams.columns.results_before import ResultsBefore
from kappaflow.streams.processors.base import NO_TIME, Expiry, TaskContext
from kappaflow.streams.processors.result_cache import holds_back
from kappaflow.streams.topology import nodes as n

pc: Any = _compute  # its functions are made at import and have no types
CLEAN_STATE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class ChangedStates:
    """States changed since the last commit, each key once, in the order of the last changes.

    Attributes:
        keys: Arrow binary.
        columns: one array a column that the changelog's serde writes.
        timestamps: int64, milliseconds.
        valid: none is deleted.
        results: what the operator forwards where it holds results back until the commit.
    """

    keys: ArrowArray
    columns: list[ArrowArray]
    timestamps: Int64s
    results: Batch
    valid: Mask | None = None


class AggregateColumns:
    """Folds rows per key, or per key and window, over the kernel's table and its store.

    Attributes:
        observed_time: the stream time of a windowed aggregation.
        holds: results wait for commits.
    """

    def __init__(
        self,
        node: n.StreamAggregate | n.WindowedAggregate,
        store: PackedStore,
        context: TaskContext,
        *,
        tracks_old: bool,
    ) -> None:
        self.node = node
        self.store = store
        self.context = context
        self.observed_time = NO_TIME
        self.holds = holds_back(context, node.store)
        self._tracks_old = tracks_old
        folds = node.aggregator.folds or ()
        self._rows_kept = fold_rows(node.store, store, tuple(fold.type for fold in folds))
        self._inputs = [fold.input for fold in folds]
        self._table = kernel.FoldTable([(fold.kind, str(fold.type)) for fold in folds])
        self._before = ResultsBefore()
        self._headers = LastHeaders()
        self._drained_bytes = 0
        self._shown: list[ArrowArray] = []
        # As long as every state is in memory, a key that is not there is new.
        self._holds_all = store.is_empty()

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Fold the rows; return the result of each, or None when results wait for the commit."""
        batch = self._windows(only(inputs)) if isinstance(self.node, n.WindowedAggregate) else self._rows(only(inputs))
        if not len(batch):
            return None
        keys = serialised_keys(self.node.store.key_serde, batch)
        if not self._holds_all:
            self._load(keys)
        aggregator = self.node.aggregator
        columns = aggregator.inputs(batch)
        arguments = [None if position is None else columns[position] for position in self._inputs]
        if self.holds:
            if self._tracks_old:
                self._keep_before(keys)
            self._headers.keep(keys, batch)
            self._table.fold_last(keys, batch.timestamp, arguments)
            return None
        output = self._table.fold_every(keys, batch.timestamp, arguments, with_old=self._tracks_old)
        batch.value, batch.value_valid = aggregator.results(output.columns), None
        batch.timestamp = output.timestamp
        if self._tracks_old:
            batch.old, batch.old_valid = self._old(output.old_columns, output.old_valid)
        return batch

    def _old(self, states: list[ArrowArray], valid: Mask) -> tuple[list[ArrowArray], Mask]:
        """Return results before rows; of a new key its first aggregate, where the operator has it so."""
        aggregator = self.node.aggregator
        if not self.node.initial_is_old or valid.all():
            return aggregator.results(states), valid
        there = pa.array(valid)
        starts = [start_of(fold.kind, str(fold.type)) for fold in aggregator.folds or ()]
        filled = [
            column if start is None else pc.if_else(there, plain(column), pa.scalar(start, plain(column).type))
            for column, start in zip(states, starts, strict=True)
        ]
        return aggregator.results(filled), np.ones(len(valid), np.bool_)

    def _load(self, keys: ArrowArray) -> None:
        missing = self._table.missing(keys)
        if len(missing):
            self._table.load(missing, self._rows_kept.load(missing))

    def _keep_before(self, keys: ArrowArray) -> None:
        unseen = self._before.unseen(plain(keys))
        if len(unseen):
            states = self._table.read(unseen)
            # Of a new key nothing: what waits for a commit replaces what the store has.
            self._before.keep(unseen, self.node.aggregator.results(states.columns), states.old_valid)

    def _rows(self, batch: Batch) -> Batch:
        mask = both(batch.key_valid, batch.value_valid)
        if mask is None:
            return batch
        self.context.drop("null-key-or-value", int((~mask).sum()))
        return take(batch, mask)

    def _windows(self, batch: Batch) -> Batch:
        node = self.node
        assert isinstance(node, n.WindowedAggregate)
        mask = both(batch.key_valid, None)
        if mask is not None:
            self.context.drop("null-key", int((~mask).sum()))
        rows = kernel.assign_windows(
            batch.timestamp, self.observed_time, node.size_ms, node.advance_ms, node.grace_ms, mask
        )
        self.observed_time = rows.stream_time
        if rows.late_count:
            self.context.drop("expired-window", rows.late_count)
        whole = len(rows.row) == len(batch) and node.size_ms == node.advance_ms
        inner = cast("WindowedKeySerde", node.store.key_serde).inner
        if batch.key_bytes is None or batch.key_format != inner.name:
            batch.key_bytes, batch.key_format = inner.encode(batch.key, batch.key_valid, len(batch)), inner.name
        windowed = batch if whole else take(batch, rows.row)
        windowed.window_start = rows.start
        windowed.window_end = rows.start + node.size_ms
        return windowed

    def progress(self) -> dict[str, int]:
        """Return the operator's time."""
        return {} if self.observed_time == NO_TIME else {"observed": self.observed_time}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on from what `progress` gave."""
        self.observed_time = progress.get("observed", NO_TIME)

    def expiries(self) -> list[Expiry]:
        """Return the windows beyond the retention."""
        node = self.node
        if not isinstance(node, n.WindowedAggregate):
            return []
        retention_ms = node.store.retention_ms or node.size_ms + node.grace_ms
        return [Expiry.of(node.store.name, 8, self.observed_time, retention_ms)]

    @property
    def delta_bytes(self) -> int:
        """What states have grown by since they were handed over."""
        return max(0, self._table.bytes - self._drained_bytes)

    def sync(self) -> None:
        """Let the store show the states as they are; what changed since the last `drain` stays noted."""
        dirty = self._table.drain_dirty()
        if len(dirty.keys):
            self._rows_kept.save(dirty)
            self._shown.append(dirty.keys)

    def drain(self) -> ChangedStates | None:
        """Hand changed states over to the store; None when nothing changed."""
        dirty = self._table.drain_dirty()
        if len(dirty.keys):
            self._rows_kept.save(dirty)
        if self._shown:
            dirty = self._with_shown(dirty)
        if not len(dirty.keys):
            return None
        columns = self._rows_kept.logged(dirty)
        changed = ChangedStates(dirty.keys, columns, dirty.timestamp, self._results(dirty))
        if self._table.evict_clean(CLEAN_STATE_BYTES):
            self._holds_all = False
        self._drained_bytes = self._table.bytes
        return changed

    def _with_shown(self, dirty: DirtyRows) -> DirtyRows:
        """Add the states that `sync` has shown, each key once, in the order of their last changes."""
        keys = pa.concat_arrays([*self._shown, dirty.keys])
        self._shown.clear()
        keys = keys.take(pa.array(kernel.last_per_key(keys)))
        states = self._table.read(keys)
        return DirtyRows(keys, None, states.columns, states.timestamp)

    def _results(self, dirty: DirtyRows) -> Batch:
        serde = self.node.store.key_serde
        batch = Batch(
            ord=np.arange(len(dirty.keys), dtype=np.int64),
            timestamp=dirty.timestamp,
            key=[],
            value=self.node.aggregator.results(dirty.columns),
        )
        if isinstance(serde, WindowedKeySerde):
            decoded = serde.decode(dirty.keys)
            batch.key, batch.window_start, batch.window_end = decoded.keys.columns, decoded.start, decoded.end
        else:
            batch.key, batch.key_bytes, batch.key_format = serde.decode(dirty.keys).columns, dirty.keys, serde.name
        if self._tracks_old and self.holds:
            batch.old, batch.old_valid = self._before.take(dirty.keys)
        batch.headers = self._headers.take(dirty.keys)
        return batch
