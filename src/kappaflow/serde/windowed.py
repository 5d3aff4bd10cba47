"""Windowed keys: the key's bytes followed by the window's bounds.

time window     key | start (8 bytes, big-endian)      the end is start + size
session window  key | end | start                      both inclusive
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kappaflow.errors import SerializationError
from kappaflow.kernel.selection import USE_NATIVE
from kappaflow.serde.face import ArrowArray, Decoded, Mask, Row, Serde
from kappaflow.serde.schema import WindowInfo, WindowType

Int64s = npt.NDArray[np.int64]
MAX_TIMESTAMP = (1 << 63) - 1
_LONG = struct.Struct(">q")
_TWO_LONGS = struct.Struct(">qq")


@dataclass(slots=True)
class DecodedWindows:
    """Windowed keys as columns.

    Attributes:
        keys: the inner keys; an error also where the bounds are missing.
        start, end: window bounds in milliseconds, 0 where the record is missing or broken.
    """

    keys: Decoded
    start: Int64s
    end: Int64s


class WindowedKeySerde:
    """A key serde with the window bounds behind the key.

    Attributes:
        inner: the serde of the key within the window.
        window: how the key is windowed.
    """

    def __init__(self, inner: Serde, window: WindowInfo) -> None:
        if window.type is not WindowType.SESSION and window.size_ms is None:
            raise ValueError("a time window needs its size")
        self.inner = inner
        self.window = window
        self._is_session = window.type is WindowType.SESSION
        self.suffix_bytes = 16 if self._is_session else 8

    def serialize(self, key: Row | None, start: int, end: int) -> bytes | None:
        """Write a key and its window; a null key has no bytes."""
        data = self.inner.serialize(key)
        if data is None:
            return None
        return data + (_TWO_LONGS.pack(end, start) if self._is_session else _LONG.pack(start))

    def deserialize(self, data: bytes | None) -> tuple[Row | None, int, int] | None:
        """Read key, window start and window end.

        Raises:
            SerializationError: the bytes are too short, or the key does not fit.
        """
        if data is None:
            return None
        split = len(data) - self.suffix_bytes
        if split < 0:
            raise SerializationError(
                f"Failed to deserialize windowed key: {len(data)} bytes cannot hold the window bounds"
            )
        key = self.inner.deserialize(data[:split])
        if self._is_session:
            end, start = _TWO_LONGS.unpack_from(data, split)
            return key, start, end
        start = _LONG.unpack_from(data, split)[0]
        return key, start, self._end_of(start)

    def _end_of(self, start: int) -> int:
        return min(start + (self.window.size_ms or 0), MAX_TIMESTAMP)

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> DecodedWindows:
        """Read a column of windowed keys."""
        inner, start, end, short = self._split_native(data) if USE_NATIVE else self._split_rows(data)
        keys = self.inner.decode(inner, projection)
        if len(short):
            errors = np.zeros(len(start), dtype=np.bool_) if keys.errors is None else keys.errors
            errors[short] = True
            keys.errors = errors
            for position in short:
                size = len(data[position].as_py())
                keys.messages[position] = (
                    f"Failed to deserialize windowed key: {size} bytes cannot hold the window bounds"
                )
        return DecodedWindows(keys, start, end)

    def _split_native(self, data: ArrowArray) -> tuple[ArrowArray, Int64s, Int64s, list[int]]:
        from kappaflow.kernel import _native

        keys, bound_bytes, short = _native.windowed_split(data, self.suffix_bytes // 8)
        bounds: Int64s = np.frombuffer(bound_bytes, np.int64)
        if self._is_session:
            end, start = np.ascontiguousarray(bounds[0::2]), np.ascontiguousarray(bounds[1::2])
        else:
            start = bounds
            size_ms = self.window.size_ms or 0
            end = np.where(start > MAX_TIMESTAMP - size_ms, MAX_TIMESTAMP, start + size_ms)
            end[np.asarray(keys.is_null())] = 0
        return keys, start, end, np.frombuffer(short, np.int64).tolist()

    def _split_rows(self, data: ArrowArray) -> tuple[ArrowArray, Int64s, Int64s, list[int]]:
        records: list[bytes | None] = data.to_pylist()
        start = np.zeros(len(records), dtype=np.int64)
        end = np.zeros(len(records), dtype=np.int64)
        inner: list[bytes | None] = []
        short: list[int] = []
        for position, record in enumerate(records):
            split = -1 if record is None else len(record) - self.suffix_bytes
            if record is None or split < 0:
                inner.append(None)
                if record is not None:
                    short.append(position)
                continue
            inner.append(record[:split])
            if self._is_session:
                end[position], start[position] = _TWO_LONGS.unpack_from(record, split)
            else:
                start[position] = _LONG.unpack_from(record, split)[0]
                end[position] = self._end_of(int(start[position]))
        return pa.array(inner, type=pa.binary()), start, end, short

    def encode(
        self, columns: Sequence[ArrowArray], start: Int64s, end: Int64s, valid: Mask | None = None
    ) -> ArrowArray:
        """Write a column of windowed keys as a binary array."""
        encoded = self.inner.encode(columns, valid, len(start))
        if USE_NATIVE:
            from kappaflow.kernel import _native

            first, second = (end, start) if self._is_session else (start, None)
            return _native.windowed_append(
                encoded,
                np.ascontiguousarray(first, dtype=np.int64),
                None if second is None else np.ascontiguousarray(second, dtype=np.int64),
            )
        keys: list[Any] = encoded.to_pylist()
        bounds = [end, start] if self._is_session else [start]
        suffixes = np.stack(bounds, axis=1).astype(">i8").tobytes()
        size = self.suffix_bytes
        return pa.array(
            [None if k is None else k + suffixes[i * size : (i + 1) * size] for i, k in enumerate(keys)],
            type=pa.binary(),
        )
