"""Compaction against a dictionary: whatever is appended, cleaned, crashed and reopened, the last records are there.

The model is the list of all records ever acknowledged; a transaction's records count once it is committed.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kappaflow.runtime.clock import ManualClock
from kappaflow.storage import cleaner, segment_swap
from kappaflow.storage.cleanable import plan_cleaning
from kappaflow.storage.cleaner import clean_segments
from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.testing.faulty_disk import FaultyDisk
from kappaflow.wire.record_batch import CONTROL_BIT, TRANSACTIONAL_BIT, build_batch, iterate_headers, read_records

START_MS = 1_700_000_000_000
DELETE_RETENTION_MS = 60_000
CONFIG = LogConfig(
    segment_bytes=500, index_interval_bytes=120, cleanup_policy="compact", min_cleanable_dirty_ratio=0.0,
    delete_retention_ms=DELETE_RETENTION_MS,
)  # fmt: skip
CRASH_POINTS = (
    "before-cleaned-sync", "after-cleaned-sync", "before-swap-rename", "after-swap-rename", "after-swap-removal",
    "after-swap",
)  # fmt: skip
KEYS = st.sampled_from([b"a", b"b", b"c", b"d" * 40])
VALUES = st.one_of(st.none(), st.binary(max_size=30))


class Crash(BaseException):
    """Stands for the end of the process."""


@dataclass
class Stored:
    """One record that was acknowledged; `deleted_since` is when the first cleaning may have seen a tombstone."""

    offset: int
    key: bytes
    value: bytes | None
    time_ms: int


class CompactionMachine(RuleBasedStateMachine):
    """`visible` holds every record that a committed reader may ever see, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="compaction-model-"))
        self.clock = ManualClock(START_MS)
        self.disk = FaultyDisk()
        self.visible: list[Stored] = []
        self.sequences = {1: 0, 2: 0}
        self.clean_offset = 0
        self.log = self.open(clean=True)

    def open(self, *, clean: bool) -> PartitionLog:
        return PartitionLog.open(self.directory / "t-0", "t", 0, CONFIG, clock=self.clock, disk=self.disk, clean=clean)

    def add(self, records: list[tuple[bytes, bytes | None]], producer: int, attributes: int = 0) -> list[Stored]:
        now_ms = self.clock.time_ms()
        times = [now_ms - 3 * n for n in range(len(records))]
        batch = build_batch(
            records, timestamp_ms=times, producer_id=producer, producer_epoch=0,
            base_sequence=self.sequences[producer], attributes=attributes,
        )  # fmt: skip
        base = self.log.append(batch).base_offset
        self.sequences[producer] += len(records)
        return [Stored(base + n, key, value, times[n]) for n, (key, value) in enumerate(records)]

    @rule(records=st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=6))
    def append(self, records: list[tuple[bytes, bytes | None]]) -> None:
        self.visible += self.add(records, 1)

    @rule(
        batches=st.lists(st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=3), min_size=1, max_size=3),
        commit=st.booleans(),
        between=st.booleans(),
    )
    def transaction(self, batches: list[list[tuple[bytes, bytes | None]]], commit: bool, between: bool) -> None:
        written = [each for records in batches for each in self.add(records, 2, TRANSACTIONAL_BIT)]
        other = self.add([(b"a", b"between")], 1) if between else []
        marker = build_batch(
            [(b"\0\0\0" + (b"\1" if commit else b"\0"), b"\0" * 6)], timestamp_ms=self.clock.time_ms(),
            producer_id=2, producer_epoch=0, attributes=TRANSACTIONAL_BIT | CONTROL_BIT,
        )  # fmt: skip
        self.log.append(marker)
        self.visible = sorted([*self.visible, *(written if commit else []), *other], key=lambda each: each.offset)

    @rule(milliseconds=st.sampled_from([1, 1000, DELETE_RETENTION_MS // 2, DELETE_RETENTION_MS * 2]))
    def wait(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)

    @rule()
    def roll(self) -> None:
        self.log.roll()

    @rule(max_map_entries=st.sampled_from([1, 3, 1000]))
    def clean(self, max_map_entries: int = 1000) -> None:
        plan = plan_cleaning(self.log, self.clean_offset, self.clock.time_ms())
        if plan is None or not plan.is_due:
            return
        result = clean_segments(plan, disk=self.disk, max_map_entries=max_map_entries)
        assert all(self.log.replace_segments(each) for each in list(result.cleaned))
        assert result.end_offset > self.clean_offset
        self.clean_offset = result.end_offset
        self.check_clean_part()

    @rule(point=st.sampled_from(CRASH_POINTS), hit=st.integers(1, 4))
    def crash_while_cleaning(self, point: str, hit: int) -> None:
        hits = 0

        def crash_point(name: str) -> None:
            nonlocal hits
            hits += name == point
            if name == point and hits == hit:
                raise Crash

        clean_offset = self.clean_offset
        with pytest.MonkeyPatch.context() as patch:
            for module in (cleaner, segment_swap):
                patch.setattr(module, "crash_point", crash_point)
            patch.setattr(cleaner, "remove_cleaned", lambda *_: None)
            patch.setattr(segment_swap.CleanedSegment, "discard", lambda *_: None)
            try:
                self.clean()
            except Crash:
                self.clean_offset = clean_offset  # its checkpoint is written last
        self.log.release()
        for snapshot in self.log.directory.glob("*.snapshot"):
            snapshot.unlink()  # what is left of each producer's batches must be enough
        self.log = self.open(clean=False)

    @rule(clean=st.booleans())
    def reopen(self, clean: bool) -> None:
        if clean:
            self.log.close()
        else:
            self.log.release()
        self.log = self.open(clean=clean)

    def stored(self) -> list[tuple[int, bytes, bytes | None, int]]:
        """(offset, key, value, time) of every data record, having checked that reads go forward."""
        found: list[tuple[int, bytes, bytes | None, int]] = []
        offset = self.log.log_start_offset
        while data := self.log.read(offset, 10_000):
            for position, header in iterate_headers(data):
                assert header.last_offset >= offset
                offset = header.last_offset + 1
                if not header.is_control:
                    found += [(r.offset, r.key or b"", r.value, r.timestamp) for r in read_records(data, position)]
        assert offset <= self.log.log_end_offset
        return found

    def check_clean_part(self) -> None:
        """In the clean part at most one record of a key is left, and none of an aborted transaction."""
        seen: set[bytes] = set()
        for offset, key, _, _ in self.stored():
            if offset < self.clean_offset:
                assert key not in seen
                seen.add(key)
                assert any(each.offset == offset for each in self.visible)

    @invariant()
    def the_last_records_are_there(self) -> None:
        stored = self.stored()
        offsets = [row[0] for row in stored]
        assert offsets == sorted(set(offsets))
        by_offset = {row[0]: row[1:] for row in stored}
        last = {each.key: each for each in self.visible}
        for each in last.values():
            if each.value is None and each.offset not in by_offset:
                assert self.clock.time_ms() - each.time_ms >= DELETE_RETENTION_MS
                continue
            assert by_offset[each.offset] == (each.key, each.value, each.time_ms)
        known = {each.offset: (each.key, each.value, each.time_ms) for each in self.visible}
        assert all(known[offset] == rest for offset, rest in by_offset.items() if offset in known)
        # No record comes back: what a reader of the whole log ends up with is what the model says.
        table = {key: value for offset, key, value, _ in stored if offset in known}
        assert {k: v for k, v in table.items() if v is not None} == {
            each.key: each.value for each in last.values() if each.value is not None
        }

    @invariant()
    def sequences_survive(self) -> None:
        last = {each.producer_id: each.batches[-1].last_sequence for each in self.log.producers.producers()}
        assert last == {producer: count - 1 for producer, count in self.sequences.items() if count}

    def teardown(self) -> None:
        self.log.release()
        shutil.rmtree(self.directory)


CompactionMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestCompactionAgainstModel = CompactionMachine.TestCase
