"""Random programs of the streams DSL, against Kafka Streams' own TopologyTestDriver.

`DslTopologies.java` builds the same programs; ours must be described byte for byte as Kafka Streams describes its own,
and write the same bytes to the same topics, internal ones included, with timestamps and headers.  A failure names its
seed: `KAPPA_DSL_SEEDS=first:count` runs other seeds.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kappaflow.errors import KappaError, TopologyError
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.processors import (
    self_join,
    sliding,
    stream_join_side,
    suppress_buffer,
)
from kappaflow.testing.described_streams import (
    KINDS,
    PAIRS,
    Program,
    Trace,
    build,
    build_expressed,
    contents,
    covered,
    difference,
    is_buffer,
    minimised,
    play,
    random_program,
    read_trace,
    table_of,
    write_golden,
)
from kappaflow.testing.described_streams.durable_driver import DurableDriver
from kappaflow.testing.described_streams.planted_faults import DSL_FAULTS
from kappaflow.testing.java_program import java_program

# One run of Java serves all tests of the module; the first of them waits for it.
pytestmark = [pytest.mark.java, pytest.mark.xdist_group("traces"), pytest.mark.timeout(600)]

REMEMBERING = (
    self_join.SelfJoinProcessor,
    sliding.SlidingAggregateProcessor,
    stream_join_side.StreamJoinSideProcessor,
    suppress_buffer.SuppressBufferProcessor,
)
"""Operators that go on from a commit; `test_streams_forms` holds those that SQL uses too."""

GOLDEN = os.environ.get("KAPPA_GOLDEN_PROGRAMS", "")
"""The folder in which programs that differ are kept, made small."""
FIRST, COUNT = (int(part) for part in os.environ.get("KAPPA_DSL_SEEDS", "0:300").split(":"))
FURTHER = (302,)
"""Seeds behind the first 300 with what those do not have: earlier versions that reach a join of tables."""


@dataclass(frozen=True)
class Traced:
    """A program and what Kafka Streams said to it."""

    seed: int
    program: Program
    trace: Trace


@pytest.fixture(scope="module")
def traced() -> list[Traced]:
    program = java_program(Path(__file__).with_name("DslTopologies.java"))
    seeds = [*range(FIRST, FIRST + COUNT), *(FURTHER if FIRST == 0 else ())]
    programs = [random_program(seed) for seed in seeds]
    lines = program.run(stdin="".join(each.to_json() + "\n" for each in programs), timeout_s=600).splitlines()
    return [Traced(s, each, read_trace(line)) for s, each, line in zip(seeds, programs, lines, strict=True)]


def ours_differs(one: Traced, restarts: float = 0.0, make: Callable[[Program], Topology] = build) -> str:
    return difference(one.seed, one.program, one.trace, restarts, make)


def kept(wrong: list[tuple[Traced, str]], make: Callable[[Program], Topology] = build) -> list[str]:
    """What differs; each program is kept as a small golden file where a soak asks for it."""
    if GOLDEN:
        for one, _ in wrong:
            keep(one, make)
    return [text for _, text in wrong]


def keep(one: Traced, make: Callable[[Program], Topology]) -> None:
    java = java_program(Path(__file__).with_name("DslTopologies.java"))

    def lines_of(programs: Sequence[Program]) -> list[str]:
        return java.run(stdin="".join(each.to_json() + "\n" for each in programs), timeout_s=600).splitlines()

    def fails(programs: Sequence[Program]) -> list[bool]:
        found = zip(programs, map(read_trace, lines_of(programs)), strict=True)
        return [not trace.error and differs(program, trace) for program, trace in found]

    def differs(program: Program, trace: Trace) -> bool:
        try:
            other = make(program).describe() != trace.description
            return other or bool(difference(one.seed, program, trace, make=make))
        except (KappaError, LookupError, AttributeError, ValueError):
            return False  # of another kind than what is looked for

    small = minimised(one.program, fails)
    (line,) = lines_of([small])
    path = write_golden(Path(GOLDEN), one.seed, difference(one.seed, small, read_trace(line), make=make), small, line)
    print(f"seed {one.seed}: {len(small.ops)} operators and {len(small.records)} records in {path}")


def test_what_kafka_streams_refuses_is_refused(traced: list[Traced]) -> None:
    refused = [one for one in traced if one.trace.error]
    share = 20 if "KAPPA_DSL_SEEDS" in os.environ else 50  # the few programs of a soak's round vary more
    assert len(refused) <= len(traced) // share, [one.trace.error for one in refused]
    for one in refused:
        if "Found a null keyChangingChild" in one.trace.error:
            continue  # its optimizer fails on a program that it takes without optimisations
        assert "TopologyException" in one.trace.error or "IllegalArgumentException" in one.trace.error
        with pytest.raises(TopologyError):
            build(one.program)


def running(traced: list[Traced]) -> list[Traced]:
    return [one for one in traced if not one.trace.error]


def test_topologies_are_described_as_kafka_streams_describes_them(traced: list[Traced]) -> None:
    wrong = [(one, "") for one in running(traced) if build(one.program).describe() != one.trace.description]
    kept(wrong)
    assert [one.seed for one, _ in wrong] == []


def test_records_are_written_as_kafka_streams_writes_them(traced: list[Traced]) -> None:
    wrong = kept([(one, text) for one in running(traced) if (text := ours_differs(one))])
    assert not wrong, f"{len(wrong)} of {len(traced)} programs differ: {wrong[:5]}"


def test_expressions_write_what_kafka_streams_writes(traced: list[Traced]) -> None:
    wrong = [one.seed for one in running(traced) if build_expressed(one.program).describe() != one.trace.description]
    assert wrong == []
    differing = [(one, text) for one in running(traced) if (text := ours_differs(one, make=build_expressed))]
    wrong = kept(differing, build_expressed)
    assert not wrong, f"{len(wrong)} of {len(traced)} programs differ: {wrong[:5]}"


def compacted(records: list[RawRecord]) -> dict[Any, Any]:
    """The last value and time of each key; deletions have none."""
    return {record.key: (record.value, record.timestamp) for record in records}


def changelog_difference(one: Traced, folder: Path, *, chance: float, every: bool) -> str:
    """Say where changelogs differ from those of Kafka Streams, or from the stores; empty when they do not."""
    driver = DurableDriver(build(one.program), folder, one.seed, chance=chance, every=every)
    try:
        play(driver, one.program, random.Random(one.seed))
        for topic, spec in driver.logged().items():
            theirs, ours = one.trace.outputs.get(topic, []), driver.take(topic)
            if (every and not spec.logged_at_commit and not is_buffer(one.trace, topic)) or spec.history_ms is not None:
                expected, actual = contents(theirs), contents(ours)
            else:
                expected, actual = compacted(theirs), compacted(ours)
                if is_buffer(one.trace, topic):
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
    """Programs whose processors lose nothing: schedules begin anew, and which keys were used last is forgotten."""
    return [
        one for one in running(traced) if not any(op.get("interval") or op["op"] == "windows" for op in one.program.ops)
    ]


def test_a_restart_changes_nothing(traced: list[Traced]) -> None:
    wrong = [text for one in without_schedules(traced) if (text := ours_differs(one, 0.3))]
    assert not wrong, f"{len(wrong)} programs differ: {wrong[:5]}"


@pytest.mark.parametrize("operator", REMEMBERING, ids=lambda operator: operator.__name__)
def test_an_operator_that_forgets_at_a_restart_is_seen(
    operator: Any, traced: list[Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator, "resume", lambda *_: None)
    assert any(ours_differs(one, 0.3) for one in without_schedules(traced))


def test_the_programs_cover_all_operators_and_pairs_of_them(
    traced: list[Traced], record_property: Callable[[str, object], None]
) -> None:
    operators, pairs = covered(one.program for one in traced)
    record_property("told", f"{len(traced)} programs of the streams DSL\n{table_of(operators, pairs)}")
    if len(traced) >= 300:
        assert set(operators) == set(KINDS)
        assert set(PAIRS) - set(pairs) == set()


@pytest.mark.parametrize("fault", DSL_FAULTS)
def test_a_planted_fault_is_seen(fault: str, traced: list[Traced], monkeypatch: pytest.MonkeyPatch) -> None:
    DSL_FAULTS[fault](monkeypatch)
    for one in running(traced):
        try:
            if ours_differs(one):
                return
        except (KeyError, IndexError, AttributeError, ValueError):
            return
    pytest.fail(f"{fault}: nothing differs in {len(traced)} programs")
