"""Random programs whose results wait for commits, against Kafka Streams with its record cache.

The programs are those of `test_dsl_traces`.  `DslTopologies.java` lets Kafka Streams commit after so many records, with
a cache that never overflows: what is forwarded then, and in which order, must be the same, as must be what changelogs
get.  `KAPPA_DSL_SEEDS=first:count` runs other seeds.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.described_streams import (
    Program,
    Trace,
    bounded_program,
    build_expressed,
    caching_program,
    difference,
    evicts_under_scans,
    read_trace,
)
from kappaflow.testing.described_streams.caching_faults import CACHING_FAULTS
from kappaflow.testing.java_program import java_program

# One run of Java serves all tests of the module; the first of them waits for it.
pytestmark = [pytest.mark.java, pytest.mark.xdist_group("traces"), pytest.mark.timeout(600)]

FIRST, COUNT = (int(part) for part in os.environ.get("KAPPA_DSL_SEEDS", "120:120").split(":"))


@dataclass(frozen=True)
class Traced:
    """A program and what Kafka Streams said to it."""

    seed: int
    program: Program
    trace: Trace


BOUNDED = COUNT // 2
NOT_TOLD_APART = frozenset({"global_table", "global_store", "join_global", "look_up"})
"""Kafka Streams' driver keeps global tables in the same cache; applications have one of its own for them."""


def is_comparable(program: Program) -> bool:
    """Tell whether what a bounded cache does depends on nothing but the reads and puts of single keys.

    Where windows are emitted when they close, a scan uses what it passes.
    """
    return not any(op["op"] in NOT_TOLD_APART or op.get("final") for op in program.ops)


def windows_that_are_too_old_for_their_store() -> Program:
    """One stream puts windows that are older than what the store shows, which counts from those of the other."""
    ops: list[dict[str, Any]] = [
        {"id": "o0", "op": "stream", "in": [], "topics": ["in0"]},
        {"id": "o1", "op": "stream", "in": [], "topics": ["in1"]},
        {"id": "o2", "op": "group_by_key", "in": ["o0"]},
        {"id": "o3", "op": "group_by_key", "in": ["o1"]},
        {"id": "o4", "op": "cogroup", "in": ["o2", "o3"], "window": "time", "grace": 0, "size": 10, "advance": 10},
        {"id": "o5", "op": "to_stream", "in": ["o4"], "mod": 2, "nulls": False, "add": "x", "windowed": True},
        {"id": "o6", "op": "to", "in": ["o5"], "topic": "out0"},
    ]
    given = [("in0", b"b", 1000), ("in0", b"c", 1000), *[("in1", b"a", 5)] * 5]
    records = tuple(RawRecord(topic, key, b"v", at) for topic, key, at in given)
    return Program(tuple(ops), records, ("out0",), commit_every=2)


@pytest.fixture(scope="module")
def traced() -> list[Traced]:
    program = java_program(Path(__file__).with_name("DslTopologies.java"))
    seeds = [*range(FIRST, FIRST + COUNT), -1]
    programs = [*map(caching_program, seeds[:-1]), windows_that_are_too_old_for_their_store()]
    lines = program.run(stdin="".join(each.to_json() + "\n" for each in programs), timeout_s=600).splitlines()
    found = [Traced(s, each, read_trace(line)) for s, each, line in zip(seeds, programs, lines, strict=True)]
    running = [one for one in found if not one.trace.error]
    assert len(running) >= len(found) - len(found) // 50 - 1
    return running


def test_results_are_forwarded_at_commits_as_kafka_streams_forwards_them(traced: list[Traced]) -> None:
    wrong = [text for one in traced if (text := difference(one.seed, one.program, one.trace))]
    assert not wrong, f"{len(wrong)} of {len(traced)} programs differ: {wrong[:5]}"


def test_expressions_wait_for_commits_likewise(traced: list[Traced]) -> None:
    found = [difference(one.seed, one.program, one.trace, make=build_expressed) for one in traced]
    wrong = [text for text in found if text]
    assert not wrong, f"{len(wrong)} of {len(traced)} programs differ: {wrong[:5]}"


@pytest.fixture(scope="module", name="bounded")
def traced_with_a_bound() -> list[Traced]:
    """The programs whose cache overflows, and that Kafka Streams runs."""
    java = java_program(Path(__file__).with_name("DslTopologies.java"))
    seeds = range(FIRST, FIRST + BOUNDED)
    programs = {seed: each for seed in seeds if is_comparable(each := bounded_program(seed))}
    lines = java.run(stdin="".join(each.to_json() + "\n" for each in programs.values()), timeout_s=600).splitlines()
    found = [Traced(seed, programs[seed], read_trace(line)) for seed, line in zip(programs, lines, strict=True)]
    return [one for one in found if not one.trace.error]


def test_a_cache_that_overflows_forwards_what_that_of_kafka_streams_forwards(bounded: list[Traced]) -> None:
    """What is evicted takes what waits with it; left out is what Kafka Streams loses something of (decision 0016)."""
    complete = [one for one in bounded if not evicts_under_scans(one.program)]
    wrong = [text for one in complete if (text := difference(one.seed, one.program, one.trace))]
    assert not wrong, f"{len(wrong)} of {len(bounded)} programs differ: {wrong[:5]}"


def test_shares_of_the_programs_whose_cache_overflows(bounded: list[Traced]) -> None:
    """Few are left out, and without the bound some write something else."""
    assert sum(evicts_under_scans(one.program) for one in bounded) <= len(bounded) // 10
    unbounded = [difference(one.seed, replace(one.program, cache_bytes=0), one.trace) for one in bounded]
    assert sum(map(bool, unbounded)) >= len(bounded) // 20


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
