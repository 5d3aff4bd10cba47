"""Column forms of operators without state: filter, map, select key, to stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kappaflow.streams.batch import Batch
from kappaflow.streams.columns.batches import take
from kappaflow.streams.columns.operator import only
from kappaflow.streams.functions import Mapper
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.topology import nodes as n


@dataclass(frozen=True, slots=True)
class PassColumns:
    """Forwards what it takes."""

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the batch."""
        return only(inputs)


@dataclass(frozen=True, slots=True)
class FilterColumns:
    """Keeps rows for which the predicate is true."""

    node: n.Filter

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the kept rows."""
        batch = only(inputs)
        mask = self.node.predicate.column(batch)
        return batch if mask.all() else take(batch, mask)


@dataclass(frozen=True, slots=True)
class MapColumns:
    """Gives rows new values."""

    node: n.MapValues

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the rows with new values."""
        batch = only(inputs)
        batch.value, batch.value_valid = self.node.mapper.column(batch)
        return batch


@dataclass(frozen=True, slots=True)
class KeyColumns:
    """Gives rows new keys."""

    node: n.SelectKey
    context: TaskContext

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the rows with new keys."""
        batch = only(inputs)
        batch.key, batch.key_valid = self.node.mapper.column(batch)
        batch.key_bytes = None
        batch.window_start = batch.window_end = None
        if self.node.drop_null and batch.key_valid is not None and not batch.key_valid.all():
            self.context.drop("null-key", int((~batch.key_valid).sum()))
            return take(batch, batch.key_valid)
        return batch


@dataclass(frozen=True, slots=True)
class PairColumns:
    """Gives rows new keys and values."""

    key: Mapper
    value: Mapper

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the rows with what both make of the row as it was."""
        batch = only(inputs)
        keys, key_valid = self.key.column(batch)
        batch.value, batch.value_valid = self.value.column(batch)
        batch.key, batch.key_valid, batch.key_bytes = keys, key_valid, None
        batch.window_start = batch.window_end = None
        return batch


@dataclass(frozen=True, slots=True)
class StreamColumns:
    """Turns the changes of a table into a stream of new values; deletions stay as null values."""

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the new values."""
        batch = only(inputs)
        batch.old = batch.old_valid = None
        return batch
