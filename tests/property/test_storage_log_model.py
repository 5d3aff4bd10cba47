"""The partition log against a list: whatever is done in whatever order, both tell the same."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kappaflow.errors import StorageFullError
from kappaflow.runtime.clock import ManualClock
from kappaflow.storage.append_errors import OffsetOutOfRange
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.testing.faulty_disk import FaultyDisk
from kappaflow.wire.record_batch import build_batch, iterate_headers, read_records

START_MS = 1_700_000_000_000
CONFIG = LogConfig(segment_bytes=600, index_interval_bytes=120, retention_ms=50_000, segment_ms=20_000)


class LogMachine(RuleBasedStateMachine):
    """`model` holds (base offset, values, timestamps) of every batch that may still be readable."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="log-model-"))
        self.clock = ManualClock(START_MS)
        self.disk = FaultyDisk()
        self.model: list[tuple[int, list[bytes], list[int]]] = []
        self.end = 0
        self.start = 0
        self.sequence = 0
        self.log = self.open(clean=True)

    def open(self, *, clean: bool) -> PartitionLog:
        return PartitionLog.open(self.directory / "t-0", "t", 0, CONFIG, clock=self.clock, disk=self.disk, clean=clean)

    @rule(values=st.lists(st.binary(max_size=60), min_size=1, max_size=6), back=st.integers(0, 5_000))
    def append(self, values: list[bytes], back: int) -> None:
        times = [self.clock.time_ms() - (back if n % 2 else 0) for n in range(len(values))]
        result = self.log.append(
            build_batch(
                [(None, value) for value in values], timestamp_ms=times,
                producer_id=1, producer_epoch=0, base_sequence=self.sequence,
            )
        )  # fmt: skip
        assert not result.is_duplicate
        assert (result.base_offset, result.last_offset) == (self.end, self.end + len(values) - 1)
        self.model.append((self.end, values, times))
        self.sequence += len(values)
        self.end += len(values)

    @precondition(lambda self: self.sequence and self.model and self.model[-1][0] + len(self.model[-1][1]) == self.end)
    @rule()
    def repeat_the_last_batch(self) -> None:
        base, values, times = self.model[-1]
        if base < self.start or self.sequence < len(values):
            return
        again = self.log.append(
            build_batch(
                [(None, value) for value in values], timestamp_ms=times,
                producer_id=1, producer_epoch=0, base_sequence=self.sequence - len(values),
            )
        )  # fmt: skip
        assert again.is_duplicate
        assert again.base_offset == base

    @rule(data=st.data(), max_bytes=st.integers(1, 2_000))
    def read(self, data: st.DataObject, max_bytes: int) -> None:
        offset = data.draw(st.integers(self.start, self.end))
        read = self.log.read(offset, max_bytes)
        headers = list(iterate_headers(read))
        assert sum(header.size for _, header in headers) == len(read)
        expected = [batch for batch in self.model if batch[0] + len(batch[1]) > offset]
        assert bool(headers) == bool(expected)
        for (position, header), (base, values, times) in zip(headers, expected, strict=False):
            assert header.base_offset == base
            records = list(read_records(read, position))
            assert [(r.value, r.timestamp) for r in records] == list(zip(values, times, strict=True))
        assert len(read) <= max_bytes or len(headers) == 1

    @rule(data=st.data())
    def read_outside(self, data: st.DataObject) -> None:
        offset = data.draw(st.one_of(st.integers(-3, self.start - 1), st.integers(self.end + 1, self.end + 9)))
        with pytest.raises(OffsetOutOfRange):
            self.log.read(offset, 100)

    @rule(shift=st.integers(-6_000, 1_000))
    def look_up_a_time(self, shift: int) -> None:
        wanted = self.clock.time_ms() + shift
        flat = [
            (base + n, time) for base, _, times in self.model for n, time in enumerate(times) if base + n >= self.start
        ]
        expected = next(((offset, time) for offset, time in flat if time >= wanted), None)
        found = self.log.offset_for_timestamp(wanted)
        assert (found and found[:2]) == expected

    @rule(milliseconds=st.integers(1, 30_000))
    def wait(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)

    @rule()
    def roll(self) -> None:
        self.log.roll()

    @rule()
    def retain(self) -> None:
        before = self.start
        self.log.apply_retention()
        self.start = self.log.log_start_offset
        assert before <= self.start <= self.end
        horizon = self.clock.time_ms() - CONFIG.retention_ms
        for base, values, times in self.model:
            if before <= base and base + len(values) <= self.start:
                assert max(times) < horizon, "only old records go"
        self.forget()

    @rule(data=st.data())
    def delete_records(self, data: st.DataObject) -> None:
        offset = data.draw(st.integers(0, self.end))
        self.start = max(self.start, offset)
        assert self.log.delete_records(offset) == self.start
        self.forget()

    @rule(data=st.data())
    def truncate(self, data: st.DataObject) -> None:
        offset = data.draw(st.integers(self.start, self.end))
        self.log.truncate(offset)
        while self.model and self.model[-1][0] + len(self.model[-1][1]) > offset:
            base, values, _ = self.model.pop()
            self.end = base
            self.sequence -= len(values)
        self.end = max(self.end, self.start)
        if self.log.producers.producers():
            self.sequence = (self.log.producers.producers()[0].batches[-1].last_sequence + 1) & 0x7FFFFFFF

    @rule(free=st.integers(0, 200))
    def append_to_a_full_disk(self, free: int) -> None:
        self.disk.free_bytes = free
        try:
            with pytest.raises(StorageFullError):
                self.log.append(build_batch([(None, b"x" * 300)], timestamp_ms=self.clock.time_ms()))
        finally:
            self.disk.free_bytes = None

    @rule(clean=st.booleans())
    def reopen(self, clean: bool) -> None:
        if clean:
            self.log.close()
        else:
            self.log.release()
        self.log = self.open(clean=clean)

    @invariant()
    def both_agree_on_the_range(self) -> None:
        assert (self.log.log_start_offset, self.log.log_end_offset) == (self.start, self.end)

    def forget(self) -> None:
        self.model = [batch for batch in self.model if batch[0] + len(batch[1]) > self.start]

    def teardown(self) -> None:
        self.log.release()
        shutil.rmtree(self.directory)


LogMachine.TestCase.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLogAgainstModel = LogMachine.TestCase
