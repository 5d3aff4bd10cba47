"""Column forms of a join of tables by foreign key.

    changes ─▶ Registering ═ topic ═▶ Subscribing ─▶ Answering ═ topic ═▶ Resolving ─▶ joined rows
    changes of the other table ─▶ ForeignChanges ────────┘

A subscription and a change of the row that it names meet in the order of their positions: those of a batch are gone
through one after the other, everything else is whole columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.serde import Serde
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.columns.batches import old_rows, plain, take, valid_rows
from kappaflow.streams.columns.fan import pc
from kappaflow.streams.columns.hashes import murmur3_128_column
from kappaflow.streams.columns.held_stores import HeldGroups
from kappaflow.streams.columns.merging import merged
from kappaflow.streams.columns.operator import only
from kappaflow.streams.columns.table_lookups import LookUp
from kappaflow.streams.functions import Joiner, Mapper
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.processors.foreign_key_protocol import (
    Instruction,
    Registration,
    primary_key_of,
    subscription_key,
    subscription_prefix,
)

HASH, INSTRUCTION, PRIMARY, PARTITION = range(4)
"""The columns of a registration."""
RESPONSE_COLUMNS = 3
"""The columns of a response before those of its value: hash, partition, and whether there is a value."""


def _nothing(count: int) -> Mask:
    return np.zeros(count, np.bool_)


class RegisteringColumns:
    """Registers the rows of the left table with the owners of their foreign keys.

    Args:
        foreign_key: of a row.
        foreign, values: the serdes of foreign keys and of the left table's values.
        left: rows without a partner are kept.
        latest_only: changes of a versioned table that are not its latest are left out.
    """

    def __init__(
        self,
        context: TaskContext,
        foreign_key: Mapper,
        foreign: Serde,
        values: Serde,
        *,
        left: bool,
        latest_only: bool,
    ) -> None:
        self._context = context
        self._foreign_key = foreign_key
        self._foreign = foreign
        self._values = values
        self._left = left
        self._latest_only = latest_only

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Return what the owners of the old and of the new foreign keys have to know."""
        batch = only(inputs)
        if self._latest_only and batch.latest is not None:
            self._context.drop("out-of-order-version", int((~batch.latest).sum()))
            batch = take(batch, batch.latest)
        count = len(batch)
        new, old_batch = valid_rows(batch.value_valid, count), old_rows(batch)
        new_keys, new_known, new_bytes = self._keys(batch, new)
        old, old_keys, old_known, old_bytes = _nothing(count), new_keys, _nothing(count), new_bytes
        if old_batch is not None:
            old = valid_rows(old_batch.value_valid, count)
            old_keys, old_known, old_bytes = self._keys(old_batch, old)
        same = new_known & pc.fill_null(pc.equal(old_bytes, new_bytes), False).to_numpy(zero_copy_only=False)
        leaves, comes = self._instructions(new, old, new_known, old_known, same)
        hashes = murmur3_128_column(self._values.encode(batch.value, new, count))
        told = [
            (self._registered(batch, keys, known, hashes, instructions), np.flatnonzero(instructions >= 0))
            for keys, known, instructions in ((old_keys, old_known, leaves), (new_keys, new_known, comes))
            if (instructions >= 0).any()
        ]
        parts = [part for part, _ in told]
        return None if not parts else parts[0] if len(parts) == 1 else merged(parts, [rows for _, rows in told])

    def _keys(self, batch: Batch, there: Mask) -> tuple[list[ArrowArray], Mask, ArrowArray]:
        columns, valid = self._foreign_key.column(replace(batch, value_valid=None))
        known = there & valid_rows(valid, len(batch))
        return columns, known, plain(self._foreign.encode(columns, known, len(batch))).cast(pa.binary())

    def _instructions(self, new: Mask, old: Mask, new_known: Mask, old_known: Mask, same: Mask) -> tuple[Any, Any]:
        """Return what the old and the new owners are told, -1 for nothing."""
        leaves, comes = np.full(len(new), -1, np.int32), np.full(len(new), -1, np.int32)
        moved = old_known & ~same
        if self._left:
            seen = new | old
            leaves[seen & moved] = Instruction.DELETE_NO_PROPAGATE
            comes[seen] = Instruction.PROPAGATE_NULL_IF_NO_VALUE
            return leaves, comes
        unknown = new & ~new_known
        if unknown.any():
            self._context.drop("null-foreign-key", int(unknown.sum()))
        leaves[~new_known & old_known] = Instruction.DELETE_AND_PROPAGATE
        leaves[new_known & moved] = Instruction.DELETE_NO_PROPAGATE
        comes[new_known] = Instruction.PROPAGATE_ONLY_IF_VALUE
        comes[new_known & moved] = Instruction.PROPAGATE_NULL_IF_NO_VALUE
        return leaves, comes

    def _registered(
        self, batch: Batch, keys: Sequence[ArrowArray], known: Mask, hashes: ArrowArray, instructions: Any
    ) -> Batch:
        count = len(batch)
        partition = int(self._context.task_id.rpartition("_")[2])
        frame = replace(batch, key=list(keys), key_valid=None if known.all() else known, key_bytes=None, old=None)
        frame.old_valid = frame.latest = frame.value_valid = None
        frame.window_start = frame.window_end = None
        frame.value = [
            hashes,
            pa.array(np.maximum(instructions, 0), pa.int32()),
            plain(batch.key[0]),
            pa.array(np.full(count, partition, np.int32)),
        ]
        return take(frame, instructions >= 0)


