"""The column form of push queries gives the rows of the row form, in their order, from any offset."""

from __future__ import annotations

import json
import random

import pytest

from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.server.worker.cohort import Cohort, Subscriber
from kappaflow.server.worker.cohort_columns import CHUNK_BYTES_MIN, cohort_columns
from kappaflow.sql.engine import Engine
from kappaflow.sql.queries import PushQuery
from kappaflow.streams.execution.raw_records import decode_chunk
from kappaflow.wire.record_batch import build_batch

P0 = TopicPartition("s", 0)
SOURCES = (
    """CREATE STREAM s (k STRING KEY, a INT, b STRING, c DOUBLE, d ARRAY<INT>, e STRUCT<x INT, y STRING>,
    f DECIMAL(8, 2), t TIMESTAMP) WITH (kafka_topic='s', value_format='JSON', partitions=1);""",
    "CREATE TABLE t (k STRING PRIMARY KEY, a INT) WITH (kafka_topic='t', value_format='JSON', partitions=1);",
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = Engine()
    for text in SOURCES:
        made.apply(made.plan(text))
    return made


def chunk(count: int, seed: int = 1) -> FetchedChunk:
    draw = random.Random(seed)
    records: list[tuple[bytes | None, bytes | None]] = []
    for number in range(count):
        value = {
            "A": draw.choice([number, None, -number]),
            "B": draw.choice(["text", None, "\u00e9 \U0001f600", 'quo"te']),
            "C": draw.choice([number * 1.5, None, 1e300]),
            "D": draw.choice([[1, None, number], [], None]),
            "E": draw.choice([{"X": number, "Y": "y"}, None]),
            "F": draw.choice([12.5, None]),
            "T": draw.choice([1_700_000_000_000 + number, None]),
        }
        text = draw.choice([json.dumps(value).encode()] * 8 + [None, b"no json"])
        records.append((draw.choice([b"k%d" % number, None]), text))
    return FetchedChunk(P0, 0, count, build_batch(records, timestamp_ms=list(range(count))), count, count)


def by_rows(query: PushQuery, fetched: FetchedChunk, start: int, end: int | None) -> list[str]:
    ends = {} if end is None else {P0: end}
    whole = [Subscriber(query, "x", lambda _error: None)]
    cohort = Cohort(1, query.build_topology(), {P0: start}, ends, whole, lambda _p: False)
    cohort.add(P0, decode_chunk(fetched), fetched.next_offset)
    cohort.run()
    found: list[str] = []
    cohort.flush(lambda _s, part: found.extend(part["rows"]))
    return found


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM s EMIT CHANGES;",
        "SELECT k, a FROM s WHERE a % 3 = 0 EMIT CHANGES;",
        "SELECT UCASE(b) AS b, c * 2 AS c, ROWTIME AS t FROM s WHERE b IS NOT NULL EMIT CHANGES;",
        "SELECT INITCAP(b) AS b, e->x AS x, d[1] AS d, f + 1 AS f FROM s EMIT CHANGES;",
        "SELECT a / (a - 6) AS q FROM s EMIT CHANGES;",
    ],
)
@pytest.mark.parametrize(("start", "end"), [(0, None), (100, None), (17, 150), (299, 300)])
def test_columns_give_the_rows_of_the_row_form(engine: Engine, text: str, start: int, end: int | None) -> None:
    query, fetched = engine.plan_push(text), chunk(300)
    form = cohort_columns(query.build_topology(), query)
    assert form is not None
    assert form.rows(fetched, start, end) == by_rows(query, fetched, start, end)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM t EMIT CHANGES;",
        "SELECT a, COUNT(*) AS n FROM s GROUP BY a EMIT CHANGES;",
        "SELECT EXPLODE(d) AS e FROM s EMIT CHANGES;",
        "SELECT a, ROWOFFSET AS o FROM s EMIT CHANGES;",
    ],
)
def test_other_plans_have_no_column_form(engine: Engine, text: str) -> None:
    query = engine.plan_push(text)
    assert cohort_columns(query.build_topology(), query) is None


def test_a_cohort_chooses_by_the_size_of_the_chunk(engine: Engine) -> None:
    query = engine.plan_push("SELECT a FROM s EMIT CHANGES;")
    cohort = Cohort(1, query.build_topology(), {P0: 5}, {}, [Subscriber(query, "x", lambda _e: None)], lambda _p: False)
    small, large = chunk(3), chunk(600)
    assert len(large.records) > CHUNK_BYTES_MIN
    assert not cohort.takes_columns(small)
    assert cohort.takes_columns(large)
    cohort.process_columns(large)
    assert cohort.positions[P0] == 600
    found: list[str] = []
    cohort.flush(lambda _s, part: found.extend(part["rows"]))
    assert found == by_rows(query, large, 5, None)
