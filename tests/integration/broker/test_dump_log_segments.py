"""Java's own tool reads what the partition log writes: batches, both indexes, producer snapshots."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kappaflow.errors import StorageError
from kappaflow.runtime.clock import ManualClock
from kappaflow.storage.cleanable import plan_cleaning
from kappaflow.storage.cleaner import clean_segments
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.java_tools.log_segments import dump_log_segments
from kappaflow.testing.java_tools.tool_runner import ToolRunner
from kappaflow.wire.record_batch import build_batch

NOW_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def tools() -> Generator[ToolRunner]:
    with ToolRunner() as running:
        yield running


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
def test_java_reads_every_file(written: Path, tools: ToolRunner) -> None:
    dumped = dump_log_segments(written, tools=tools)
    assert dumped.batches == 60
    offsets = [int(found) for found in re.findall(r"^\| offset: (\d+) ", dumped.output, re.MULTILINE)]
    assert offsets == list(range(120))
    last = re.findall(r"producerId: 7 producerEpoch: 0 .*lastSequence: (\d+) lastOffset: (\d+)", dumped.output)[-1]
    assert last == ("119", "119")
    assert dumped.output.count("passed sanity check") == 2 * len(list(written.glob("*.log")))


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


DAMAGE = {
    "a byte of a record": (".log", lambda path: flip(path, 100), "not valid|isvalid: false"),
    "a torn tail": (".log", cut, "invalid bytes at the end"),
    "an index entry": (".index", lambda path: flip(path, 7), "Mismatches in|NoSuchElement"),
    "an entry of the time index": (".timeindex", lambda path: flip(path, 7), "timestamp|not found in"),
    "an index cut off": (".index", cut, "multiple of"),
    "a producer snapshot": (".snapshot", lambda path: flip(path, 20), "corrupt|CRC"),
}


@pytest.mark.java
@pytest.mark.parametrize("written", ["closed"], indirect=True)
@pytest.mark.parametrize("what", DAMAGE, ids=lambda what: what.replace(" ", "-"))
def test_what_java_finds_wrong_is_told(written: Path, tools: ToolRunner, what: str) -> None:
    suffix, damage, complaint = DAMAGE[what]
    damage(sorted(written.glob(f"*{suffix}"))[1])
    with pytest.raises(StorageError, match=complaint):
        dump_log_segments(written, tools=tools)


@pytest.mark.java
def test_a_gap_is_told_unless_it_may_be(tmp_path: Path, tools: ToolRunner) -> None:
    log = PartitionLog.open(tmp_path / "t-0", "t", 0, LogConfig(), clock=ManualClock(NOW_MS))
    for _ in range(3):
        log.append(build_batch([(b"k", b"v")], timestamp_ms=[NOW_MS]), leader_epoch=1)
    log.close()
    path = next((tmp_path / "t-0").glob("*.log"))
    content = path.read_bytes()
    third = len(content) // 3
    path.write_bytes(content[:third] + content[2 * third :])
    assert dump_log_segments(tmp_path / "t-0", tools=tools, may_have_gaps=["t"]).batches == 2
    with pytest.raises(StorageError, match="0 is followed by 2"):
        dump_log_segments(tmp_path / "t-0", tools=tools)


@pytest.mark.java
def test_a_data_directory_in_use(tmp_path: Path, tools: ToolRunner) -> None:
    with EmbeddedBroker(tmp_path / "data") as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        admin.create_topics([NewTopic("in-use", 1, config={"internal.segment.bytes": "2000"})])["in-use"].result(10)
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "dumped"})
        producer.init_transactions()
        for number in range(6):
            producer.begin_transaction()
            for each in range(20):
                producer.produce("in-use", b"value %d" % each, partition=-1)
            producer.flush()
            (producer.abort_transaction if number % 2 else producer.commit_transaction)()
        running = dump_log_segments(broker.data_dir, tools=tools, running=True)
        assert running.output.count("isTransactional: true isControl: true") == 6
        assert running.output.count("lastStableOffset:") == 3, "an aborted transaction each"
        producer.begin_transaction()
        producer.produce("in-use", b"open")
        producer.flush()
        broker.kill()
        with EmbeddedBroker(broker.data_dir):
            pass
    assert dump_log_segments(tmp_path / "data", tools=tools).batches > running.batches


@pytest.mark.java
def test_java_reads_compacted_segments(tmp_path: Path, tools: ToolRunner) -> None:
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
    output = dump_log_segments(directory, tools=tools, may_have_gaps=["t"]).output
    offsets = [int(found) for found in re.findall(r"^\| offset: (\d+) ", output, re.MULTILINE)]
    assert offsets == sorted(set(offsets))
    assert len(offsets) < 60
    assert "deleteHorizonMs: OptionalLong[" in output, "tombstones have a horizon"
    assert re.search(r"baseOffset: 6 lastOffset: 7 count: 0 .*producerId: 8 ", output), "the empty batch of producer 8"
