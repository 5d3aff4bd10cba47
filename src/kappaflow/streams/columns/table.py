"""Column forms of the operators of tables: source, filter, map, materialise.

The new value of a change is the batch's value, the old one its old value; an absent old column means that no old
value is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kappaflow import kernel
from kappaflow.state import PackedStore
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.columns.batches import both, old_rows, plain, serialised_keys, take, valid_rows
from kappaflow.streams.columns.operator import only
from kappaflow.streams.columns.stored_rows import StoredRows, joined_columns
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.topology import nodes as n


class KeptTable:
    """A table in a store: takes changes and says what each replaced.

    Args:
        tracks_old: whether anything reads the old values.
    """

    def __init__(self, spec: n.StoreSpec, store: PackedStore, *, tracks_old: bool) -> None:
        self._spec = spec
        self._rows = StoredRows(store, spec.types)
        self._tracks_old = tracks_old

    def apply(self, batch: Batch) -> None:
        """Store the last row of each key, and set the old values of the batch."""
        keys = plain(serialised_keys(self._spec.key_serde, batch))
        valid = valid_rows(batch.value_valid, len(batch))
        if self._tracks_old:
            batch.old, batch.old_valid = self._replaced(keys, batch.value, valid)
        self._rows.write_last(keys, batch.value, valid, batch.timestamp)

    def _replaced(self, keys: ArrowArray, columns: Sequence[ArrowArray], valid: Mask) -> tuple[list[ArrowArray], Mask]:
        """Return the row before each change: of the batch where an earlier one has the key, else of the store."""
        previous = kernel.previous_in_key(keys)
        stored, present = self._rows.read(keys)
        count = len(keys)
        rows = np.where(previous >= 0, previous, np.arange(count, 2 * count))
        return joined_columns(columns, stored, rows), np.concatenate([valid, present])[rows]


class TableSourceColumns:
    """Turns the rows of a topic into changes of a table; null keys are dropped."""

    def __init__(
        self, node: n.TableSource, store: PackedStore | None, context: TaskContext, *, tracks_old: bool
    ) -> None:
        self.context = context
        self._table = None
        if node.store is not None and store is not None:
            self._table = KeptTable(node.store, store, tracks_old=tracks_old)

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Store the rows and return the changes."""
        batch = only(inputs)
        mask = both(batch.key_valid, None)
        if mask is not None:
            self.context.drop("null-key", int((~mask).sum()))
            batch = take(batch, mask)
        if self._table is not None and len(batch):
            self._table.apply(batch)
        return batch


class MaterialiseColumns:
    """Keeps a table in a store and forwards its changes."""

    def __init__(self, node: n.Materialise, store: PackedStore, *, tracks_old: bool) -> None:
        self._table = KeptTable(node.store, store, tracks_old=tracks_old)

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Store the rows and return the changes; old values come from the store."""
        batch = only(inputs)
        self._table.apply(batch)
        return batch


@dataclass(frozen=True, slots=True)
class TableFilterColumns:
    """Keeps rows for which the predicate is true; a row that stops matching becomes a deletion."""

    node: n.TableFilter

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the changes as the filtered table sees them."""
        batch = only(inputs)
        count, keep = len(batch), self.node.predicate.column
        new = valid_rows(batch.value_valid, count) & keep(batch)
        before = old_rows(batch)
        old = np.zeros(count, np.bool_)
        if before is not None:
            old = valid_rows(before.value_valid, count) & keep(before)
        batch.value_valid, batch.old_valid = new, None if before is None else old
        seen = new | old
        return batch if not self.node.tracks_old or seen.all() else take(batch, seen)


@dataclass(frozen=True, slots=True)
class TableMapColumns:
    """Gives the rows of a table new values; a missing row stays missing."""

    node: n.TableMapValues

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the changes with mapped rows."""
        batch = only(inputs)
        before = old_rows(batch)
        columns, valid = self.node.mapper.column(batch)
        if before is not None:
            batch.old, mapped = self.node.mapper.column(before)
            batch.old_valid = both(mapped, batch.old_valid)
        batch.value, batch.value_valid = columns, both(valid, batch.value_valid)
        return batch
