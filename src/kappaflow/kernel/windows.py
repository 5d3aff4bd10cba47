"""Tumbling and hopping windows of records, and windowed keys; twin of the native functions."""

from __future__ import annotations

import struct

import numpy as np

from kappaflow.kernel.fold_columns import Mask
from kappaflow.kernel.record_columns import ArrowArray, Int64s
from kappaflow.kernel.window_rows import WindowRows, check_windows

_MAX = 2**63 - 1


def assign_windows(
    timestamps: Int64s,
    stream_time: int,
    size_ms: int,
    advance_ms: int,
    grace_ms: int,
    valid: Mask | None = None,
) -> WindowRows:
    """Explode records into their windows, in ascending order of start, and leave out closed windows.

    A window [start, start + size) takes a record while its end is after the stream time (this record included)
    less the grace period.

    Args:
        timestamps: int64, milliseconds.
        stream_time: the greatest timestamp that the operator has seen, -1 at first.
        size_ms, advance_ms: of the windows; equal for tumbling windows.  Both above 0.
        grace_ms: how long a window stays open after its end.
        valid: false for records that the operator skips; they do not move the stream time.

    Raises:
        ValueError: size or advance is not positive, or lengths differ.
    """
    check_windows(size_ms, advance_ms)
    if valid is not None and len(valid) != len(timestamps):
        raise ValueError("timestamps and valid must have the same length")
    rows: list[int] = []
    starts: list[int] = []
    late = 0
    for row, time in enumerate(np.asarray(timestamps, np.int64).tolist()):
        if valid is not None and not valid[row]:
            continue
        stream_time = max(stream_time, time)
        start = max(0, time - size_ms + advance_ms) // advance_ms * advance_ms
        while start <= time:
            if min(start + size_ms, _MAX) > stream_time - grace_ms:
                rows.append(row)
                starts.append(start)
            else:
                late += 1
            start += advance_ms
    return WindowRows(np.array(rows, np.int64), np.array(starts, np.int64), late, stream_time)


def window_keys(keys: ArrowArray, starts: Int64s) -> ArrowArray:
    """Keys of a window store: key bytes, then the start in 8 bytes, big-endian; null keys stay null.

    Raises:
        ValueError: lengths differ.
    """
    import pyarrow as pa

    if len(keys) != len(starts):
        raise ValueError("keys and starts must have the same length")
    pairs = zip(keys.to_pylist(), np.asarray(starts, np.int64).tolist(), strict=True)
    windowed = [
        None if key is None else (key.encode() if isinstance(key, str) else key) + struct.pack(">q", start)
        for key, start in pairs
    ]
    return pa.array(windowed, pa.binary())
