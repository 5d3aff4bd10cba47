"""Random programs of the streams DSL, against Kafka Streams' own TopologyTestDriver.

`DslTopologies.java` builds the same programs; ours must be described byte for byte as Kafka Streams describes its own,
and write the same records to the same topics, with timestamps and headers.  A failure names its seed:
`KAPPA_DSL_SEEDS=first:count` runs other seeds.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.described_streams import OPERATORS, Program, Trace, build, random_program, read_trace
from kappaflow.testing.java_program import java_program
from kappaflow.testing.topology_test_driver import TopologyTestDriver

pytestmark = [pytest.mark.java, pytest.mark.xdist_group("traces")]

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


def difference(one: Traced) -> str:
    """Say where ours writes something else than Kafka Streams; empty when it does not."""
    driver = TopologyTestDriver(build(one.program), application_id="app")
    driver.pipe(*one.program.records)
    for topic in one.program.outputs:
        expected, actual = contents(one.trace.outputs[topic]), contents(driver.take(topic))
        for position, (theirs, ours) in enumerate(zip(expected, actual, strict=False)):
            if theirs != ours:
                return f"seed {one.seed}, {topic} record {position}: Kafka Streams {theirs}, ours {ours}"
        if len(expected) != len(actual):
            return f"seed {one.seed}, {topic}: Kafka Streams wrote {len(expected)} records, ours {len(actual)}"
    return ""


def test_kafka_streams_runs_the_programs(traced: list[Traced]) -> None:
    assert [(one.seed, one.trace.error) for one in traced if one.trace.error] == []


def test_topologies_are_described_as_kafka_streams_describes_them(traced: list[Traced]) -> None:
    wrong = [one.seed for one in traced if build(one.program).describe() != one.trace.description]
    assert wrong == []


def test_records_are_written_as_kafka_streams_writes_them(traced: list[Traced]) -> None:
    wrong = [text for one in traced if (text := difference(one))]
    assert not wrong, f"{len(wrong)} of {len(traced)} programs differ: {wrong[:5]}"


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
