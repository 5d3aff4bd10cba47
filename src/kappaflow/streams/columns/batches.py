"""Rows of batches: selected, put together, their keys serialised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow import kernel
from kappaflow.serde import WindowedKeySerde
from kappaflow.streams.batch import ArrowArray, Batch, Int64s, Mask
from kappaflow.streams.topology import nodes as n

_PLAIN = {pa.binary_view(): pa.binary(), pa.string_view(): pa.string()}


def plain(column: ArrowArray) -> ArrowArray:
    """Return a column without views: Arrow selects no rows of those."""
    to = _PLAIN.get(column.type)
    return column if to is None else column.cast(to)


def take(batch: Batch, rows: Int64s | Mask) -> Batch:
    """Return the rows at these positions, or for which the mask is true."""
    selector = pa.array(rows)
    by_mask = pa.types.is_boolean(selector.type)
    positions = np.flatnonzero(rows) if by_mask else rows

    def pick(column: ArrowArray) -> ArrowArray:
        if pa.types.is_null(column.type) and len(positions) <= len(column):
            return column[: len(positions)]  # columns that nothing reads
        column = plain(column)
        return column.filter(selector) if by_mask else column.take(selector)

    return _chosen(batch, lambda vector: vector[positions], pick)


def cut(batch: Batch, start: int, end: int) -> Batch:
    """Return the rows from `start` up to `end`, without copying."""
    if start == 0 and end == len(batch):
        return batch
    rows = slice(start, end)
    return _chosen(batch, lambda vector: vector[rows], lambda column: column[rows])


def _chosen(batch: Batch, of_vector: Callable[[Any], Any], of_column: Callable[[ArrowArray], ArrowArray]) -> Batch:
    """Return a batch of what the functions choose of each NumPy vector and of each Arrow column."""

    def one(vector: Any) -> Any:
        return None if vector is None else of_vector(vector)

    def each(columns: Sequence[ArrowArray] | None) -> list[ArrowArray] | None:
        return None if columns is None else [of_column(column) for column in columns]

    return Batch(
        ord=of_vector(batch.ord),
        timestamp=of_vector(batch.timestamp),
        key=each(batch.key) or [],
        value=each(batch.value) or [],
        key_valid=one(batch.key_valid),
        value_valid=one(batch.value_valid),
        key_bytes=None if batch.key_bytes is None else of_column(batch.key_bytes),
        key_format=batch.key_format,
        old=each(batch.old),
        old_valid=one(batch.old_valid),
        window_start=one(batch.window_start),
        window_end=one(batch.window_end),
        partition=one(batch.partition),
        offset=one(batch.offset),
        headers=None if batch.headers is None else of_column(batch.headers),
        latest=one(batch.latest),
    )


def shared(batch: Batch) -> Batch:
    """Return a batch that an operator may change without changing this one."""
    return replace(batch)


def old_rows(batch: Batch) -> Batch | None:
    """Return the old values of a table's changes as a batch of values; None where no old value is known."""
    if batch.old is None:
        return None
    return replace(batch, value=batch.old, value_valid=batch.old_valid, old=None, old_valid=None)


def valid_rows(mask: Mask | None, count: int) -> Mask:
    """Return a validity mask as an array; None means that every row is valid."""
    return np.ones(count, np.bool_) if mask is None else mask


def both(first: Mask | None, second: Mask | None) -> Mask | None:
    """Return the rows that are valid in both masks; None when all are."""
    masks = [mask for mask in (first, second) if mask is not None]
    if not masks:
        return None
    mask = masks[0] if len(masks) == 1 else masks[0] & masks[1]
    return None if mask.all() else mask


def serialised_keys(serde: n.KeySerde, batch: Batch) -> ArrowArray:
    """Return the keys of a batch as bytes, as a topic or store keeps them."""
    if isinstance(serde, WindowedKeySerde):
        assert batch.window_start is not None and batch.window_end is not None
        if batch.key_bytes is not None and batch.key_format == serde.inner.name and serde.window.size_ms is not None:
            return kernel.window_keys(batch.key_bytes, batch.window_start)
        return serde.encode(batch.key, batch.window_start, batch.window_end, batch.key_valid)
    if batch.key_bytes is not None and batch.key_format == serde.name:
        return batch.key_bytes
    return serde.encode(batch.key, batch.key_valid, len(batch))
