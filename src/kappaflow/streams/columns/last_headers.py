"""Headers of the last record of each key, while results wait for a commit."""

from __future__ import annotations

import numpy as np

from kappaflow import kernel
from kappaflow.streams.batch import ArrowArray, Batch
from kappaflow.streams.columns.batches import plain, take
from kappaflow.streams.columns.step_rows import read_headers, write_headers
from kappaflow.streams.record import Headers


class LastHeaders:
    """Remembers keys whose last record has headers; most have none and cost nothing."""

    def __init__(self) -> None:
        self._of: dict[bytes, Headers] = {}

    def keep(self, keys: ArrowArray, batch: Batch) -> None:
        """Note the headers of a batch's rows."""
        if batch.headers is None and not self._of:
            return
        last = np.asarray(kernel.last_per_key(keys), np.int64)
        headers = read_headers(take(batch, last))
        for key, found in zip(plain(keys).take(last).to_pylist(), headers, strict=True):
            if found:
                self._of[key] = found
            else:
                self._of.pop(key, None)

    def take(self, keys: ArrowArray) -> ArrowArray | None:
        """Return the headers of keys as a column, and forget all; None where there are none."""
        if not self._of:
            return None
        found, self._of = self._of, {}
        return write_headers([found.get(key, ()) for key in plain(keys).to_pylist()])