@dataclass(slots=True)
class Subscriptions:
    """The subscriptions of a task, and those of the batch that runs, in their order.

    Attributes:
        store: by foreign and primary key.
        arrived: position, key, subscription or None where it ends, and time.
    """

    store: HeldGroups
    arrived: list[tuple[int, bytes, Registration | None, int]] = field(
        default_factory=list[tuple[int, bytes, Registration | None, int]]
    )


class SubscribingColumns:
    """Takes the subscriptions to the rows of the right table and hands them on."""

    def __init__(self, context: TaskContext, subscriptions: Subscriptions, foreign: Serde, primary: Serde) -> None:
        self._context = context
        self._subscriptions = subscriptions
        self._foreign = foreign
        self._primary = primary

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Note subscriptions; the batch goes on without those that lead nowhere."""
        batch = only(inputs)
        known = valid_rows(batch.key_valid, len(batch))
        instructions = batch.value[INSTRUCTION].to_numpy(zero_copy_only=False)
        lost = ~known & (instructions != Instruction.PROPAGATE_NULL_IF_NO_VALUE)
        if lost.any():
            self._context.drop("null-foreign-key", int(lost.sum()))
            batch, known, instructions = take(batch, ~lost), known[~lost], instructions[~lost]
        primaries = plain(self._primary.encode([batch.value[PRIMARY]], None, len(batch))).to_pylist()
        rows = zip(
            batch.ord.tolist(),
            plain(self._foreign.encode(batch.key, batch.key_valid, len(batch))).to_pylist(),
            primaries,
            *(column.to_pylist() for column in batch.value),
            batch.timestamp.tolist(),
            known.tolist(),
            strict=True,
        )
        for ord_, foreign, primary, hashed, instruction, key, partition, timestamp, is_known in rows:
            if is_known:
                ends = instruction in (Instruction.DELETE_AND_PROPAGATE, Instruction.DELETE_NO_PROPAGATE)
                entry = None if ends else Registration(hashed, Instruction(instruction), key, partition)
                full = subscription_key(foreign or b"", primary or b"")
                self._subscriptions.arrived.append((ord_, full, entry, timestamp))
        return batch


class ForeignChangeColumns:
    """Tells all subscribers of the rows of the right table that these changed, in the order of their key bytes.

    Args:
        latest_only: changes of a versioned table that are not its latest are left out.
    """

    def __init__(
        self,
        context: TaskContext,
        subscriptions: Subscriptions,
        foreign: Serde,
        primary: Serde,
        *,
        latest_only: bool,
    ) -> None:
        self._context = context
        self._subscriptions = subscriptions
        self._foreign = foreign
        self._primary = primary
        self._latest_only = latest_only

    @property
    def pending(self) -> bool:
        """Whether there are subscriptions to keep."""
        return bool(self._subscriptions.arrived)

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Return the answers."""
        given = [batch for batch in inputs if batch is not None and len(batch)]
        if not given:
            self._keep(None)
            return None
        batch = only(given)
        if batch.key_valid is not None:
            self._context.drop("null-key", int((~batch.key_valid).sum()))
            batch = take(batch, batch.key_valid)
        if self._latest_only and batch.latest is not None:
            self._context.drop("out-of-order-version", int((~batch.latest).sum()))
            batch = take(batch, batch.latest)
        store = self._subscriptions.store
        keys = plain(self._foreign.encode(batch.key, None, len(batch))).to_pylist()
        rows: list[int] = []
        found: list[tuple[bytes, Registration]] = []
        for row, (ord_, key) in enumerate(zip(batch.ord.tolist(), keys, strict=True)):
            self._keep(ord_)
            for full in store.keys_of(subscription_prefix(key or b"")):
                entry = store.get(full)
                if entry is not None:
                    rows.append(row)
                    found.append((primary_key_of(full), entry[0]))
        self._keep(None)
        return self._answers(batch, rows, found) if rows else None

    def _keep(self, before: int | None) -> None:
        """Keep the subscriptions that came before a position, or all."""
        arrived, store = self._subscriptions.arrived, self._subscriptions.store
        done = 0
        for ord_, key, entry, timestamp in arrived:
            if before is not None and ord_ >= before:
                break
            store.put(key, entry, timestamp)
            done += 1
        del arrived[:done]

    def _answers(self, batch: Batch, rows: Sequence[int], found: Sequence[tuple[bytes, Registration]]) -> Batch:
        made = take(batch, np.array(rows, np.int64))
        keys = self._primary.decode(pa.array([key for key, _ in found], pa.binary()))
        hashes = pa.array([registration.hash for _, registration in found], pa.binary())
        partitions = pa.array([registration.primary_partition for _, registration in found], pa.int32())
        return _response(made, keys.columns, hashes, partitions, made.value, valid_rows(made.value_valid, len(rows)))

    def finish(self) -> None:
        """Let the store take the subscriptions."""
        self._subscriptions.store.finish()


