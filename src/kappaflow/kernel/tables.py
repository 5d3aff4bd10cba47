"""A sorted table: the last rows of keys as the file that RocksDB takes into a database in whole.

    blocks of rows | bloom filter | index | properties | where these are | footer

Source: RocksDB's block-based table format, version 2, with CRC-32C and the bloom filter of that version.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np
from crc32c import crc32c

from kappaflow.kernel.record_columns import ArrowArray

BLOCK_BYTES = 4096
RESTART_INTERVAL = 16
FORMAT_VERSION = 2
MAGIC = 0x88E241B785F4CFF7
FOOTER_HANDLES_BYTES = 40
CRC32C = 1
CHECKSUM_DELTA = 0xA282EAD8
DELETION, VALUE = 0, 1
LINE_BITS = 512
BITS_PER_KEY = 10
PROBES = 6
HASH_SEED = 0xBC9F1D34
HASH_MIX = 0xC6A4A793
_WORD = 0xFFFFFFFF
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")

Handle = tuple[int, int]


def sorted_table(
    prefix: bytes, keys: Sequence[ArrowArray], rows: Sequence[ArrowArray], write: Callable[[bytes], object]
) -> bool:
    """Make a table of the last row of every key.

    Args:
        prefix: goes before every key.
        keys: Arrow binary columns, one after the other; rows without a key are left out.
        rows: as many columns; null deletes the key.
        write: given the file, piece by piece.

    Returns:
        Whether there is a table; false where there is no row.

    Raises:
        ValueError: lengths differ.
    """
    if [len(column) for column in keys] != [len(column) for column in rows]:
        raise ValueError("keys and rows must have the same length")
    last: dict[bytes, bytes | None] = {}
    for key_column, row_column in zip(keys, rows, strict=True):
        pairs = zip(key_column.to_pylist(), row_column.to_pylist(), strict=True)
        last.update((key, row) for key, row in pairs if key is not None)
    if last:
        write(_Table().of(prefix, sorted(last.items(), key=lambda pair: pair[0])))
    return bool(last)


class _Table:
    """The file, and what it says of itself."""

    def __init__(self) -> None:
        self.file = bytearray()
        self.key_bytes = self.row_bytes = self.blocks = self.deletions = 0

    def of(self, prefix: bytes, pairs: Sequence[tuple[bytes, bytes | None]]) -> bytes:
        index = _Block(1)
        self._rows(prefix, pairs, index)
        data_bytes = len(self.file)
        filter_handle = _write(self.file, bloom_filter([bloom_hash(prefix + key) for key, _ in pairs]))
        index_bytes = index.size
        index_handle = index.write(self.file)
        properties = self._properties(len(pairs), data_bytes, index_bytes, filter_handle)
        meta = _Block(1)
        meta.add(b"fullfilter.rocksdb.BuiltinBloomFilter", _place(filter_handle))
        meta.add(b"rocksdb.properties", _place(properties))
        handles = _place(meta.write(self.file)) + _place(index_handle)
        self.file.append(CRC32C)
        self.file += handles.ljust(FOOTER_HANDLES_BYTES, b"\x00") + _U32.pack(FORMAT_VERSION) + _U64.pack(MAGIC)
        return bytes(self.file)

    def _rows(self, prefix: bytes, pairs: Sequence[tuple[bytes, bytes | None]], index: _Block) -> None:
        """Write the blocks of rows; each gets an entry of the index."""
        block = _Block(RESTART_INTERVAL)
        for key, row in pairs:
            # Sequence number 0, as files from outside have, and the kind.
            inner = prefix + key + _U64.pack(DELETION if row is None else VALUE)
            block.add(inner, row or b"")
            self.deletions += row is None
            self.key_bytes += len(inner)
            self.row_bytes += len(row or b"")
            if block.size >= BLOCK_BYTES:
                self._end_block(block, index)
        if block.last:
            self._end_block(block, index)

    def _end_block(self, block: _Block, index: _Block) -> None:
        last = block.last
        index.add(last, _place(block.write(self.file)))
        self.blocks += 1

    def _properties(self, rows: int, data_bytes: int, index_bytes: int, filter_handle: Handle) -> Handle:
        properties = {
            "block.based.table.index.type": _U32.pack(0),
            "block.based.table.prefix.filtering": b"0",
            "block.based.table.whole.key.filtering": b"1",
            "comparator": b"leveldb.BytewiseComparator",
            "compression": b"NoCompression",
            "data.size": varint(data_bytes),
            "deleted.keys": varint(self.deletions),
            "external_sst_file.global_seqno": _U64.pack(0),
            "external_sst_file.version": _U32.pack(2),
            "filter.policy": b"bloomfilter",
            "filter.size": varint(filter_handle[1]),
            "format.version": varint(FORMAT_VERSION),
            "index.size": varint(index_bytes),
            "merge.operands": varint(0),
            "num.data.blocks": varint(self.blocks),
            "num.entries": varint(rows),
            "raw.key.size": varint(self.key_bytes),
            "raw.value.size": varint(self.row_bytes),
        }
        block = _Block(1)
        for name, value in properties.items():
            block.add(b"rocksdb." + name.encode(), value)
        return block.write(self.file)


class _Block:
    """A block that is being filled: a whole key every `interval` entries, between them what differs."""

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._begin()

    def _begin(self) -> None:
        self._data = bytearray()
        self._restarts = [0]
        self._since_restart = 0
        self.last = b""

    @property
    def size(self) -> int:
        """The size of the block if it ended here."""
        return len(self._data) + 4 * len(self._restarts) + 4

    def add(self, key: bytes, value: bytes) -> None:
        """Append an entry; keys come in order."""
        shared = 0
        if self._since_restart >= self._interval:
            self._restarts.append(len(self._data))
            self._since_restart = 0
        else:
            most = min(len(key), len(self.last))
            shared = next((at for at in range(most) if key[at] != self.last[at]), most)
        self._data += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        self.last = key
        self._since_restart += 1

    def write(self, file: bytearray) -> Handle:
        """End the block, write it to the file, and begin anew."""
        for number in (*self._restarts, len(self._restarts)):
            self._data += _U32.pack(number)
        handle = _write(file, self._data)
        self._begin()
        return handle


def varint(value: int) -> bytes:
    """Return a number of 7 bits a byte, the lowest first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _place(handle: Handle) -> bytes:
    return varint(handle[0]) + varint(handle[1])


