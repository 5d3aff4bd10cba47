"""The codec that a topic asks for, whatever the producer sent.

Source: the topic settings ``compression.type`` and KIP-390 (``compression.*.level``)
"""

from __future__ import annotations

from kappaflow.errors import CorruptRecordError
from kappaflow.runtime.disk import ByteBuffer
from kappaflow.storage.append_errors import CorruptMessage, MessageTooLarge
from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.record_extents import batch_body
from kappaflow.wire.compression import GZIP, LZ4, NONE, SNAPPY, ZSTD, compress
from kappaflow.wire.record_batch import RecordBatchHeader, pack_batch

CODEC_MASK = 0x07
_CODECS = {"uncompressed": NONE, "gzip": GZIP, "snappy": SNAPPY, "lz4": LZ4, "zstd": ZSTD}


def recompressed(header: RecordBatchHeader, records: ByteBuffer, config: LogConfig) -> ByteBuffer | None:
    """The batch in the topic's codec; None where it is in it already, or where the producer's is kept.

    Raises:
        CorruptMessage: its records cannot be decompressed.
        MessageTooLarge: in the topic's codec it is larger than max.message.bytes.
    """
    codec = _CODECS.get(config.compression_type)
    if codec is None or codec == header.compression or header.is_control:
        return None
    try:
        body = compress(codec, batch_body(header, records), _level(codec, config))
    except CorruptRecordError as error:
        raise CorruptMessage(str(error)) from error
    batch = pack_batch(header._replace(attributes=header.attributes & ~CODEC_MASK | codec), body)
    if len(batch) > config.max_message_bytes:
        raise MessageTooLarge(
            f"in the topic's codec {config.compression_type} the record batch has {len(batch)} bytes, "
            f"max.message.bytes is {config.max_message_bytes}"
        )
    return batch


def _level(codec: int, config: LogConfig) -> int | None:
    if codec == GZIP:
        return config.compression_gzip_level if config.compression_gzip_level >= 0 else None
    return {LZ4: config.compression_lz4_level, ZSTD: config.compression_zstd_level}.get(codec)
