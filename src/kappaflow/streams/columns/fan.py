"""Column forms of operators that turn one row into several, several streams into one, one stream into several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow.compute as _compute

from kappaflow.streams.batch import Batch, Int64s
from kappaflow.streams.columns.batches import plain, take
from kappaflow.streams.columns.merging import merged
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
