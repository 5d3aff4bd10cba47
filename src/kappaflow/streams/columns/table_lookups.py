"""Column forms of look-ups of rows as they are at a position: streams with tables, tables with tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from kappaflow.streams.batch import ArrowArray, Batch, Int64s, Mask
from kappaflow.streams.columns.batches import both, old_rows, plain, serialised_keys, take, valid_rows
from kappaflow.streams.columns.fan import MergeColumns, pc
from kappaflow.streams.columns.operator import only
from kappaflow.streams.columns.stored_rows import StoredRows
from kappaflow.streams.columns.table import KeptTable, without
from kappaflow.streams.functions import Joiner, Mapper
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.topology.nodes import StoreSpec


class LookUp(Protocol):
    """The rows of a table as they are at a position."""

    def look_up(self, batch: Batch, *, as_of: bool = False) -> tuple[list[ArrowArray], Mask, Int64s]:
        """Return the rows of a batch's keys before its positions, which of them are there, and their times.

        Args:
            as_of: of a versioned table the rows of the times of the batch's rows, instead of the latest ones.
        """
        ...


Compute = Callable[[Batch], tuple[list[ArrowArray], Mask | None]]


@dataclass(frozen=True, slots=True)
class ComputedLookUp:
    """The rows of another table, filtered or mapped.

    Attributes:
        compute: gives the columns of rows, and which of them are kept.
    """

    below: LookUp
    compute: Compute

    def look_up(self, batch: Batch, *, as_of: bool = False) -> tuple[list[ArrowArray], Mask, Int64s]:
        """Return the computed rows."""
        columns, present, times = self.below.look_up(batch, as_of=as_of)
        made, valid = self.compute(replace(batch, value=columns, value_valid=present))
        return made, present if valid is None else present & valid, times


@dataclass(frozen=True, slots=True)
class GlobalLookUp:
    """The rows of a global table, as they are now."""

    spec: StoreSpec
    rows: StoredRows

    def look_up(self, batch: Batch, *, as_of: bool = False) -> tuple[list[ArrowArray], Mask, Int64s]:
        """Return the rows of keys."""
        del as_of  # global tables keep no versions
        keys = plain(serialised_keys(self.spec.key_serde, batch))
        return self.rows.read_timed(without(keys, batch.key_valid))


class StreamLookUpColumns:
    """Looks each row of a stream up in a table.

    Args:
        table: gives the table, which may be made later.
        left: rows without a partner are kept.
        key: makes the table's key of a row; None where it is the stream's.
    """

    def __init__(
        self,
        context: TaskContext,
        table: Callable[[], LookUp],
        joiner: Joiner,
        *,
        left: bool,
        key: Mapper | None = None,
    ) -> None:
        self._context = context
        self._table = table
        self._joiner = joiner
        self._left = left
        self._key = key

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Return the joined rows."""
        batch = only(inputs)
        by = batch
        if self._key is not None:
            keys, valid = self._key.column(batch)
            by = replace(batch, key=keys, key_valid=valid, key_bytes=None, window_start=None, window_end=None)
        mask = both(None if self._left else by.key_valid, batch.value_valid)
        if mask is not None:
            self._context.drop("null-key-or-value", int((~mask).sum()))
            by = take(by, mask)
            batch = by if self._key is None else take(batch, mask)
        if not len(batch):
            return None
        columns, present, _ = self._table().look_up(by, as_of=True)
        if not self._left and not present.all():
            batch = take(batch, present)
            columns = [plain(column).filter(pa.array(present)) for column in columns]
            present = np.ones(len(batch), np.bool_)
        if not len(batch):
            return None
        batch.value, batch.value_valid = self._joiner.column(batch, columns, None if present.all() else present)
        return batch


