"""Positions within a batch, twin of the native functions; null keys match nothing."""

from __future__ import annotations

import numpy as np

from kappaflow.kernel.record_columns import ArrowArray, Int64s


def as_of(change_keys: ArrowArray, change_ord: Int64s, lookup_keys: ArrowArray, lookup_ord: Int64s) -> Int64s:
    """For each look-up the index of the latest change of its key with a strictly smaller ord, or -1.

    Args:
        change_keys, lookup_keys: Arrow binary or string.
        change_ord, lookup_ord: int64, not decreasing.

    Raises:
        ValueError: an ord decreases, or lengths differ.
    """
    changes, lookups = change_keys.to_pylist(), lookup_keys.to_pylist()
    change_order, lookup_order = np.asarray(change_ord, np.int64), np.asarray(lookup_ord, np.int64)
    if len(changes) != len(change_order) or len(lookups) != len(lookup_order):
        raise ValueError("keys and ord must have the same length")
    if (np.diff(change_order) < 0).any() or (np.diff(lookup_order) < 0).any():
        raise ValueError("ord must not decrease")
    latest: dict[bytes, int] = {}
    change = 0
    found: list[int] = []
    for key, order in zip(lookups, lookup_order.tolist(), strict=True):
        while change < len(changes) and change_order[change] < order:
            if changes[change] is not None:
                latest[changes[change]] = change
            change += 1
        found.append(-1 if key is None else latest.get(key, -1))
    return np.array(found, np.int64)


def last_per_key(keys: ArrowArray) -> Int64s:
    """Indexes of the last row of each key, ascending: the order of the keys' last updates."""
    last = {key: row for row, key in enumerate(keys.to_pylist()) if key is not None}
    return np.array(sorted(last.values()), np.int64)


def previous_in_key(keys: ArrowArray) -> Int64s:
    """For each row the index of the previous row with the same key, or -1."""
    last: dict[bytes, int] = {}
    previous: list[int] = []
    for row, key in enumerate(keys.to_pylist()):
        previous.append(-1 if key is None else last.get(key, -1))
        if key is not None:
            last[key] = row
    return np.array(previous, np.int64)
