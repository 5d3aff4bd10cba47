"""Random well-typed queries over random records: rows and columns write the same, however the input is cut."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kappaflow.errors import FunctionError, SqlError, StreamsError
from kappaflow.sql.engine import Engine
from kappaflow.sql.statement_plan import TopicInfo
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.batch_driver import BatchTopologyDriver, Form
from random_sql import declarations, random_query, random_records, random_table_join

SEEDS = st.integers(0, 2**32)
PLANNED_MIN = 0.9
EXAMPLES = int(os.environ.get("KAPPA_SQL_EXAMPLES", "40"))  # a soak asks for more


class OnePartition:
    """All topics have one partition."""

    def describe(self, _name: str) -> TopicInfo:
        return TopicInfo(1, 1)


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = Engine("default_", {}, OnePartition())
    for number, text in enumerate(declarations()):
        (parsed,) = made.parse(text)
        made.apply(made.plan(parsed, {}, number))
    return made


def topology_of(engine: Engine, statement: str) -> Any:
    (parsed,) = engine.parse(statement)
    sandbox = engine.sandbox()
    sandbox.apply(sandbox.plan(parsed, {}, 9))
    return next(iter(sandbox.metastore.queries.values())).build_topology()


def cuts(records: Sequence[RawRecord], chance: random.Random, form: Form) -> Iterator[Sequence[RawRecord]]:
    at = 0
    while at < len(records):
        size = chance.choice([1, 3, 10, 40]) if form == "column" else 1
        yield records[at : at + size]
        at += size


def outcome(topology: Any, form: Form, records: Sequence[RawRecord], chance: random.Random) -> tuple[Any, str]:
    """What a run wrote, and why it ended early."""
    driver = BatchTopologyDriver(topology, form=form)
    ended = ""
    try:
        for batch in cuts(records, chance, form):
            driver.pipe(*batch)
    except (FunctionError, StreamsError) as error:
        ended = str(error)
    written = [(record.key, record.value, record.timestamp) for record in driver.take("O")]
    return written, ended


def check(engine: Engine, statement: str, chance: random.Random, topics: Sequence[str] = ("a", "a", "c", "u")) -> bool:
    """Run a random query in both forms; false where the generator wrote one that is refused."""
    try:
        topology = topology_of(engine, statement)
    except SqlError:
        return False
    records = random_records(chance, 60, topics)
    rows, row_end = outcome(topology, "row", records, chance)
    columns, column_end = outcome(topology, "column", records, chance)
    assert row_end == column_end, statement
    if not row_end:  # what a failing batch had written is not defined
        assert columns == rows, statement
    return True


@settings(max_examples=EXAMPLES, deadline=None)
@example(356)  # CONCAT of rows in which everything is NULL
@example(20003)  # CONCAT of one text that is NULL
@given(SEEDS)
def test_rows_and_columns_of_random_queries_agree(engine: Engine, seed: int) -> None:
    chance = random.Random(seed)
    check(engine, random_query(chance), chance)


@settings(max_examples=EXAMPLES // 2, deadline=None)
@example(148)  # a DOUBLE that is NaN IN others that are
@given(SEEDS)
def test_rows_and_columns_of_random_table_joins_agree(engine: Engine, seed: int) -> None:
    chance = random.Random(seed)
    check(engine, random_table_join(chance), chance, ("u", "v"))


def test_most_random_queries_are_well_typed(engine: Engine) -> None:
    """Otherwise the property above would hold of nothing."""
    planned = 0
    for seed in range(50):
        try:
            topology_of(engine, random_query(random.Random(seed)))
        except SqlError:
            continue
        planned += 1
    assert planned >= 50 * PLANNED_MIN