class TableLookUpColumns:
    """Joins the changes of one table with the rows of another.

    Args:
        joiner: of the left table's value and the right one's.
        own_is_left: whose changes these are.
        keeps_own, keeps_other: rows of that side without a partner are kept.
        sends_old: old joined values are forwarded.
        latest_only: changes of a versioned table that are not its latest are left out.
    """

    def __init__(
        self,
        context: TaskContext,
        other: Callable[[], LookUp],
        joiner: Joiner,
        *,
        own_is_left: bool,
        keeps_own: bool,
        keeps_other: bool,
        sends_old: bool,
        latest_only: bool = False,
    ) -> None:
        self._latest_only = latest_only
        self._context = context
        self._other = other
        self._joiner = joiner
        self._own_is_left = own_is_left
        self._keeps_own = keeps_own
        self._keeps_other = keeps_other
        self._sends_old = sends_old

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Return what the changes mean for the joined table."""
        batch = only(inputs)
        if batch.key_valid is not None:
            self._context.drop("null-key", int((~batch.key_valid).sum()))
            batch = take(batch, batch.key_valid)
        if self._latest_only and batch.latest is not None:
            self._context.drop("out-of-order-version", int((~batch.latest).sum()))
            batch = take(batch, batch.latest)
        other = self._other()
        columns, found, times = other.look_up(batch)
        before = old_rows(batch)
        new = valid_rows(batch.value_valid, len(batch))
        old = np.zeros(len(batch), np.bool_) if before is None else valid_rows(before.value_valid, len(batch))
        seen = found | ((new | old) if self._keeps_own else np.zeros(len(batch), np.bool_))
        if not seen.all():
            batch = take(batch, seen)
            columns = [plain(column).filter(pa.array(seen)) for column in columns]
            found, times = found[seen], times[seen]
        if not len(batch):
            return None
        before = old_rows(batch)
        joined = replace(batch, timestamp=np.where(found, np.maximum(batch.timestamp, times), batch.timestamp))
        joined.value, joined.value_valid = self._joined(batch, columns, found)
        joined.old = joined.old_valid = None
        if self._sends_old:
            if before is None:
                before = replace(batch, value_valid=np.zeros(len(batch), np.bool_))
            joined.old, joined.old_valid = self._joined(before, columns, found)
        return joined

    def _joined(self, own: Batch, other: Sequence[ArrowArray], found: Mask) -> tuple[list[ArrowArray], Mask | None]:
        there = valid_rows(own.value_valid, len(own))
        exists = there | (found if self._keeps_other else np.zeros(len(own), np.bool_))
        masked = [_null_unless(there, column) for column in own.value]
        shown = [_null_unless(found, column) for column in other]
        if self._own_is_left:
            columns, valid = self._joiner.column(replace(own, value=masked), shown, found)
        else:
            left = replace(own, value=shown, value_valid=found)
            columns, valid = self._joiner.column(left, masked, there)
        return columns, both(valid, exists)


class TableMergeColumns:
    """Puts the changes that both sides of a join of tables give into one order, and may keep the joined rows."""

    def __init__(self, *, sends_old: bool, kept: KeptTable | None = None) -> None:
        self._sends_old = sends_old
        self.kept = kept

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return all changes."""
        batch = MergeColumns().run(inputs)
        if self.kept is not None:
            self.kept.apply(batch)
        if not self._sends_old:
            batch.old = batch.old_valid = None
        return batch

    def finish(self) -> None:
        """Let the store take the changes of the batch."""
        if self.kept is not None:
            self.kept.finish()


class TableStepColumns:
    """Computes each row of a table from the same row of another.

    Args:
        compute: gives the columns of values that are there, and which of them are kept.
        sends_old: old values are forwarded: those of the store, or computed.
        skips_nothing: a change from nothing to nothing is left out, where old values are known.
        kept: keeps the new rows; None computes old values from old values.
    """

    def __init__(
        self, compute: Compute, *, sends_old: bool, skips_nothing: bool, kept: KeptTable | None = None
    ) -> None:
        self._compute = compute
        self._sends_old = sends_old
        self._skips_nothing = skips_nothing
        self.kept = kept

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the changes as the computed table has them."""
        batch = only(inputs)
        before = old_rows(batch) if self._sends_old and self.kept is None else None
        made, valid = self._compute(batch)
        new = valid_rows(both(valid, batch.value_valid), len(batch))
        batch.old = batch.old_valid = None
        if before is not None:
            batch.old, kept = self._compute(before)
            batch.old_valid = valid_rows(both(kept, before.value_valid), len(batch))
        batch.value, batch.value_valid = made, None if new.all() else new
        if self.kept is not None:
            self.kept.apply(batch)
        if not self._skips_nothing or not self._sends_old:
            return batch
        old = np.zeros(len(batch), np.bool_) if batch.old is None else valid_rows(batch.old_valid, len(batch))
        if (new | old).all():
            return batch
        batch = take(batch, new | old)
        if self.kept is not None:
            self.kept.apply(batch)
        return batch

    def finish(self) -> None:
        """Let the store take the changes of the batch."""
        if self.kept is not None:
            self.kept.finish()


def _null_unless(there: Mask, column: ArrowArray) -> ArrowArray:
    column = plain(column)
    return column if there.all() else pc.if_else(pa.array(there), column, pa.scalar(None, column.type))
