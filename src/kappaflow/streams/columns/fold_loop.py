"""Column form of folds by expressions: one pass over the rows, over states in memory.

The rows of all operators that share the store (cogrouped streams) go through it in the order of their positions.
Where results wait for a commit, the row form runs (`StepColumns`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kappaflow.streams.batch import Batch
from kappaflow.streams.columns.batches import plain, serialised_keys, take
from kappaflow.streams.columns.step_rows import in_order, together
from kappaflow.streams.columns.steps import StepColumns
from kappaflow.streams.processors.result_cache import holds_back
from kappaflow.streams.topology import nodes as n


@dataclass(slots=True)
class _Rows:
    """The rows of one input as objects."""

    member: FoldLoopColumns
    key_bytes: list[bytes | None]
    keys: list[Any]
    values: list[Any]
    times: list[int]
    positions: list[int]


class FoldLoopColumns(StepColumns):
    """Folds the rows of each key of a stream by functions of key, value and aggregate that are made of expressions.

    Attributes:
        node: of the aggregation.
    """

    node: n.StreamAggregate

    def process_all(self, waiting: Sequence[tuple[StepColumns, int, Batch]]) -> Batch | None:
        """Fold the rows; return the change that each makes."""
        if holds_back(self.context, self.node.store):
            return super().process_all(waiting)
        inputs = [self._rows(member, batch) for member, _, batch in waiting]
        batches = [batch for _, _, batch in waiting]
        held, drops, initial_is_old = self.held[0], 0, self.node.initial_is_old
        rows: list[int] = []
        new: list[Any] = []
        old: list[Any] = []
        times: list[int] = []
        for position, (at, row) in enumerate(in_order(list(enumerate(batches)))):
            given = inputs[at]
            key, value = given.key_bytes[row], given.values[row]
            if key is None or value is None:
                drops += 1
                continue
            aggregator: Any = given.member.node.aggregator
            given.member.note(given.positions[row])
            before, timestamp = held.get(key), given.times[row]
            if before is None:
                state = aggregator.initial()
                old.append(state if initial_is_old else None)
            else:
                state, known = before
                timestamp = max(timestamp, known)
                old.append(state)
            made = aggregator.fold(given.keys[row], value, state)
            held.put(key, made, timestamp)
            rows.append(position)
            new.append(made)
            times.append(timestamp)
        if drops:
            self.context.drop("null-key-or-value", drops)
        if not rows:
            return None
        shape = self.made.value
        assert shape is not None
        result = take(together(batches), np.array(rows, np.int64))
        result.timestamp = np.array(times, np.int64)
        result.value, result.value_valid = shape.arrays(new)
        result.old, result.old_valid = shape.arrays(old)
        return result

    @staticmethod
    def _rows(member: Any, batch: Batch) -> _Rows:
        columns = member.given[0]
        keys = plain(serialised_keys(member.node.store.key_serde, batch)).to_pylist()
        if batch.key_valid is not None:
            keys = [key if there else None for key, there in zip(keys, batch.key_valid.tolist(), strict=True)]
        objects = columns.key.values(batch.key, batch.key_valid, len(batch))
        values = columns.value.values(batch.value, batch.value_valid, len(batch))
        return _Rows(member, keys, objects, values, batch.timestamp.tolist(), batch.ord.tolist())
