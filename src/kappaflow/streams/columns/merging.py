"""Rows of several batches as one batch, in the order of their positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.streams.batch import ArrowArray, Batch, Int64s
from kappaflow.streams.columns.batches import plain, valid_rows


def merged(batches: Sequence[Batch], by: Sequence[Int64s] | None = None) -> Batch:
    """Return the rows of several batches in the order of their positions; of equal ones the earlier batch's first.

    Args:
        by: what orders the rows instead, where several rows of a batch have one position.
    """
    ord_ = np.concatenate([batch.ord for batch in batches])
    order = np.argsort(ord_ if by is None else np.concatenate(by), kind="stable")
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
        latest=mask([batch.latest for batch in batches]),
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
