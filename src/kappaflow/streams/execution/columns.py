"""Column forms of the operators, and which topologies have them.

Each stage takes a `Batch` and gives the batch that its operator forwards; rows keep their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa

from kappaflow import kernel
from kappaflow.serde import Serde, WindowedKeySerde
from kappaflow.state.database import DurableStore
from kappaflow.streams.batch import ArrowArray, Batch, Int64s, Mask
from kappaflow.streams.processors.base import NO_TIME, TaskContext
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n

CLEAN_STATE_BYTES = 64 << 20
_PLAIN = {pa.binary_view(): pa.binary(), pa.string_view(): pa.string()}


def reason_for_rows(topology: Topology, subtopology: Subtopology) -> str:
    """Return why a subtopology runs in row form; an empty text when it runs as columns."""
    sources = [node for nodes in subtopology.sources.values() for node in nodes]
    if len(sources) != 1:
        return "several sources"
    for node in subtopology.nodes:
        why = _reason(node, subtopology)
        if why:
            return f"{node.name}: {why}"
    return ""


def _reason(node: n.Node, subtopology: Subtopology) -> str:
    match node:
        case n.TableSource():
            return "a table source keeps old rows"
        case n.Source():
            if node.timestamp is not None:
                return "the time is read from a column"
            return "a windowed source" if isinstance(node.key_serde, WindowedKeySerde) else ""
        case n.Filter():
            return "" if node.predicate.columnar else "the predicate has no column form"
        case n.MapValues() | n.TableMapValues() | n.SelectKey():
            return "" if node.mapper.columnar else "an expression has no column form"
        case n.StreamAggregate():
            return "" if node.aggregator.folds is not None else "an aggregate has no fold"
        case n.WindowedAggregate():
            if node.emit_final:
                return "results wait for the end of their window"
            return "" if node.aggregator.folds is not None else "an aggregate has no fold"
        case n.Repartition():
            return "it carries changes of a table" if node.carries_changes else ""
        case n.Sink():
            return "" if node.timestamp is None else "the time is written from a column"
        case n.ToStream():
            return ""
        case _:
            return f"{type(node).__name__} has no column form"


def take(batch: Batch, rows: Int64s | Mask) -> Batch:
    """Return the rows at these positions, or for which the mask is true."""
    selector = pa.array(rows)
    by_mask = pa.types.is_boolean(selector.type)

    def pick(column: ArrowArray) -> ArrowArray:
        # Arrow selects no rows of views.
        plain = _PLAIN.get(column.type)
        column = column if plain is None else column.cast(plain)
        return column.filter(selector) if by_mask else column.take(selector)

    def each(columns: Sequence[ArrowArray] | None) -> list[ArrowArray] | None:
        return None if columns is None else [pick(column) for column in columns]

    def one(vector: Any) -> Any:
        return None if vector is None else vector[rows]

    return Batch(
        ord=batch.ord[rows],
        timestamp=batch.timestamp[rows],
        key=each(batch.key) or [],
        value=each(batch.value) or [],
        key_valid=one(batch.key_valid),
        value_valid=one(batch.value_valid),
        key_bytes=None if batch.key_bytes is None else pick(batch.key_bytes),
        key_format=batch.key_format,
        window_start=one(batch.window_start),
        window_end=one(batch.window_end),
        partition=one(batch.partition),
        offset=one(batch.offset),
        headers=None if batch.headers is None else pick(batch.headers),
    )


def serialised_keys(serde: n.KeySerde, batch: Batch) -> ArrowArray:
    """Return the keys of a batch as bytes, as a topic or store keeps them."""
    if isinstance(serde, WindowedKeySerde):
        assert batch.window_start is not None and batch.window_end is not None
        if batch.key_bytes is not None and batch.key_format == serde.inner.name and serde.window.size_ms is not None:
            return kernel.window_keys(batch.key_bytes, batch.window_start)
        return serde.encode(batch.key, batch.window_start, batch.window_end, batch.key_valid)
    if batch.key_bytes is not None and batch.key_format == serde.name:
        return batch.key_bytes
    return serde.encode(batch.key, batch.key_valid, len(batch))


@dataclass(slots=True)
class FilterStage:
    """Keeps rows for which the predicate is true."""

    node: n.Filter

    def run(self, batch: Batch) -> Batch:
        """Return the kept rows."""
        mask = self.node.predicate.column(batch)
        return batch if mask.all() else take(batch, mask)


@dataclass(slots=True)
class MapStage:
    """Gives rows new values."""

    node: n.MapValues | n.TableMapValues

    def run(self, batch: Batch) -> Batch:
        """Return the rows with new values."""
        batch.value, batch.value_valid = self.node.mapper.column(batch)
        return batch


@dataclass(slots=True)
class KeyStage:
    """Gives rows new keys."""

    node: n.SelectKey
    context: TaskContext

    def run(self, batch: Batch) -> Batch:
        """Return the rows with new keys."""
        batch.key, batch.key_valid = self.node.mapper.column(batch)
        batch.key_bytes = None
        if self.node.drop_null and batch.key_valid is not None and not batch.key_valid.all():
            self.context.drop("null-key", int((~batch.key_valid).sum()))
            return take(batch, batch.key_valid)
        return batch


def _present(batch: Batch, with_values: bool) -> Mask | None:
    masks = [m for m in (batch.key_valid, batch.value_valid if with_values else None) if m is not None]
    if not masks:
        return None
    mask = masks[0] if len(masks) == 1 else masks[0] & masks[1]
    return None if mask.all() else mask


class AggregateStage:
    """Folds rows per key, or per key and window, over the kernel's table and its store.

    Attributes:
        observed_time: the stream time of a windowed aggregation.
    """

    def __init__(
        self, node: n.StreamAggregate | n.WindowedAggregate, store: DurableStore, context: TaskContext
    ) -> None:
        self.node = node
        self.store = store
        self.context = context
        self.observed_time = NO_TIME
        folds = node.aggregator.folds or ()
        self._inputs = [fold.input for fold in folds]
        self.table = kernel.FoldTable([(fold.kind, str(fold.type)) for fold in folds])

    def run(self, batch: Batch) -> Batch | None:
        """Fold the rows; return the result of each, or None when results wait for the commit."""
        batch = self._windows(batch) if isinstance(self.node, n.WindowedAggregate) else self._rows(batch)
        if not len(batch):
            return None
        keys = serialised_keys(self.node.store.key_serde, batch)
        missing = self.table.missing(keys)
        if len(missing):
            packed = self.store.get_packed(missing.to_pylist())
            self.table.load(missing, pa.array(packed, pa.binary()))
        columns = self.node.aggregator.inputs(batch)
        inputs = [None if position is None else columns[position] for position in self._inputs]
        if self.context.caching:
            self.table.fold_last(keys, batch.timestamp, inputs)
            return None
        output = self.table.fold_every(keys, batch.timestamp, inputs)
        batch.value = self.node.aggregator.results(output.columns)
        batch.value_valid = None
        batch.timestamp = output.timestamp
        return batch

    def _rows(self, batch: Batch) -> Batch:
        mask = _present(batch, with_values=True)
        if mask is None:
            return batch
        self.context.drop("null-key-or-value", int((~mask).sum()))
        return take(batch, mask)

    def _windows(self, batch: Batch) -> Batch:
        node = self.node
        assert isinstance(node, n.WindowedAggregate)
        mask = _present(batch, with_values=False)
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

    def drain(self) -> tuple[ArrowArray, list[ArrowArray], Int64s, Batch] | None:
        """Hand changed states over to the store.

        Returns:
            Keys, state columns and timestamps for the changelog, and the results as a batch; None when nothing
            changed.
        """
        dirty = self.table.drain_dirty()
        if not len(dirty.keys):
            return None
        self.store.put_packed(dirty.keys.to_pylist(), dirty.packed.to_pylist())
        self.table.evict_clean(CLEAN_STATE_BYTES)
        return dirty.keys, dirty.columns, dirty.timestamp, self._results(dirty)

    def _results(self, dirty: Any) -> Batch:
        serde = cast("Serde | WindowedKeySerde", self.node.store.key_serde)
        count = len(dirty.keys)
        batch = Batch(
            ord=np.arange(count, dtype=np.int64),
            timestamp=dirty.timestamp,
            key=[],
            value=self.node.aggregator.results(dirty.columns),
        )
        if isinstance(serde, WindowedKeySerde):
            decoded = serde.decode(dirty.keys)
            batch.key, batch.window_start, batch.window_end = decoded.keys.columns, decoded.start, decoded.end
        else:
            batch.key, batch.key_bytes, batch.key_format = serde.decode(dirty.keys).columns, dirty.keys, serde.name
        return batch