def _write(file: bytearray, data: bytes | bytearray) -> Handle:
    """Write bytes as an uncompressed block with its checksum."""
    handle = (len(file), len(data))
    file += data
    file.append(0)
    crc = crc32c(bytes(data) + b"\x00")
    file += _U32.pack((((crc >> 15) | (crc << 17)) + CHECKSUM_DELTA) & _WORD)
    return handle


def bloom_hash(key: bytes) -> int:
    """Return RocksDB's 32-bit hash of a key."""
    whole = len(key) - len(key) % 4
    h = HASH_SEED ^ (len(key) * HASH_MIX & _WORD)
    for (word,) in _U32.iter_unpack(key[:whole]):
        h = (h + word) * HASH_MIX & _WORD
        h ^= h >> 16
    if rest := key[whole:]:
        # The bytes left over count as signed ones.
        h += sum((byte - 256 if byte > 127 else byte) << (8 * at) for at, byte in enumerate(rest))
        h = h * HASH_MIX & _WORD
        h ^= h >> 24
    return h


def bloom_filter(hashes: Sequence[int]) -> bytes:
    """Return the filter block over the hashes of all keys: lines of 64 bytes, one line a key."""
    lines = -(-len(hashes) * BITS_PER_KEY // LINE_BITS) | 1
    bits = np.zeros(lines * LINE_BITS, np.uint8)
    for key_hash in hashes:
        delta = ((key_hash >> 17) | (key_hash << 15)) & _WORD
        h, line = key_hash, key_hash % lines * LINE_BITS
        for _ in range(PROBES):
            bits[line + h % LINE_BITS] = 1
            h = (h + delta) & _WORD
    return np.packbits(bits, bitorder="little").tobytes() + bytes([PROBES]) + _U32.pack(lines)
