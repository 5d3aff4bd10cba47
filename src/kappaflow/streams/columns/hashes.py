"""MurmurHash3 of 128 bits over a column of bytes; the twin of `foreign_key_protocol.murmur3_128`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.columns.batches import plain
from kappaflow.streams.columns.fan import pc
from kappaflow.streams.processors.foreign_key_protocol import HASH_SEED, murmur3_128

Words = npt.NDArray[np.uint64]
_C1, _C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
_BLOCK = 16
ROOM_BYTES_MAX = 64 << 20
"""Values that would take more, each as long as the longest, are hashed one by one."""


def murmur3_128_column(data: ArrowArray) -> ArrowArray:
    """Return the hash of each value; null of nulls.

    >>> murmur3_128_column(pa.array([b"", None], pa.binary()))[0].as_py().hex()
    '9d2764a018e329428c3cf3b035938518'
    """
    values = plain(data).cast(pa.binary())
    lengths = pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    count = len(lengths)
    blocks = lengths // _BLOCK
    if (int(blocks.max(initial=0)) + 1) * _BLOCK * count > ROOM_BYTES_MAX:
        return pa.array([None if each is None else murmur3_128(each) for each in values.to_pylist()], pa.binary())
    padded = _padded(values, lengths, int(blocks.max(initial=0)) + 1)
    h1 = np.full(count, HASH_SEED, np.uint64)
    h2 = h1.copy()
    for number in range(int(blocks.max(initial=0))):
        rows = np.flatnonzero(blocks > number)
        _mix_block(h1, h2, rows, padded[rows, number, 0], padded[rows, number, 1])
    at = np.arange(count)
    tails = padded[at, blocks] if count else np.zeros((0, 2), np.uint64)
    h2 ^= _scrambled(tails[:, 1], _C2, 33, _C1)
    h1 ^= _scrambled(tails[:, 0], _C1, 31, _C2)
    h1 ^= lengths.astype(np.uint64)
    h2 ^= lengths.astype(np.uint64)
    h1 += h2
    h2 += h1
    h1, h2 = _final(h1), _final(h2)
    h1 += h2
    h2 += h1
    hashed = np.stack([h1, h2], axis=1).astype(">u8").tobytes()
    made = pa.FixedSizeBinaryArray.from_buffers(pa.binary(_BLOCK), count, [None, pa.py_buffer(hashed)]).cast(
        pa.binary()
    )
    if not values.null_count:
        return made
    return pc.if_else(values.is_valid(), made, pa.scalar(None, pa.binary()))


def _padded(values: ArrowArray, lengths: npt.NDArray[np.int64], blocks: int) -> Words:
    """Return each value as little-endian words, two a block, with zeros behind it."""
    width = blocks * _BLOCK
    room = np.zeros((len(lengths), width), np.uint8)
    joined = np.frombuffer(b"".join(each for each in values.to_pylist() if each), np.uint8)
    room[np.arange(width) < lengths[:, None]] = joined
    return room.view("<u8").reshape(len(lengths), blocks, 2)


def _rotated(words: Words, bits: int) -> Words:
    return (words << np.uint64(bits)) | (words >> np.uint64(64 - bits))


def _scrambled(words: Words, first: np.uint64, bits: int, second: np.uint64) -> Words:
    return _rotated(words * first, bits) * second


def _mix_block(h1: Words, h2: Words, rows: npt.NDArray[np.int64], k1: Words, k2: Words) -> None:
    one = h1[rows] ^ _scrambled(k1, _C1, 31, _C2)
    one = (_rotated(one, 27) + h2[rows]) * np.uint64(5) + np.uint64(0x52DCE729)
    two = h2[rows] ^ _scrambled(k2, _C2, 33, _C1)
    two = (_rotated(two, 31) + one) * np.uint64(5) + np.uint64(0x38495AB5)
    h1[rows], h2[rows] = one, two


def _final(words: Words) -> Words:
    words = words ^ (words >> np.uint64(33))
    words = words * np.uint64(0xFF51AFD7ED558CCD)
    words = words ^ (words >> np.uint64(33))
    words = words * np.uint64(0xC4CEB9FE1A85EC53)
    return words ^ (words >> np.uint64(33))
