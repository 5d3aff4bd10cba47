"""The codecs of record batches, twin of the native ones.

Snappy is read raw or in the framing of xerial's Java library (magic, two versions, blocks with their length), and
written in that framing, which every client reads.
"""

from __future__ import annotations

import struct

import cramjam

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_START = _XERIAL_MAGIC + struct.pack(">ii", 1, 1)
_XERIAL_BLOCK = 32 * 1024
_NAMES = ("uncompressed", "gzip", "snappy", "lz4", "zstd")


class CodecError(ValueError):
    """Compressed bytes that cannot be read."""


def decompress(codec: int, data: bytes) -> bytes:
    """Decompress the records of a batch.

    Raises:
        CodecError: the bytes are damaged, or there is no such codec.
    """
    try:
        if codec == 1:
            return bytes(cramjam.gzip.decompress(data))
        if codec == 2:
            return _read_snappy(data)
        if codec == 3:
            return bytes(cramjam.lz4.decompress(_lz4_frame(data)))
        if codec == 4:
            return bytes(cramjam.zstd.decompress(data))
    except (cramjam.DecompressionError, struct.error) as error:
        raise CodecError(f"{_NAMES[codec]} data cannot be read: {error}") from error
    raise CodecError(f"compressed data cannot be read: no codec has the number {codec}")


def _lz4_frame(data: bytes) -> bytes:
    """The first LZ4 frame with its end mark; what follows it is not looked at, as in Kafka's reader."""
    if len(data) < 7:
        raise struct.error("the frame is cut off")
    flags = data[4]
    at = 7 + (8 if flags & 0x08 else 0) + (4 if flags & 0x01 else 0)
    size = -1
    while size:
        size = struct.unpack_from("<I", data, at)[0] & 0x7FFFFFFF
        at += 4
        if size:
            at += size + (4 if flags & 0x10 else 0)
    end = at + (4 if flags & 0x04 else 0)
    if end > len(data):
        raise struct.error("the frame is cut off")
    return data[:end]


def _read_snappy(data: bytes) -> bytes:
    if len(data) < len(_XERIAL_START) or not data.startswith(_XERIAL_MAGIC):
        return bytes(cramjam.snappy.decompress_raw(data))
    blocks: list[bytes] = []
    position = len(_XERIAL_START)
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        position += 4
        if position + length > len(data):
            raise struct.error("a block is cut off")
        blocks.append(bytes(cramjam.snappy.decompress_raw(data[position : position + length])))
        position += length
    return b"".join(blocks)


def compress(codec: int, data: bytes) -> bytes:
    """Compress the records of a batch; the codec number is 0 to 4."""
    if codec == 1:
        return bytes(cramjam.gzip.compress(data))
    if codec == 2:
        parts = [_XERIAL_START]
        for start in range(0, len(data), _XERIAL_BLOCK):
            block = bytes(cramjam.snappy.compress_raw(data[start : start + _XERIAL_BLOCK]))
            parts += (struct.pack(">I", len(block)), block)
        return b"".join(parts)
    if codec == 3:
        return bytes(cramjam.lz4.compress(data))
    if codec == 4:
        return bytes(cramjam.zstd.compress(data))
    return data
