"""Changes of a table that wait for a commit, as columns: the column form of the record cache.

See `kappaflow.streams.processors.result_cache`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from kappaflow import kernel
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.columns.batches import plain, take, valid_rows
from kappaflow.streams.columns.merging import merged
from kappaflow.streams.columns.results_before import ResultsBefore

COMPACT_AT_ROWS = 20_000


class HeldChanges:
    """The last change of each key, in the order of the last changes."""

    def __init__(self) -> None:
        self._before = ResultsBefore()
        self._keys: list[ArrowArray] = []
        self._batches: list[Batch] = []
        self._rows = 0
        self._compact_at = COMPACT_AT_ROWS

    def hold(self, keys: ArrowArray, batch: Batch, replaced: list[ArrowArray], present: Mask) -> None:
        """Keep the rows of a batch.

        Args:
            keys: of the store.
            replaced: the row that was there before each row.
            present: which of them there were.
        """
        unseen = self._before.unseen(keys)
        if len(unseen):
            first = pa.array(_first_of(keys, unseen))
            self._before.keep(unseen, [plain(each).take(first) for each in replaced], present[first.to_numpy()])
        last = np.asarray(kernel.last_per_key(keys), np.int64)
        self._keys.append(plain(keys).take(pa.array(last)))
        self._batches.append(take(replace(batch, old=None, old_valid=None, latest=None), last))
        self._rows += len(last)
        if self._rows > self._compact_at:
            self._compact()
            self._compact_at = max(COMPACT_AT_ROWS, 2 * self._rows)

    def _compact(self) -> None:
        keys = pa.concat_arrays(self._keys)
        last = np.asarray(kernel.last_per_key(keys), np.int64)
        starts = np.cumsum([0, *(len(each) for each in self._batches)])
        by = [np.arange(start, start + len(each)) for start, each in zip(starts, self._batches, strict=False)]
        whole = self._batches[0] if len(self._batches) == 1 else merged(self._batches, by)
        self._keys, self._batches = [keys.take(pa.array(last))], [take(whole, last)]
        self._rows = len(last)

    def take(self, *, sends_old: bool) -> Batch | None:
        """Return the changes and forget them; a key that was not there and is not there now changed nothing."""
        if not self._batches:
            return None
        self._compact()
        (keys,), (batch,) = self._keys, self._batches
        old, there = self._before.take(keys)
        self._keys, self._batches, self._rows, self._compact_at = [], [], 0, COMPACT_AT_ROWS
        if sends_old:
            batch.old, batch.old_valid = old, there
        seen = there | valid_rows(batch.value_valid, len(batch))
        if not seen.all():
            batch = take(batch, seen)
        batch.ord = np.arange(len(batch), dtype=np.int64)
        return batch if len(batch) else None


def _first_of(keys: ArrowArray, wanted: ArrowArray) -> list[int]:
    """Return where keys stand first."""
    first: dict[bytes, int] = {}
    for at, key in enumerate(keys.to_pylist()):
        first.setdefault(key, at)
    return [first[key] for key in wanted.to_pylist()]
