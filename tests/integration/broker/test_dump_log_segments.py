"""Java's own tool reads what the partition log writes: batches, both indexes, producer snapshots."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kappaflow.runtime.clock import ManualClock
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
