"""Java's own tool reads what the partition log writes: batches, both indexes, producer snapshots."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kappaflow.runtime.clock import ManualClock
from kappaflow.storage.cleanable import plan_cleaning
from kappaflow.storage.cleaner import clean_segments
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.testing.apache_kafka import java_tool
from kappaflow.wire.record_batch import build_batch

NOW_MS = 1_700_000_000_000
COMPLAINTS = ("mismatch", "corrupt", "invalid", "found timestamp", "out of order", "isvalid: false", "non-consecutive")


@pytest.fixture(params=["closed", "recovered", "log append time"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A partition's directory with several segments of 60 batches of two records."""
    config = LogConfig(
        segment_bytes=3_000,
        index_interval_bytes=300,
        message_timestamp_type="LogAppendTime" if request.param == "log append time" else "CreateTime",
    )
    directory = tmp_path / "t-0"
    clock = ManualClock(NOW_MS)
    log = PartitionLog.open(directory, "t", 0, config, clock=clock)
    for number in range(60):
        clock.advance(5)
        time = NOW_MS + number * 10 - (number % 3) * 25
        batch = build_batch(
            [(b"k", b"value"), (None, b"x" * 50)], timestamp_ms=[time, time - 3],
            producer_id=7, producer_epoch=0, base_sequence=2 * number,
        )  # fmt: skip
        log.append(batch, leader_epoch=1)
    if request.param == "recovered":
        log.release()
        active = max(directory.glob("*.log"))
        active.write_bytes(active.read_bytes()[:-5])
        for path in [*directory.glob("*index"), *directory.glob("*.snapshot")]:
            path.unlink()
        log = PartitionLog.open(directory, "t", 0, config, clean=False)
        assert log.log_end_offset == 118
        log.append(batch, leader_epoch=1)
    log.close()
    return directory


@pytest.mark.java
@pytest.mark.parametrize("sanity", [True, False], ids=["sanity", "every entry"])
def test_java_reads_every_file(written: Path, sanity: bool) -> None:
    suffixes = (".log", ".index", ".timeindex", ".snapshot")
    files = sorted(path for path in written.iterdir() if path.suffix in suffixes)
    options = ["--index-sanity-check"] if sanity else ["--verify-index-only"]
    output = java_tool(
        "org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", *options, "--files", ",".join(map(str, files))
    )
    for complaint in COMPLAINTS:
        assert complaint not in output.lower(), output
    offsets = [int(found) for found in re.findall(r"^\| offset: (\d+) ", output, re.MULTILINE)]
    assert offsets == list(range(120))
    assert output.count("isvalid: true") == 60
    last = re.findall(r"producerId: 7 producerEpoch: 0 .*lastSequence: (\d+) lastOffset: (\d+)", output)[-1]
    assert last == ("119", "119")
    if sanity:
        assert output.count("passed sanity check") == 2 * len(list(written.glob("*.log")))


@pytest.mark.java
def test_java_reads_compacted_segments(tmp_path: Path) -> None:
    config = LogConfig(
        segment_bytes=3_000, index_interval_bytes=300, cleanup_policy="compact", min_cleanable_dirty_ratio=0.0
    )
    directory = tmp_path / "t-0"
    clock = ManualClock(NOW_MS)
    log = PartitionLog.open(directory, "t", 0, config, clock=clock)
    sequence = 0
    for number in range(120):
        clock.advance(5)
        value = None if number % 7 == 0 else b"x" * 50
        records = [(b"key-%d" % (number % 11), value), (b"once-%d" % number if number % 10 == 0 else b"often", b"y")]
        producer = 8 if number == 3 else 7
        batch = build_batch(
            records, timestamp_ms=[clock.time_ms(), clock.time_ms() - 3],
            producer_id=producer, producer_epoch=0, base_sequence=0 if producer == 8 else sequence,
        )  # fmt: skip
        sequence += 0 if producer == 8 else 2
        log.append(batch, leader_epoch=1)
    clean_offset = 0
    for _ in range(2):  # the second time all is clean but for what was appended since
        plan = plan_cleaning(log, clean_offset, clock.time_ms())
        assert plan is not None
        result = clean_segments(plan)
        assert all(log.replace_segments(each) for each in list(result.cleaned))
        clean_offset = result.end_offset
        log.append(build_batch([(b"key-1", b"z")], timestamp_ms=clock.time_ms()), leader_epoch=1)
        log.roll()
    assert result.records_removed
    log.close()
    suffixes = (".log", ".index", ".timeindex", ".snapshot")
    files = ",".join(str(path) for path in sorted(directory.iterdir()) if path.suffix in suffixes)
    for option in ("--index-sanity-check", "--verify-index-only"):
        output = java_tool("org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", option, "--files", files)
        for complaint in COMPLAINTS:
            assert complaint not in output.lower(), output
    output = java_tool("org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--files", files)
    offsets = [int(found) for found in re.findall(r"^\| offset: (\d+) ", output, re.MULTILINE)]
    assert offsets == sorted(set(offsets))
    assert len(offsets) < 60
    assert "deleteHorizonMs: OptionalLong[" in output, "tombstones have a horizon"
    assert re.search(r"baseOffset: 6 lastOffset: 7 count: 0 .*producerId: 8 ", output), "the empty batch of producer 8"
