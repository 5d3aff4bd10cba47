"""Random programs whose results wait for commits, against Kafka Streams with its record cache.

The programs are those of `test_dsl_traces`.  `DslTopologies.java` lets Kafka Streams commit after so many records, with
a cache that never overflows: what is forwarded then, and in which order, must be the same, as must be what changelogs
get.  `KAPPA_DSL_SEEDS=first:count` runs other seeds.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from kappaflow.testing.described_streams import (
    Program,
    Trace,
    build_expressed,
    caching_program,
    difference,
    read_trace,
)
from kappaflow.testing.described_streams.caching_faults import CACHING_FAULTS
from kappaflow.testing.java_program import java_program

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
    programs = [caching_program(seed) for seed in seeds]
    lines = program.run(stdin="".join(each.to_json() + "\n" for each in programs), timeout_s=600).splitlines()
    found = [Traced(s, each, read_trace(line)) for s, each, line in zip(seeds, programs, lines, strict=True)]
    running = [one for one in found if not one.trace.error]
    assert len(running) >= len(found) - len(found) // 50
    return running


def test_results_are_forwarded_at_commits_as_kafka_streams_forwards_them(traced: list[Traced]) -> None:
    wrong = [text for one in traced if (text := difference(one.seed, one.program, one.trace))]
    assert not wrong, f"{len(wrong)} of {len(traced)} programs differ: {wrong[:5]}"


def test_expressions_wait_for_commits_likewise(traced: list[Traced]) -> None:
    found = [difference(one.seed, one.program, one.trace, make=build_expressed) for one in traced]
    wrong = [text for text in found if text]
    assert not wrong, f"{len(wrong)} of {len(traced)} programs differ: {wrong[:5]}"


@pytest.mark.parametrize("fault", CACHING_FAULTS)
def test_a_planted_fault_is_seen(fault: str, traced: list[Traced], monkeypatch: pytest.MonkeyPatch) -> None:
    CACHING_FAULTS[fault](monkeypatch)
    for one in traced:
        try:
            if difference(one.seed, one.program, one.trace):
                return
        except (KeyError, IndexError, AttributeError, ValueError):
            return
    pytest.fail(f"{fault}: nothing differs in {len(traced)} programs")
