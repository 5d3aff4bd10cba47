"""Kafka's variant of murmur2, the hash behind the default partitioner.

Source: https://kafka.apache.org/documentation/#producerconfigs_partitioner.class
"""

from __future__ import annotations

import numpy as np

from kappaflow.kernel.record_columns import ArrowArray, Int32s

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """The hash of one key, a signed 32-bit number.

    >>> murmur2(b"21")
    -973932308
    """
    length = len(key)
    value = _SEED ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(key[start : start + 4], "little") * _M & _MASK
        k ^= k >> 24
        value = value * _M & _MASK ^ k * _M & _MASK
    if whole < length:
        value = (value ^ int.from_bytes(key[whole:], "little")) * _M & _MASK
    value ^= value >> 13
    value = value * _M & _MASK
    value ^= value >> 15
    return value - (value >> 31 << 32)


def murmur2_column(keys: ArrowArray) -> Int32s:
    """The hashes of a column of keys (Arrow binary or string), int32; null keys give 0."""
    hashes = [0 if key is None else murmur2(key.encode() if isinstance(key, str) else key) for key in keys.to_pylist()]
    return np.array(hashes, np.int32)
