"""Random topologies over random records, against Kafka Streams' own BatchTopologyDriver, record for record.

`TraceTopologies.java` runs the described topologies of a range of seeds; ours must write the same records to the
same topics, with timestamps and headers, in row form and in column form, however the records are cut into batches.
A failure names its seed: `KAPPA_TRACE_SEEDS=first:count` runs other seeds.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.processors import aggregate, session, stream_stream_join, suppress, table
from kappaflow.streams.processors.base import NO_TIME
from kappaflow.streams.record import Change, Record
from kappaflow.testing.batch_driver import BatchTopologyDriver, Form
from kappaflow.testing.described_topologies import Case, build, random_case
from kappaflow.testing.described_topologies.case import Trace, read_trace
from kappaflow.testing.described_topologies.generate import OUTER_JOIN_INTERVAL, WINDOWED_INTERVAL
from kappaflow.testing.java_program import java_program

# One run of Java serves all tests of the module; the first of them waits for it.
pytestmark = [pytest.mark.java, pytest.mark.xdist_group("traces"), pytest.mark.timeout(600)]

FIRST, COUNT = (int(part) for part in os.environ.get("KAPPA_TRACE_SEEDS", "0:300").split(":"))
CUTS = ("single", "whole", "random", "random again")


@dataclass(frozen=True)
class Traced:
    """A case and what Kafka Streams wrote for it."""

    seed: int
    case: Case
    trace: Trace


@pytest.fixture(scope="module")
def traced() -> list[Traced]:
    program = java_program(Path(__file__).with_name("TraceTopologies.java"))
    seeds = range(FIRST, FIRST + COUNT)
    cases = [random_case(seed) for seed in seeds]
    lines = program.run(stdin="".join(case.to_json() + "\n" for case in cases), timeout_s=600).splitlines()
    return [Traced(s, case, read_trace(line)) for s, case, line in zip(seeds, cases, lines, strict=True)]


def driver_of(case: Case, form: Form = "row") -> BatchTopologyDriver:
    return BatchTopologyDriver(
        build(case),
        emit_interval_ms=case.interval(WINDOWED_INTERVAL),
        outer_interval_ms=case.interval(OUTER_JOIN_INTERVAL),
        form=form,
    )


def batches(records: tuple[RawRecord, ...], cut: str, seed: int) -> Iterator[tuple[RawRecord, ...]]:
    rng = random.Random(f"{cut} {seed}")
    rest = records
    while rest:
        size = {"single": 1, "whole": len(rest)}.get(cut) or rng.randint(1, 12)
        yield rest[:size]
        rest = rest[size:]


Content = tuple[bytes | None, bytes | None, int, Any]


def contents(records: list[RawRecord]) -> list[Content]:
    return [(record.key, record.value, record.timestamp, record.headers) for record in records]


def difference(one: Traced, form: Form = "row", cut: str = "single") -> str:
    """Say where ours differs from Kafka Streams; empty when it does not."""
    driver = driver_of(one.case, form)
    for batch in batches(one.case.records, cut, one.seed):
        driver.pipe(*batch)
    for topic in one.case.outputs:
        expected, actual = contents(one.trace.get(topic, [])), contents(driver.take(topic))
        for position, (theirs, ours) in enumerate(zip(expected, actual, strict=False)):
            if theirs != ours:
                return f"seed {one.seed}, {topic} record {position}: Kafka Streams {theirs}, ours {ours}"
        if len(expected) != len(actual):
            return f"seed {one.seed}, {topic}: Kafka Streams wrote {len(expected)} records, ours {len(actual)}"
    return ""


def test_rows_are_written_as_kafka_streams_writes_them(traced: list[Traced]) -> None:
    wrong = [text for one in traced if (text := difference(one))]
    assert not wrong, f"{len(wrong)} of {len(traced)} topologies differ: {wrong[:5]}"


@pytest.mark.parametrize("cut", CUTS)
def test_columns_are_written_as_kafka_streams_writes_rows(traced: list[Traced], cut: str) -> None:
    wrong = [text for one in traced if (text := difference(one, "column", cut))]
    assert not wrong, f"{len(wrong)} of {len(traced)} topologies differ: {wrong[:5]}"


def test_stores_hold_the_same_in_every_form_and_cut(traced: list[Traced]) -> None:
    def stores(one: Traced, form: Form, cut: str) -> dict[str, Any]:
        driver = driver_of(one.case, form)
        for batch in batches(one.case.records, cut, one.seed):
            driver.pipe(*batch)
        return {name: list(store.range()) for name, store in driver.stores.items()}

    for one in traced:
        expected = stores(one, "row", "single")
        assert all(stores(one, "column", cut) == expected for cut in CUTS[1:]), f"seed {one.seed}"


def test_the_topologies_cover_the_operators(traced: list[Traced], record_property: Callable[..., None]) -> None:
    operators: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    columns = 0
    for one in traced:
        kinds = {node["id"]: node["op"] for node in one.case.nodes}
        operators.update(kinds.values())
        pairs.update((kinds[p], node["op"]) for node in one.case.nodes for p in node["parents"])
        driver = driver_of(one.case, "column")
        columns += len(driver.by_rows) == 0
    print(f"{len(traced)} topologies, {columns} wholly in column form; {len(pairs)} pairs of adjacent operators")
    print("operators:", dict(operators.most_common()))
    record_property("pairs", len(pairs))
    if len(traced) >= 300:
        assert set(operators) >= EXPECTED_OPERATORS
        assert len(pairs) >= 60
        assert columns >= len(traced) // 3


EXPECTED_OPERATORS = {
    "aggregate",
    "filter",
    "flat_map",
    "group",
    "group_by_key",
    "group_table",
    "join_table",
    "map",
    "merge",
    "repartition",
    "select_key",
    "session",
    "sink",
    "stream",
    "stream_join",
    "suppress",
    "table",
    "table_aggregate",
    "table_filter",
    "table_join",
    "table_map",
    "to_stream",
    "windowed",
}


# ---- planted faults: each must be seen ----

Plant = Callable[[pytest.MonkeyPatch], None]


def _windows_end_late(patch: pytest.MonkeyPatch) -> None:
    right = aggregate.windows_of
    patch.setattr(aggregate, "windows_of", lambda at, size, advance: right(at - 1, size, advance))


def _last_window_is_missing(patch: pytest.MonkeyPatch) -> None:
    right = aggregate.windows_of

    def fewer(at: int, size: int, advance: int) -> range:
        found = right(at, size, advance)
        return found[:-1] if len(found) > 1 else found

    patch.setattr(aggregate, "windows_of", fewer)


def _grace(change: int) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        right = aggregate.WindowedAggregateProcessor.__init__

        def init(self: Any, node: Any, *rest: Any) -> None:
            right(self, node, *rest)
            object.__setattr__(node, "grace_ms", max(0, node.grace_ms + change))

        patch.setattr(aggregate.WindowedAggregateProcessor, "__init__", init)

    return plant


def _time_goes_back(patch: pytest.MonkeyPatch) -> None:
    right = aggregate.WindowedAggregateProcessor.process

    def process(self: Any, record: Record, port: int = 0) -> None:
        self.observed_time = NO_TIME
        right(self, record, port)

    patch.setattr(aggregate.WindowedAggregateProcessor, "process", process)


def _result_has_the_time_of_its_record(patch: pytest.MonkeyPatch) -> None:
    right = aggregate.StreamAggregateProcessor.process

    def process(self: Any, record: Record, port: int = 0) -> None:
        at = record.timestamp
        forward = self.forward

        def with_own_time(changed: Record) -> None:
            changed.timestamp = at
            forward(changed)

        self.forward = with_own_time
        right(self, record, port)
        self.forward = forward

    patch.setattr(aggregate.StreamAggregateProcessor, "process", process)


def _nulls_are_counted(patch: pytest.MonkeyPatch) -> None:
    right = aggregate.StreamAggregateProcessor.process

    def process(self: Any, record: Record, port: int = 0) -> None:
        if record.value is None and record.key is not None:
            record = record.with_value((None,) * 2)
        right(self, record, port)

    patch.setattr(aggregate.StreamAggregateProcessor, "process", process)


def _deletions_stop(patch: pytest.MonkeyPatch) -> None:
    right = table.TableFilterProcessor.forward

    def forward(self: Any, record: Record) -> None:
        change: Change = record.value
        if change.new is not None:
            right(self, record)

    patch.setattr(table.TableFilterProcessor, "forward", forward)


def _old_rows_are_unknown(patch: pytest.MonkeyPatch) -> None:
    right = table.TableSourceProcessor.forward

    def forward(self: Any, record: Record) -> None:
        right(self, record.with_value(Change(record.value.new, None)))

    patch.setattr(table.TableSourceProcessor, "forward", forward)


def _session_gap_is_shorter(patch: pytest.MonkeyPatch) -> None:
    right = session.SessionAggregateProcessor.__init__

    def init(self: Any, node: Any, *rest: Any) -> None:
        right(self, node, *rest)
        object.__setattr__(node, "gap_ms", max(0, node.gap_ms - 1))

    patch.setattr(session.SessionAggregateProcessor, "__init__", init)


def _merged_sessions_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(session.SessionAggregateProcessor, "_remove", lambda *_: None)


def _join_window(change: int) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        right: Any = vars(stream_stream_join.StreamStreamJoinProcessor)["_reach"]

        def reach(self: Any, port: int) -> tuple[int, int]:
            before, after = right(self, port)
            return before, max(0, after + change)

        patch.setattr(stream_stream_join.StreamStreamJoinProcessor, "_reach", reach)

    return plant


def _unmatched_at_once(patch: pytest.MonkeyPatch) -> None:
    def unmatched(self: Any, record: Record, port: int, key: bytes, window_end: int) -> None:
        self._emit(record, port, record.value, None, record.timestamp)

    patch.setattr(stream_stream_join.StreamStreamJoinProcessor, "_unmatched", unmatched)


def _left_side_first(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stream_stream_join, "_SIDE", (0, 1))


def _suppress_by_key(patch: pytest.MonkeyPatch) -> None:
    right = suppress.SuppressProcessor.release

    def release(self: Any) -> None:
        # All that is final looks as if its windows had ended together, so that only keys order it.
        final = sorted(entry for entry in self._by_end if entry[0] + self.grace_ms <= self.observed_time)
        held = [entry for entry in self._by_end if entry not in final]
        self._by_end = sorted([(final[0][0], key) for _, key in final] + held) if final else held
        right(self)

    patch.setattr(suppress.SuppressProcessor, "release", release)


def _suppress_too_early(patch: pytest.MonkeyPatch) -> None:
    right = suppress.SuppressProcessor.__init__

    def init(self: Any, *arguments: Any) -> None:
        right(self, *arguments)
        self.grace_ms -= 1

    patch.setattr(suppress.SuppressProcessor, "__init__", init)


FAULTS: dict[str, Plant] = {
    "windows end late": _windows_end_late,
    "the last window is missing": _last_window_is_missing,
    "grace is one short": _grace(-1),
    "grace is one long": _grace(1),
    "stream time goes back": _time_goes_back,
    "a result has the time of its record": _result_has_the_time_of_its_record,
    "null values are counted": _nulls_are_counted,
    "deletions stop at a filter": _deletions_stop,
    "old rows are unknown": _old_rows_are_unknown,
    "the session gap is one short": _session_gap_is_shorter,
    "merged sessions stay": _merged_sessions_stay,
    "the join window is one short": _join_window(-1),
    "the join window is one long": _join_window(1),
    "unmatched records do not wait": _unmatched_at_once,
    "unmatched records of the left side come first": _left_side_first,
    "suppressed results leave in the order of keys": _suppress_by_key,
    "suppressed results leave one early": _suppress_too_early,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault: str, traced: list[Traced], monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[fault](monkeypatch)
    assert any(difference(one) for one in traced)
