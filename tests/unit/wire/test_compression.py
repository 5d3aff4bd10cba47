"""What the codecs give back, and how much at most."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from kappaflow.errors import CorruptRecordError
from kappaflow.storage.append_errors import InvalidRecord
from kappaflow.storage.batch_validation import validate_batch
from kappaflow.storage.log_config import LogConfig
from kappaflow.wire.compression import GZIP, LZ4, NONE, SNAPPY, ZSTD, compress, decompress
from kappaflow.wire.record_batch import build_batch, pack_batch, parse_header

NOW_MS = 1_700_000_000_000
CODECS = (NONE, GZIP, SNAPPY, LZ4, ZSTD)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 524_288, 3_000_000])
def test_what_was_packed_comes_back_however_small_it_was(codec: int, size: int) -> None:
    for data in (bytes(size), random.Random(size).randbytes(size)):
        assert decompress(codec, compress(codec, data)) == data


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_no_more_comes_out_than_is_allowed(codec: int) -> None:
    packed = compress(codec, bytes(1_000_000))
    assert len(decompress(codec, packed, 1_000_000)) == 1_000_000
    with pytest.raises(CorruptRecordError, match="more than 999999 bytes"):
        decompress(codec, packed, 999_999)


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_damaged_bytes_are_refused(codec: int) -> None:
    packed = bytearray(compress(codec, random.Random(1).randbytes(10_000)))
    for damaged in (packed[: len(packed) // 2], b"\xff" * 100):
        with pytest.raises(CorruptRecordError):
            decompress(codec, damaged)


def test_a_small_batch_that_unfolds_to_gigabytes_is_refused_before_it_does() -> None:
    bare = parse_header(build_batch([(b"k", b"v")], timestamp_ms=NOW_MS))
    # Two frames behind each other are one: so it is written without ever holding what comes out.
    frame = compress(ZSTD, bytes(64 << 20))
    bomb = pack_batch(bare._replace(attributes=ZSTD), frame * 60)
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    with pytest.raises(InvalidRecord, match="decompressed"):
        validate_batch(bomb, LogConfig(cleanup_policy="compact"), NOW_MS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 600 << 20
