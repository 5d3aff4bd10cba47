"""How large records become as batches of their own, which is what a topic's limit is held against."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.streams.batch import ArrowArray
from kappaflow.wire.record_batch import HEADER_SIZE

_RECORD_OVERHEAD_BYTES = 32


def rows_above(limit: int, keys: ArrowArray, values: ArrowArray, headers: ArrowArray | None) -> dict[int, int]:
    """The rows whose batch would have more than `limit` bytes, with its size; nearly always none.

    Source: the record batch format; a batch of one record has deltas of 0.
    """
    lengths = _lengths(keys) + _lengths(values)
    slack = HEADER_SIZE + _RECORD_OVERHEAD_BYTES + (0 if headers is None else int(headers.nbytes))
    found: dict[int, int] = {}
    for row in np.flatnonzero(lengths > limit - slack).tolist():
        listed = None if headers is None else headers[row].as_py()
        size = batch_size(keys[row].as_py(), values[row].as_py(), listed or ())
        if size > limit:
            found[row] = size
    return found


def batch_size(key: bytes | str | None, value: bytes | str | None, headers: Any) -> int:
    """The bytes of an uncompressed batch of one record."""
    body = 3 + _field(key) + _field(value) + _varint(len(headers))
    body += sum(_field(header["key"]) + _field(header["value"]) for header in headers)
    return HEADER_SIZE + _varint(body) + body


def _lengths(column: ArrowArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At least the length of every row, read where Arrow keeps it: its own functions cost more than small batches."""
    start, end = column.offset, column.offset + len(column)
    if pa.types.is_null(column.type) or not end:
        return np.zeros(len(column), np.int64)
    if pa.types.is_binary_view(column.type) or pa.types.is_string_view(column.type):
        views = np.frombuffer(column.buffers()[1], np.int32).reshape(-1, 4)
        return np.where(np.asarray(column.is_valid()), views[start:end, 0], 0).astype(np.int64)
    is_large = pa.types.is_large_binary(column.type) or pa.types.is_large_string(column.type)
    offsets = np.frombuffer(column.buffers()[1], np.int64 if is_large else np.int32)
    return np.diff(offsets[start : end + 1]).astype(np.int64)


def _field(data: bytes | str | None) -> int:
    if data is None:
        return 1
    length = len(data.encode()) if isinstance(data, str) else len(data)
    return _varint(length) + length


def _varint(number: int) -> int:
    """Bytes of a zigzag varint of a number that is not negative."""
    return max(1, ((number << 1).bit_length() + 6) // 7)
