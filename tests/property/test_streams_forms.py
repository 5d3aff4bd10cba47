"""Random topologies: the column form equals the row form for every cut, and a restart between records changes nothing.

Each seed is one described topology with its records; a failure names the seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kappaflow.streams.columns.aggregate import AggregateColumns
from kappaflow.streams.columns.session import SessionColumns
from kappaflow.streams.dsl.processor_api import UserProcessor
from kappaflow.streams.dsl.transformed_table import TransformTableProcessor
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.processors import aggregate, session, stream_stream_join, suppress
from kappaflow.streams.processors.base import Processor
from kappaflow.streams.processors.self_join import SelfJoinProcessor
from kappaflow.streams.processors.sliding import SlidingAggregateProcessor
from kappaflow.streams.processors.stream_join_side import StreamJoinSideProcessor
from kappaflow.streams.processors.suppress_buffer import SuppressBufferProcessor
from kappaflow.testing.batch_driver import BatchTopologyDriver, Form
from kappaflow.testing.described_topologies import Case, build, random_case

SEEDS = st.integers(0, 2**32)


def driver_of(case: Case, form: Form) -> BatchTopologyDriver:
    return BatchTopologyDriver(build(case), emit_interval_ms=0, outer_interval_ms=0, form=form)


def outputs(driver: BatchTopologyDriver, case: Case, *, with_headers: bool = True) -> dict[str, Any]:
    return {
        topic: [(r.key, r.value, r.timestamp, r.headers if with_headers else ()) for r in driver.take(topic)]
        for topic in case.outputs
    }


def stores(driver: BatchTopologyDriver) -> dict[str, Any]:
    return {name: list(store.range()) for name, store in driver.stores.items()}


def batches(records: tuple[RawRecord, ...], rng: random.Random) -> Iterator[tuple[RawRecord, ...]]:
    longest = rng.choice([2, 7, len(records)])
    rest = records
    while rest:
        size = rng.randint(1, longest)
        yield rest[:size]
        rest = rest[size:]


@given(SEEDS, st.randoms(use_true_random=False))
def test_columns_equal_rows_for_every_cut(seed: int, rng: random.Random) -> None:
    case = random_case(seed)
    rows, columns = driver_of(case, "row"), driver_of(case, "column")
    for record in case.records:
        rows.pipe(record)
    for batch in batches(case.records, rng):
        columns.pipe(*batch)
    assert outputs(columns, case) == outputs(rows, case)
    assert stores(columns) == stores(rows)


def restarts_change_nothing(seed: int, form: Form) -> bool:
    case = random_case(seed)
    rng = random.Random(seed)
    steady, restarted = driver_of(case, form), driver_of(case, form)
    for record in case.records:
        steady.pipe(record)
        restarted.pipe(record)
        if rng.random() < 0.2:
            restarted.restart()
    operators = {node["op"] for node in case.nodes}
    # What was suppressed over a restart has lost its headers; arrivals in a join may be numbered anew.
    with_headers, same_keys = "suppress" not in operators, "stream_join" not in operators
    written = outputs(restarted, case, with_headers=with_headers)
    if written != outputs(steady, case, with_headers=with_headers):
        return False
    return not same_keys or stores(restarted) == stores(steady)


@pytest.mark.parametrize("form", ["row", "column"])
@given(SEEDS)
def test_a_restart_between_records_changes_nothing(form: Form, seed: int) -> None:
    assert restarts_change_nothing(seed, form)


FORGETFUL: dict[str, tuple[type[Any], Form]] = {
    "windows": (aggregate.WindowedAggregateProcessor, "row"),
    "windows in columns": (AggregateColumns, "column"),
    "sessions in columns": (SessionColumns, "column"),
    "sessions": (session.SessionAggregateProcessor, "row"),
    "suppressed results": (suppress.SuppressProcessor, "row"),
    "joins of streams": (stream_stream_join.StreamStreamJoinProcessor, "row"),
}


@pytest.mark.parametrize("what", FORGETFUL)
def test_progress_that_is_not_taken_up_is_seen(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, form = FORGETFUL[what]
    monkeypatch.setattr(operator, "resume", lambda *_: None)
    assert not all(restarts_change_nothing(seed, form) for seed in range(300))


def test_every_operator_that_remembers_can_forget() -> None:
    # Those of the streams library alone are held by tests/conformance/kafka_streams/test_dsl_traces.py.
    library = {
        SelfJoinProcessor,
        SlidingAggregateProcessor,
        StreamJoinSideProcessor,
        SuppressBufferProcessor,
        TransformTableProcessor,
    }
    own = {c for c in Processor.__subclasses__() if "resume" in vars(c)} - library - {UserProcessor}
    assert own <= {operator for operator, _ in FORGETFUL.values()}
