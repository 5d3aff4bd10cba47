"""Random programs of the streams DSL, against Kafka Streams' own TopologyTestDriver.

`DslTopologies.java` builds the same programs; ours must be described byte for byte as Kafka Streams describes its own,
and write the same bytes to the same topics, internal ones included, with timestamps and headers.  A failure names its
seed: `KAPPA_DSL_SEEDS=first:count` runs other seeds.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kappaflow.errors import TopologyError
from kappaflow.streams.dsl import table_steps
from kappaflow.streams.dsl.stores import VersionedKeyValueStore
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.processors import (
    base,
    foreign_key_sides,
    records,
    self_join,
    sliding,
    stream_join_side,
    suppress_buffer,
    table_regroup,
    unlimited,
    view_joins,
)
from kappaflow.streams.processors.foreign_key_protocol import Instruction
from kappaflow.streams.processors.table_views import FilterView, JoinView
from kappaflow.streams.record import Change, Record
from kappaflow.testing.described_streams import (
    OPERATORS,
    Program,
    Trace,
    build,
    build_expressed,
    random_program,
    read_trace,
)
from kappaflow.testing.described_streams.durable_driver import DurableDriver
from kappaflow.testing.java_program import java_program
from kappaflow.testing.topology_test_driver import TopologyTestDriver

pytestmark = [pytest.mark.java, pytest.mark.xdist_group("traces")]

REMEMBERING = (
    self_join.SelfJoinProcessor,
    sliding.SlidingAggregateProcessor,
    stream_join_side.StreamJoinSideProcessor,
    suppress_buffer.SuppressBufferProcessor,
)
"""Operators that go on from a commit; `test_streams_forms` holds those that SQL uses too."""

FIRST, COUNT = (int(part) for part in os.environ.get("KAPPA_DSL_SEEDS", "0:300").split(":"))


@dataclass(frozen=True)
class Traced:
    """A program and what Kafka Streams said to it."""

    seed: int
    program: Program
    trace: Trace


@pytest.fixture(scope="module")
def traced() -> list[Traced]:
    program = java_program(Path(__file__).with_name("DslTopologies.java"))
    seeds = range(FIRST, FIRST + COUNT)
    programs = [random_program(seed) for seed in seeds]
    lines = program.run(stdin="".join(each.to_json() + "\n" for each in programs), timeout_s=600).splitlines()
    return [Traced(s, each, read_trace(line)) for s, each, line in zip(seeds, programs, lines, strict=True)]


def contents(records: list[RawRecord]) -> list[Any]:
    return [(record.key, record.value, record.timestamp, record.headers) for record in records]


KEYS = ("a", "b", "c", "k0", "k1", "k2", "k3", "kn", "none")


def versions(store: VersionedKeyValueStore, program: Program) -> list[list[Any]]:
    """What was valid of some keys at the times of all records."""
    times = sorted({record.timestamp for record in program.records})
    found = ((key, time, store.get(key, time)) for key in KEYS for time in times)
    return [[key, time, str(v.value), v.timestamp] for key, time, v in found if v is not None]


def is_buffer(one: Traced, topic: str) -> bool:
    """Tell whether a topic is the changelog of changes that are held back.

    Kafka Streams writes what a commit has of it in no order, without times.
    """
    records = one.trace.outputs.get(topic, [])
    return topic.endswith("-changelog") and any(each.timestamp is None for each in records)


def by_key(records: list[Any]) -> list[Any]:
    """Records without their times, in the order of keys, and of writing within a key."""
    return sorted(((key, value, headers) for key, value, _, headers in records), key=lambda each: each[0])


def difference(one: Traced, restarts: float = 0.0, make: Callable[[Program], Topology] = build) -> str:
    """Say where ours writes something else than Kafka Streams; empty when it does not.

    Args:
        restarts: how often a record is followed by a restart of the task.
        make: makes the topology.
    """
    driver = TopologyTestDriver(make(one.program), application_id="app")
    rng = random.Random(one.seed)
    for record in one.program.records:
        driver.pipe(record)
        if rng.random() < restarts:
            driver.restart()
    for topic in sorted({*one.trace.outputs, *driver.outputs}):
        expected, actual = contents(one.trace.outputs.get(topic, [])), contents(driver.take(topic))
        if is_buffer(one, topic):
            expected, actual = by_key(expected), by_key(actual)
        for position, (theirs, ours) in enumerate(zip(expected, actual, strict=False)):
            if theirs != ours:
                return f"seed {one.seed}, {topic} record {position}: Kafka Streams {theirs}, ours {ours}"
        if len(expected) != len(actual):
            return f"seed {one.seed}, {topic}: Kafka Streams wrote {len(expected)} records, ours {len(actual)}"
    for name, rows in one.trace.stores.items():
        timed = all(time >= 0 for _, _, time in rows)
        held = [[key, str(value), time if timed else -1] for key, value, time in driver.rows_of(name)]
        if held != rows:
            return f"seed {one.seed}, store {name}: Kafka Streams has {rows}, ours {held}"
    for name, rows in one.trace.versions.items():
        held = versions(driver.get_state_store(name), one.program)
        if held != rows:
            return f"seed {one.seed}, versions of {name}: Kafka Streams has {rows}, ours {held}"
    return ""


def test_what_kafka_streams_refuses_is_refused(traced: list[Traced]) -> None:
    refused = [one for one in traced if one.trace.error]
    assert len(refused) <= len(traced) // 50, [one.trace.error for one in refused]
    for one in refused:
        assert "TopologyException" in one.trace.error or "IllegalArgumentException" in one.trace.error
        with pytest.raises(TopologyError):
            build(one.program)


def running(traced: list[Traced]) -> list[Traced]:
    return [one for one in traced if not one.trace.error]


def test_topologies_are_described_as_kafka_streams_describes_them(traced: list[Traced]) -> None:
    wrong = [one.seed for one in running(traced) if build(one.program).describe() != one.trace.description]
    assert wrong == []


def test_records_are_written_as_kafka_streams_writes_them(traced: list[Traced]) -> None:
    wrong = [text for one in running(traced) if (text := difference(one))]
    assert not wrong, f"{len(wrong)} of {len(traced)} programs differ: {wrong[:5]}"


def test_expressions_write_what_kafka_streams_writes(traced: list[Traced]) -> None:
    wrong = [one.seed for one in running(traced) if build_expressed(one.program).describe() != one.trace.description]
    assert wrong == []
    wrong = [text for one in running(traced) if (text := difference(one, make=build_expressed))]
    assert not wrong, f"{len(wrong)} of {len(traced)} programs differ: {wrong[:5]}"


def compacted(records: list[RawRecord]) -> dict[Any, Any]:
    """The last value and time of each key; deletions have none."""
    return {record.key: (record.value, record.timestamp) for record in records}


def changelog_difference(one: Traced, folder: Path, *, chance: float, every: bool) -> str:
    """Say where changelogs differ from those of Kafka Streams, or from the stores; empty when they do not."""
    driver = DurableDriver(build(one.program), folder, one.seed, chance=chance, every=every)
    try:
        driver.pipe(*one.program.records)
        driver.commit()
        for topic, spec in driver.logged().items():
            theirs, ours = one.trace.outputs.get(topic, []), driver.take(topic)
            if (every and not spec.logged_at_commit and not is_buffer(one, topic)) or spec.history_ms is not None:
                expected, actual = contents(theirs), contents(ours)
            else:
                expected, actual = compacted(theirs), compacted(ours)
                if is_buffer(one, topic):
                    expected, actual = ({k: v for k, (v, _) in each.items() if v} for each in (expected, actual))
            if expected != actual:
                return f"seed {one.seed}, {topic}: Kafka Streams {expected}, ours {actual}"
            held, again = driver.rows(spec), driver.restored(spec, topic, ours)
            if held != again:
                return f"seed {one.seed}, {topic}: the store has {held}, restored it has {again}"
        return ""
    finally:
        driver.database.close()


@pytest.mark.parametrize(
    ("chance", "every"), [(1.0, True), (0.3, False)], ids=["every change", "the last ones of a commit"]
)
def test_changelogs_are_those_of_kafka_streams_and_restore_the_stores(
    traced: list[Traced], tmp_path: Path, chance: float, every: bool
) -> None:
    wrong = [
        text for one in running(traced) if (text := changelog_difference(one, tmp_path, chance=chance, every=every))
    ]
    assert not wrong, f"{len(wrong)} programs differ: {wrong[:5]}"


def without_schedules(traced: list[Traced]) -> list[Traced]:
    return [one for one in running(traced) if not any(op.get("interval") for op in one.program.ops)]


def test_a_restart_changes_nothing(traced: list[Traced]) -> None:
    wrong = [text for one in without_schedules(traced) if (text := difference(one, 0.3))]
    assert not wrong, f"{len(wrong)} programs differ: {wrong[:5]}"


@pytest.mark.parametrize("operator", REMEMBERING, ids=lambda operator: operator.__name__)
def test_an_operator_that_forgets_at_a_restart_is_seen(
    operator: Any, traced: list[Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator, "resume", lambda *_: None)
    assert any(difference(one, 0.3) for one in without_schedules(traced))


def test_the_programs_cover_all_operators(traced: list[Traced]) -> None:
    operators: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for one in traced:
        names = {op["id"]: op["op"] for op in one.program.ops}
        operators.update(names.values())
        pairs.update((names[before], op["op"]) for op in one.program.ops for before in op["in"])
    print(f"{len(traced)} programs, {len(pairs)} pairs of adjacent operators")
    print("operators:", dict(operators.most_common()))
    if len(traced) >= 300:
        assert set(operators) == set(OPERATORS)
        assert len(pairs) >= 150


# ---- planted faults: each must be seen ----

Plant = Callable[[pytest.MonkeyPatch], None]


def _changed(owner: Any, name: str, change: Callable[[Any], Any]) -> Plant:
    """Replace a method by what `change` makes of it."""
    return lambda patch: patch.setattr(owner, name, change(vars(owner)[name]))


def _shifted(attribute: str, by: int) -> Callable[[Any], Any]:
    """A constructor that ends with another number."""

    def change(right: Any) -> Any:
        def init(self: Any, *arguments: Any, **named: Any) -> None:
            right(self, *arguments, **named)
            setattr(self, attribute, getattr(self, attribute) + by)

        return init

    return change


def _older(right: Any) -> Any:
    def process(self: Any, record: Record, port: int = 0) -> None:
        forward = self.forward

        def with_own_time(made: Record) -> None:
            made.timestamp = record.timestamp
            forward(made)

        self.forward = with_own_time
        right(self, record, port)
        del self.forward

    return process


def _without_headers(right: Any) -> Any:
    def process(self: Any, record: Record, port: int = 0) -> None:
        right(self, Record(record.key, record.value, record.timestamp, (), record.topic, 0, record.offset), port)

    return process


def _never_new(right: Any) -> Any:
    def process(self: Any, record: Record, port: int = 0) -> None:
        change: Change = record.value
        right(self, record.with_value(Change(change.new, None)), port)

    return process


def _addition_first(right: Any) -> Any:
    def process(self: Any, record: Record, port: int = 0) -> None:
        forward, held = self.forward, list[Record]()
        self.forward = held.append
        right(self, record, port)
        del self.forward
        for made in reversed(held):
            forward(made)

    return process


def _always_registers(right: Any) -> Any:
    def register(self: Any, record: Record, foreign: Any, instruction: Instruction) -> None:
        kept = Instruction.PROPAGATE_ONLY_IF_VALUE
        right(self, record, foreign, instruction if instruction is not Instruction.PROPAGATE_NULL_IF_NO_VALUE else kept)

    return register


def _believes_every_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(foreign_key_sides, "murmur3_128", lambda _data: b"0" * 16)


def _takes_the_last(right: Any) -> Any:
    def init(self: Any, name: str, context: Any, choices: Any) -> None:
        right(self, name, context, choices)
        self._choices.reverse()

    return init


def _resets_the_time(right: Any) -> Any:
    def hold(self: Any, key: bytes, time: int, buffered: Any) -> None:
        if key in self._times:
            self._order.remove((self._times.pop(key), key))
        right(self, key, time, buffered)

    return hold


def _misses_intervals(right: Any) -> Any:
    def call(self: Any, now_ms: int) -> None:
        right(self, now_ms)
        self.next_ms = max(self.next_ms, now_ms + self.interval_ms)

    return call


DSL_FAULTS: dict[str, Plant] = {
    "sliding windows are one short": _changed(
        sliding.SlidingAggregateProcessor, "__init__", _shifted("_difference", -1)
    ),
    "sliding grace is one long": _changed(sliding.SlidingAggregateProcessor, "__init__", _shifted("_grace", 1)),
    "no window begins behind a record": lambda patch: patch.setattr(
        sliding.SlidingAggregateProcessor, "_begin_right", lambda *_: None
    ),
    "an unlimited window begins late": _changed(
        unlimited.UnlimitedAggregateProcessor,
        "process",
        lambda right: (
            lambda self, record, port=0: right(self, record, port) if record.timestamp > self.start_ms + 5 else None
        ),
    ),
    "the last branch takes a record": _changed(records.BranchProcessor, "__init__", _takes_the_last),
    "a mapped record has no headers": _changed(records.MapProcessor, "process", _without_headers),
    "a joined row has the time of its change": _changed(view_joins.TableJoinSideProcessor, "process", _older),
    "an inner join keeps rows without a partner": _changed(
        table_steps.JoinSide,
        "__init__",
        lambda right: (
            lambda self, own, other, joiner, **_: right(self, own, other, joiner, keeps_own=True, keeps_other=True)
        ),
    ),
    "a filtered table shows all rows": lambda patch: patch.setattr(
        FilterView, "get", lambda self, key: self._parent.get(key)
    ),
    "a joined table shows no rows": lambda patch: patch.setattr(JoinView, "get", lambda _self, _key: None),
    "old rows stay in their group": _changed(table_regroup.RegroupTableProcessor, "process", _never_new),
    "additions come before subtractions": _changed(table_regroup.RegroupTableProcessor, "process", _addition_first),
    "a changed foreign key gives no deletion": _changed(
        foreign_key_sides.RegisteringProcessor, "_register", _always_registers
    ),
    "answers to older rows are believed": _believes_every_answer,
    "a later change waits anew": _changed(suppress_buffer.SuppressBufferProcessor, "_hold", _resets_the_time),
    "a full buffer holds one more": _changed(
        suppress_buffer.SuppressBufferProcessor,
        "_is_full",
        lambda _: lambda self: self._limits.records is not None and len(self._order) > self._limits.records + 1,
    ),
    "a record is not joined with itself": lambda patch: patch.setattr(
        self_join.SelfJoinProcessor,
        "_emit",
        lambda self, record, left, right, at: (
            None
            if left is right
            else self.forward(Record(record.key, self._joiner(record.key, left, right), at, record.headers))
        ),
    ),
    "schedules are not aligned": _changed(base.Punctuation, "call", _misses_intervals),
}


@pytest.mark.parametrize("fault", DSL_FAULTS)
def test_a_planted_fault_is_seen(fault: str, traced: list[Traced], monkeypatch: pytest.MonkeyPatch) -> None:
    DSL_FAULTS[fault](monkeypatch)
    for one in running(traced):
        try:
            if difference(one):
                return
        except (KeyError, IndexError, AttributeError, ValueError):
            return
    pytest.fail(f"{fault}: nothing differs in {len(traced)} programs")
