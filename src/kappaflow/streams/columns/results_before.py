"""Rows and results of keys as they stood before their first change since the last commit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from kappaflow.streams.batch import ArrowArray, Mask
from kappaflow.streams.columns.batches import plain


class ResultsBefore:
    """Remembers what keys had at the last commit."""

    def __init__(self) -> None:
        self._at: dict[bytes, int] = {}
        self._columns: list[list[ArrowArray]] = []
        self._valid: list[Mask] = []

    def unseen(self, keys: ArrowArray) -> ArrowArray:
        """Return the distinct keys that were not kept yet."""
        return pa.array([key for key in keys.unique().to_pylist() if key not in self._at], pa.binary())

    def keep(self, keys: ArrowArray, columns: list[ArrowArray], valid: Mask) -> None:
        """Keep what unseen keys have."""
        start = len(self._at)
        self._at.update({key: start + i for i, key in enumerate(keys.to_pylist())})
        self._columns.append([plain(column) for column in columns])
        self._valid.append(valid)

    def take(self, keys: ArrowArray) -> tuple[list[ArrowArray], Mask]:
        """Return what kept keys had and forget all."""
        rows = np.array([self._at[key] for key in keys.to_pylist()], np.int64)
        columns = [pa.concat_arrays(parts).take(pa.array(rows)) for parts in zip(*self._columns, strict=True)]
        valid = np.concatenate(self._valid)[rows]
        self._at, self._columns, self._valid = {}, [], []
        return columns, valid
