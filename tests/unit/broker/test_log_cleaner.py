"""Which logs the cleaner works on, and from where, whatever becomes of others."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kappaflow.broker.log_cleaner import LogCleaner
from kappaflow.runtime.clock import ManualClock
from kappaflow.runtime.disk import SYSTEM_DISK
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.storage.log_directory import LogDirectory
from kappaflow.wire.record_batch import build_batch, iterate_headers, read_records

NOW_MS = 1_700_000_000_000
CONFIG = LogConfig(segment_bytes=500, cleanup_policy="compact", min_cleanable_dirty_ratio=0.0)


def fill(log: PartitionLog, rounds: int = 30) -> None:
    for number in range(rounds):
        rows = [(b"k%d" % key, b"value %d" % number) for key in range(2)]
        log.append(build_batch(rows, timestamp_ms=NOW_MS))
    log.roll()


def records(log: PartitionLog) -> list[tuple[bytes | None, bytes | None]]:
    found: list[tuple[bytes | None, bytes | None]] = []
    offset = log.log_start_offset
    while data := log.read(offset, 1 << 20):
        for position, header in iterate_headers(data):
            batch = data[position : position + header.size]
            found += [(record.key, record.value) for record in read_records(batch)] if header.record_count else []
            offset = header.last_offset + 1
    return found


def clean(cleaner: LogCleaner) -> int:
    return asyncio.run(cleaner.clean_due())


def test_a_damaged_log_keeps_no_other_from_being_cleaned(tmp_path: Path) -> None:
    clock = ManualClock(NOW_MS)
    logs = LogDirectory.open(tmp_path, clock=clock)
    damaged, whole = logs.create("a", 0, CONFIG), logs.create("b", 0, CONFIG)
    fill(damaged)
    fill(whole)
    logs.close()
    (tmp_path / "a-0" / f"{0:020d}.index").unlink()
    first = tmp_path / "a-0" / f"{0:020d}.log"
    first.write_bytes(first.read_bytes()[:8] + b"\xff" * 8 + first.read_bytes()[16:])
    logs = LogDirectory.open(tmp_path, clock=clock, config_of=lambda _: CONFIG)
    cleaner = LogCleaner(logs, clock, SYSTEM_DISK)
    assert clean(cleaner) == 1
    whole = logs.get("b", 0)
    assert whole is not None
    assert records(whole) == [(b"k0", b"value 29"), (b"k1", b"value 29")]
    cleaner.stop()
    logs.close()


def test_a_topic_that_is_made_again_is_cleaned_from_its_beginning(tmp_path: Path) -> None:
    clock = ManualClock(NOW_MS)
    logs = LogDirectory.open(tmp_path, clock=clock)
    cleaner = LogCleaner(logs, clock, SYSTEM_DISK)
    fill(logs.create("t", 0, CONFIG))
    assert clean(cleaner) == 1
    assert clean(cleaner) == 0
    logs.delete("t", 0)
    again = logs.create("t", 0, CONFIG)
    for number in range(5):
        again.append(build_batch([(b"early", b"value %d" % number)], timestamp_ms=NOW_MS))
    fill(again, rounds=40)
    assert clean(cleaner) == 1
    assert records(again) == [(b"early", b"value 4"), (b"k0", b"value 39"), (b"k1", b"value 39")]
    cleaner.stop()
    logs.close()
