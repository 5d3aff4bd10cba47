"""Column forms of operators that turn one row into several, several streams into one, one stream into several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from kappaflow.streams.batch import ArrowArray, Batch, Int64s
from kappaflow.streams.columns.batches import plain, take, valid_rows
from kappaflow.streams.columns.operator import only
from kappaflow.streams.functions import Predicate
from kappaflow.streams.topology import nodes as n

pc: Any = _compute  # its functions are made at import and have no types


@dataclass(frozen=True, slots=True)
class FlatMapColumns:
    """Makes a row of each element of a list; they keep the position of their row."""

    node: n.FlatMapValues

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the elements as rows."""
        batch = only(inputs)
        mapper: Any = self.node.mapper
        lists = mapper.lists(batch)
        rows: Int64s = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
        made = take(batch, rows)
        elements = plain(pc.list_flatten(lists))
        made.value = [elements]
        made.value_valid = elements.is_valid().to_numpy(zero_copy_only=False) if elements.null_count else None
        return made


class MergeColumns:
    """Puts the rows of its parents into one order, that of their positions; no two parents have the same row."""

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return all rows."""
        given = [batch for batch in inputs if batch is not None]
        return given[0] if len(given) == 1 else merged(given)


@dataclass(slots=True)
class Choice:
    """Which branch each row of a batch takes.

    Attributes:
        predicates: one a branch; None takes what is left.
        taken: the branch of each row of the batch that runs, -1 for none.
    """

    predicates: Sequence[Predicate | None]
    taken: Int64s = field(default_factory=lambda: np.zeros(0, np.int64))

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Choose, and hand all rows to the branches, which take their own."""
        batch = only(inputs)
        self.taken = np.full(len(batch), -1, np.int64)
        for branch, predicate in enumerate(self.predicates):
            if predicate is not None:
                self.taken[predicate.column(batch) & (self.taken < 0)] = branch
        for branch, predicate in enumerate(self.predicates):
            if predicate is None:
                self.taken[self.taken < 0] = branch
        return batch


@dataclass(frozen=True, slots=True)
class BranchColumns:
    """Takes the rows of one branch."""

    choice: Choice
    branch: int

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the branch's rows."""
        return take(only(inputs), self.choice.taken == self.branch)


def merged(batches: Sequence[Batch]) -> Batch:
    """Return the rows of several batches in the order of their positions; of equal ones the earlier batch's first."""
    ord_ = np.concatenate([batch.ord for batch in batches])
    order = np.argsort(ord_, kind="stable")
    rows = pa.array(order)

    def columns(listed: Sequence[Sequence[ArrowArray]]) -> list[ArrowArray]:
        return [pa.concat_arrays(_alike(parts)).take(rows) for parts in zip(*listed, strict=True)]

    def mask(masks: Sequence[Any]) -> Any:
        if all(each is None for each in masks):
            return None
        parts = [valid_rows(each, len(batch)) for each, batch in zip(masks, batches, strict=True)]
        return np.concatenate(parts)[order]

    first = batches[0]
    same_keys = all(batch.key_bytes is not None and batch.key_format == first.key_format for batch in batches)
    has_old = all(batch.old is not None for batch in batches)
    return Batch(
        ord=ord_[order],
        timestamp=np.concatenate([batch.timestamp for batch in batches])[order],
        key=columns([batch.key for batch in batches]),
        value=columns([batch.value for batch in batches]),
        key_valid=mask([batch.key_valid for batch in batches]),
        value_valid=mask([batch.value_valid for batch in batches]),
        key_bytes=columns([[batch.key_bytes] for batch in batches])[0] if same_keys else None,
        key_format=first.key_format,
        old=columns([batch.old or [] for batch in batches]) if has_old else None,
        old_valid=mask([batch.old_valid for batch in batches]) if has_old else None,
        window_start=_bounds([batch.window_start for batch in batches], order),
        window_end=_bounds([batch.window_end for batch in batches], order),
        headers=_headers(batches, rows),
    )


def _alike(parts: Sequence[ArrowArray]) -> list[ArrowArray]:
    made = [plain(part) for part in parts]
    known = next((part.type for part in made if not pa.types.is_null(part.type)), made[0].type)
    return [part if part.type == known else part.cast(known) for part in made]


def _bounds(bounds: Sequence[Int64s | None], order: Int64s) -> Int64s | None:
    known = [each for each in bounds if each is not None]
    return np.concatenate(known)[order] if len(known) == len(bounds) else None


def _headers(batches: Sequence[Batch], rows: ArrowArray) -> ArrowArray | None:
    of = next((batch.headers.type for batch in batches if batch.headers is not None), None)
    if of is None:
        return None
    parts = [pa.nulls(len(batch), of) if batch.headers is None else batch.headers.cast(of) for batch in batches]
    return pa.concat_arrays(parts).take(rows)
