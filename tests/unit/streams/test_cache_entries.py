"""What a scan of a bounded cache passes: of a store in memory the entries of all keys, unless these are many."""

from __future__ import annotations

import pytest

from kappaflow.serde import WindowedKeySerde
from kappaflow.serde.objects import RawRowSerde
from kappaflow.serde.schema import WindowInfo, WindowType
from kappaflow.serde.types import BYTES
from kappaflow.streams.processors.cache_entries import PASSED_MAX, CacheBudget, CacheEntries
from kappaflow.streams.topology.nodes import StoreSpec

WINDOW = WindowInfo(WindowType.TUMBLING, 10)


def windowed(key: bytes, start: int) -> bytes:
    return key + start.to_bytes(8, "big")


def entries_of(*keys: bytes, in_memory: bool) -> CacheEntries:
    spec = StoreSpec("s", WindowedKeySerde(RawRowSerde(), WINDOW), RawRowSerde(), (BYTES,), WINDOW, in_memory=in_memory)
    entries = CacheEntries(spec, CacheBudget(1 << 40), lambda _key: None)
    for key in keys:
        entries.put(key, None, ())
    return entries


@pytest.mark.parametrize(("in_memory", "passed"), [(False, [b"b"]), (True, [b"c", b"b"])])
def test_a_store_in_memory_is_in_the_order_of_times(in_memory: bool, passed: list[bytes]) -> None:
    keys = [windowed(b"a", 9), windowed(b"b", 5), windowed(b"c", 1)]
    entries = entries_of(*keys, in_memory=in_memory)
    assert [key[:1] for key in entries.between(windowed(b"b", 0), windowed(b"b", 7))] == passed
    entries.forget(keys[1])
    assert keys[1] not in entries.between(windowed(b"b", 0), windowed(b"b", 7))


def test_a_scan_that_passes_too_many_counts_none() -> None:
    keys = [windowed(b"k%d" % n, 1) for n in range(PASSED_MAX)]
    entries = entries_of(*keys, in_memory=True)
    low, high = windowed(b"", 0), windowed(b"", 2)
    assert len(entries.between(low, high)) == PASSED_MAX
    entries.put(windowed(b"one more", 1), None, ())
    assert entries.between(low, high) == []
