"""Random programs of the streams DSL, against Kafka Streams' own TopologyTestDriver.

`DslTopologies.java` builds the same programs; ours must be described byte for byte as Kafka Streams describes its own,
and write the same bytes to the same topics, internal ones included, with timestamps and headers.  A failure names its
seed: `KAPPA_DSL_SEEDS=first:count` runs other seeds.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kappaflow.errors import TopologyError
from kappaflow.streams.dsl.stores import VersionedKeyValueStore
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
    covered,
    random_program,
    read_trace,
    table_of,
)
from kappaflow.testing.described_streams.durable_driver import DurableDriver
from kappaflow.testing.described_streams.planted_faults import DSL_FAULTS
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
        if "Found a null keyChangingChild" in one.trace.error:
            continue  # its optimizer fails on a program that it takes without optimisations
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
    """Programs whose processors lose nothing: schedules begin anew, and which keys were used last is forgotten."""
    return [
        one for one in running(traced) if not any(op.get("interval") or op["op"] == "windows" for op in one.program.ops)
    ]


def test_a_restart_changes_nothing(traced: list[Traced]) -> None:
    wrong = [text for one in without_schedules(traced) if (text := difference(one, 0.3))]
    assert not wrong, f"{len(wrong)} programs differ: {wrong[:5]}"


@pytest.mark.parametrize("operator", REMEMBERING, ids=lambda operator: operator.__name__)
def test_an_operator_that_forgets_at_a_restart_is_seen(
    operator: Any, traced: list[Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator, "resume", lambda *_: None)
    assert any(difference(one, 0.3) for one in without_schedules(traced))


def test_the_programs_cover_all_operators_and_pairs_of_them(traced: list[Traced]) -> None:
    operators, pairs = covered(one.program for one in traced)
    print(table_of(operators, pairs))
    if len(traced) >= 300:
        assert set(operators) == set(KINDS)
        assert set(PAIRS) - set(pairs) == set()


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
