"""The four codecs of Kafka's record batches.

Snappy comes in two forms: bare, and in the block framing of the Java library, which Java producers write and every
client reads. LZ4 is its frame format, Zstandard and gzip are what their names say.

Source: https://kafka.apache.org/documentation/#recordbatch, KIP-57, KIP-110
"""

from __future__ import annotations

from struct import Struct
from typing import TypeAlias

from kappaflow.errors import CorruptRecordError

ByteBuffer: TypeAlias = bytes | bytearray | memoryview

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)

_SNAPPY_MAGIC = b"\x82SNAPPY\x00"
_SNAPPY_HEAD = _SNAPPY_MAGIC + b"\x00\x00\x00\x01\x00\x00\x00\x01"
_SNAPPY_BLOCK_BYTES = 32 * 1024
_LENGTH = Struct(">i")


def compress(codec: int, data: ByteBuffer, level: int | None = None) -> bytes:
    """Compress the records of a batch.

    Args:
        codec: the number in the batch's attributes.
        data: the records.
        level: of gzip, LZ4 and Zstandard; None for the codec's own default.

    Raises:
        CorruptRecordError: the codec does not exist.
    """
    import cramjam

    if codec == NONE:
        return bytes(data)
    if codec == GZIP:
        return bytes(cramjam.gzip.compress(data, level))
    if codec == SNAPPY:
        pieces = [_SNAPPY_HEAD]
        view = memoryview(data)
        for start in range(0, len(view), _SNAPPY_BLOCK_BYTES):
            block = bytes(cramjam.snappy.compress_raw(view[start : start + _SNAPPY_BLOCK_BYTES]))
            pieces += (_LENGTH.pack(len(block)), block)
        return b"".join(pieces)
    if codec == LZ4:
        # Java's reader refuses frames whose blocks refer to earlier ones.
        compressor = cramjam.lz4.Compressor(level, content_checksum=False, block_linked=False)
        compressor.compress(bytes(data))
        return bytes(compressor.finish())
    if codec == ZSTD:
        return bytes(cramjam.zstd.compress(data, level))
    raise CorruptRecordError(f"compression type {codec} does not exist")


def decompress(codec: int, data: ByteBuffer) -> bytes:
    """Decompress the records of a batch.

    Raises:
        CorruptRecordError: the codec does not exist, or the bytes are not of it.
    """
    import cramjam

    if codec == NONE:
        return bytes(data)
    try:
        if codec == GZIP:
            return bytes(cramjam.gzip.decompress(data))
        if codec == SNAPPY:
            return _decompress_snappy(memoryview(data))
        if codec == LZ4:
            return bytes(cramjam.lz4.decompress(data))
        if codec == ZSTD:
            return bytes(cramjam.zstd.decompress(data))
    except cramjam.DecompressionError as error:
        raise CorruptRecordError(f"the compressed records of a batch cannot be read: {error}") from error
    raise CorruptRecordError(f"compression type {codec} does not exist")


def _decompress_snappy(data: memoryview) -> bytes:
    import cramjam

    if bytes(data[: len(_SNAPPY_MAGIC)]) != _SNAPPY_MAGIC:
        return bytes(cramjam.snappy.decompress_raw(data))
    pieces: list[bytes] = []
    position = len(_SNAPPY_HEAD)
    while position < len(data):
        if position + _LENGTH.size > len(data):
            raise CorruptRecordError("the compressed records of a batch are cut")
        (length,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        if length < 0 or position + length > len(data):
            raise CorruptRecordError("the compressed records of a batch are cut")
        pieces.append(bytes(cramjam.snappy.decompress_raw(data[position : position + length])))
        position += length
    return b"".join(pieces)
