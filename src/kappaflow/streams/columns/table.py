"""Column forms of the operators of tables: source, filter, map, materialise.

The new value of a change is the batch's value, the old one its old value; an absent old column means that no old
value is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from kappaflow import kernel
from kappaflow.state import PackedStore
from kappaflow.streams.batch import ArrowArray, Batch, Int64s, Mask
from kappaflow.streams.columns.batches import both, old_rows, plain, serialised_keys, shared, take, valid_rows
from kappaflow.streams.columns.held_changes import HeldChanges
from kappaflow.streams.columns.operator import only
from kappaflow.streams.columns.stored_rows import StoredRows, joined_columns
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.processors.result_cache import table_holds_back
from kappaflow.streams.topology import nodes as n

pc: Any = _compute  # its functions are made at import and have no types


class KeptTable:
    """A table in a store: takes the changes of a batch, says what each replaced, and answers for any position in it.

    The store itself changes when the batch is done (`finish`); within the batch a row at a position sees the changes
    before it.

    Args:
        tracks_old: whether anything reads the old values.
        holds: changes are forwarded at commits (`take_held`), not with their batch.
        sends_old: what is forwarded then has old values.
    """

    def __init__(
        self,
        spec: n.StoreSpec,
        store: PackedStore,
        *,
        tracks_old: bool,
        holds: bool = False,
        sends_old: bool | None = None,
    ) -> None:
        self._spec = spec
        self._rows = StoredRows(store, spec.types, spec.objects)
        self._tracks_old = tracks_old
        self._sends_old = tracks_old if sends_old is None else sends_old
        self._changes: tuple[ArrowArray, Batch, Mask] | None = None
        self._replaced_rows: tuple[list[ArrowArray], Mask] | None = None
        self.held = HeldChanges() if holds else None

    def apply(self, batch: Batch) -> None:
        """Note the rows of a batch, and set the old values of the batch."""
        keys = plain(serialised_keys(self._spec.key_serde, batch))
        valid = valid_rows(batch.value_valid, len(batch))
        self._changes = (keys, shared(batch), valid)
        if self._tracks_old or self.held is not None:
            self._replaced_rows = self._replaced(keys, batch.value, valid)
        if self._tracks_old and self._replaced_rows is not None:
            batch.old, batch.old_valid = self._replaced_rows

    def _replaced(self, keys: ArrowArray, columns: Sequence[ArrowArray], valid: Mask) -> tuple[list[ArrowArray], Mask]:
        """Return the row before each change: of the batch where an earlier one has the key, else of the store."""
        previous = kernel.previous_in_key(keys)
        stored, present = self._rows.read(keys)
        count = len(keys)
        rows = np.where(previous >= 0, previous, np.arange(count, 2 * count))
        return joined_columns(columns, stored, rows), np.concatenate([valid, present])[rows]

    def read_at(self, keys: ArrowArray, ord_: Int64s) -> tuple[list[ArrowArray], Mask, Int64s]:
        """Return the rows of keys as they are before positions, which of them are there, and their times."""
        columns, present, times = self._rows.read_timed(keys)
        if self._changes is None:
            return columns, present, times
        changed, batch, valid = self._changes
        latest = kernel.as_of(changed, batch.ord, keys, ord_)
        rows = np.where(latest >= 0, latest, len(batch) + np.arange(len(keys)))
        there = np.concatenate([valid, present])[rows]
        at = np.concatenate([batch.timestamp, times])[rows]
        return joined_columns(batch.value, columns, rows), there, at

    def look_up(self, batch: Batch, *, as_of: bool = False) -> tuple[list[ArrowArray], Mask, Int64s]:
        """Return the rows of another batch's keys as they are at its positions; see `read_at`."""
        del as_of  # there are no earlier versions
        keys = plain(serialised_keys(self._spec.key_serde, batch))
        return self.read_at(without(keys, batch.key_valid), batch.ord)

    def finish(self) -> None:
        """Store the last row of each key that changed."""
        if self._changes is not None:
            keys, batch, valid = self._changes
            self._changes = None
            if self.held is not None and self._replaced_rows is not None and len(batch):
                self.held.hold(keys, batch, *self._replaced_rows)
            self._rows.write_last(keys, batch.value, valid, batch.timestamp)

    def take_held(self) -> Batch | None:
        """Return what waited for the commit."""
        return None if self.held is None else self.held.take(sends_old=self._sends_old)


def keep_table(
    context: TaskContext, spec: n.StoreSpec, store: PackedStore, *, tracks_old: bool, sends_old: bool | None = None
) -> KeptTable:
    """Return the table of a store, for others to look rows up in."""
    holds = table_holds_back(context, spec)
    table = KeptTable(spec, store, tracks_old=tracks_old, holds=holds, sends_old=sends_old)
    context.shared[f"table:{spec.name}"] = table
    return table


def kept_table(context: TaskContext, store: str) -> Any:
    """Return the table in a store, which its source has made before."""
    return context.shared[f"table:{store}"]


def without(keys: ArrowArray, valid: Mask | None) -> ArrowArray:
    """Return keys that are null where there are none."""
    return keys if valid is None else pc.if_else(pa.array(valid), keys, pa.scalar(None, keys.type))


class TableSourceColumns:
    """Turns the rows of a topic into changes of a table; null keys are dropped.

    Attributes:
        kept: its rows.
    """

    def __init__(
        self, node: n.TableSource | n.ToTable, store: PackedStore | None, context: TaskContext, *, tracks_old: bool
    ) -> None:
        self.context = context
        self.kept: KeptTable | None = None
        if node.store is not None and store is not None:
            self.kept = keep_table(context, node.store, store, tracks_old=tracks_old)

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Store the rows and return the changes."""
        batch = only(inputs)
        mask = both(batch.key_valid, None)
        if mask is not None:
            self.context.drop("null-key", int((~mask).sum()))
            batch = take(batch, mask)
        if self.kept is not None and len(batch):
            self.kept.apply(batch)
        return batch

    def finish(self) -> None:
        """Let the store take the changes of the batch."""
        if self.kept is not None:
            self.kept.finish()


class MaterialiseColumns:
    """Keeps a table in a store and forwards its changes."""

    def __init__(self, node: n.Materialise, store: PackedStore, *, tracks_old: bool) -> None:
        self._table = KeptTable(node.store, store, tracks_old=tracks_old)

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Store the rows and return the changes; old values come from the store."""
        batch = only(inputs)
        self._table.apply(batch)
        return batch

    def finish(self) -> None:
        """Let the store take the changes of the batch."""
        self._table.finish()


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
