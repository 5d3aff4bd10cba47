"""Programs of the streams library that failed once, made small: they are described, write and keep what Kafka Streams
does, and as columns what their rows do.

``make soak PART=topologies`` writes a file here for each program that differs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kappaflow.testing.described_streams import (
    GoldenProgram,
    build,
    build_expressed,
    compare_forms,
    difference,
    read_golden,
)

FILES = sorted(Path(__file__).parent.glob("*.json"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> GoldenProgram:
    return read_golden(request.param)


def test_there_are_programs() -> None:
    assert FILES


@pytest.mark.parametrize("make", [build, build_expressed])
def test_rows_do_what_kafka_streams_does(golden: GoldenProgram, make: object) -> None:
    assert callable(make)
    assert make(golden.program).describe() == golden.trace.description
    assert not difference(golden.seed, golden.program, golden.trace, make=make)  # type: ignore[arg-type]


@pytest.mark.parametrize("functions", [True, False])
def test_columns_do_what_rows_do(golden: GoldenProgram, *, functions: bool) -> None:
    for cuts in range(5):
        assert not compare_forms(cuts, golden.program, functions=functions).difference
