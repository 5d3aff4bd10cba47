"""The four codecs of Kafka's record batches.

Snappy comes in two forms: bare, and in the block framing of the Java library, which Java producers write and every
client reads. LZ4 is its frame format, Zstandard and gzip are what their names say.

Source: https://kafka.apache.org/documentation/#recordbatch, KIP-57, KIP-110
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Protocol, TypeAlias

from kappaflow.errors import CorruptRecordError

ByteBuffer: TypeAlias = bytes | bytearray | memoryview

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)

_SNAPPY_MAGIC = b"\x82SNAPPY\x00"
_SNAPPY_HEAD = _SNAPPY_MAGIC + b"\x00\x00\x00\x01\x00\x00\x00\x01"
_SNAPPY_BLOCK_BYTES = 32 * 1024
_LENGTH = Struct(">i")

DECOMPRESSED_MAX_BYTES = 256 << 20
"""More than producers put into a batch; a megabyte of zstd can be made to hold thirty thousand times as much."""
_FIRST_RATIO = 8
_FIRST_MIN_BYTES = 64 * 1024
_TOO_SMALL = "failed to write whole buffer"


class _Codec(Protocol):
    def decompress_into(self, data: Any, output: Any, /) -> int: ...


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


def decompress(codec: int, data: ByteBuffer, max_bytes: int = DECOMPRESSED_MAX_BYTES) -> bytes:
    """Decompress the records of a batch.

    Raises:
        CorruptRecordError: the codec does not exist, the bytes are not of it, or they give more than `max_bytes`.
    """
    import cramjam

    if codec == NONE:
        return bytes(data)
    try:
        if codec == GZIP:
            return _bounded(cramjam.gzip, data, max_bytes)
        if codec == SNAPPY:
            return _decompress_snappy(memoryview(data))
        if codec == LZ4:
            return _bounded(cramjam.lz4, data, max_bytes)
        if codec == ZSTD:
            return _bounded(cramjam.zstd, data, max_bytes)
    except cramjam.DecompressionError as error:
        raise CorruptRecordError(f"the compressed records of a batch cannot be read: {error}") from error
    raise CorruptRecordError(f"compression type {codec} does not exist")


def _bounded(codec: _Codec, data: ByteBuffer, max_bytes: int) -> bytes:
    """Decompress into a buffer that grows with what comes out, up to a limit."""
    import cramjam

    size = min(max_bytes, max(_FIRST_RATIO * len(data), _FIRST_MIN_BYTES))
    while True:
        output = bytearray(size)
        try:
            written = codec.decompress_into(data, output)
        except cramjam.DecompressionError as error:
            if _TOO_SMALL not in str(error):
                raise
            if size >= max_bytes:
                raise CorruptRecordError(
                    f"the records of a batch have more than {max_bytes} bytes decompressed"
                ) from None
            size = min(max_bytes, _FIRST_RATIO * size)
        else:
            return bytes(memoryview(output)[:written])


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