class AnsweringColumns:
    """Answers registrations with the rows of the right table."""

    def __init__(self, table: Callable[[], LookUp]) -> None:
        self._table = table

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Return the answers that are due."""
        batch = only(inputs)
        columns, there, times = self._table().look_up(batch)
        instructions = batch.value[INSTRUCTION].to_numpy(zero_copy_only=False)
        due = instructions != Instruction.DELETE_NO_PROPAGATE
        due &= (instructions != Instruction.PROPAGATE_ONLY_IF_VALUE) | there
        if not due.any():
            return None
        shown = there & (instructions != Instruction.DELETE_AND_PROPAGATE)
        made = replace(batch, timestamp=np.where(there, np.maximum(batch.timestamp, times), batch.timestamp))
        hashes, _, primary, partitions = batch.value
        made = _response(made, [primary], hashes, partitions, columns, shown)
        return made if due.all() else take(made, due)


def _response(
    batch: Batch,
    keys: Sequence[ArrowArray],
    hashes: ArrowArray,
    partitions: ArrowArray,
    value: Sequence[ArrowArray],
    there: Mask,
) -> Batch:
    """Return answers to the left table."""
    made = replace(batch, key=list(keys), key_valid=None, key_bytes=None, key_format="", old=None, old_valid=None)
    made.window_start = made.window_end = made.latest = made.value_valid = None
    made.value = [hashes, partitions, pa.array(there), *value]
    return made


class ResolvingColumns:
    """Joins answers with the current rows of the left table; answers to older rows are dropped.

    Args:
        table: the left table.
        values: the serde of its values.
        left: rows without a partner are kept.
    """

    def __init__(
        self, context: TaskContext, table: Callable[[], LookUp], values: Serde, joiner: Joiner, *, left: bool
    ) -> None:
        self._context = context
        self._table = table
        self._values = values
        self._joiner = joiner
        self._left = left

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Return the joined rows, or that there are none."""
        batch = only(inputs)
        columns, found, _ = self._table().look_up(batch)
        current = murmur3_128_column(self._values.encode(columns, found, len(batch)))
        given = plain(batch.value[0]).cast(pa.binary())
        fresh = pc.fill_null(pc.equal(given, current), False).to_numpy(zero_copy_only=False)
        fresh = fresh | (given.is_null().to_numpy(zero_copy_only=False) & ~found)
        if not fresh.all():
            self._context.drop("stale-response", int((~fresh).sum()))
            mask = pa.array(fresh)
            batch, columns, found = take(batch, fresh), [plain(c).filter(mask) for c in columns], found[fresh]
        if not len(batch):
            return None
        answered = valid_rows(None, len(batch)) & batch.value[2].to_numpy(zero_copy_only=False)
        joined = answered | found if self._left else answered
        left = replace(batch, value=list(columns), value_valid=found)
        made, valid = self._joiner.column(left, batch.value[RESPONSE_COLUMNS:], answered)
        batch.value, batch.value_valid = made, joined & valid_rows(valid, len(batch))
        return batch


class PrimaryPartition:
    """The partition of the left table's task that an answer goes to."""

    def __call__(self, record: Any, partitions: int) -> int | None:
        """Return the partition of a record; None chooses by key."""
        del partitions
        return record.value.primary_partition

    def column(self, batch: Batch) -> Any:
        """Return the partitions of answers; -1 chooses by key."""
        return batch.value[1].fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
