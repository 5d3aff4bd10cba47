"""SQL expressions and aggregates over boundary values: rows and columns agree, and both agree with what Java does."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kappaflow.errors import FunctionError
from kappaflow.sql.engine import Engine
from kappaflow.sql.statement_plan import TopicInfo
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.batch_driver import BatchTopologyDriver, Form

SOURCE = (
    "CREATE STREAM a (k STRING KEY, i INT, l BIGINT, d DOUBLE, e DECIMAL(6, 2), s STRING, r STRING, b BOOLEAN, "
    "t TIMESTAMP, y DATE, st STRUCT<x INT, y STRING>, ar ARRAY<DOUBLE>) "
    "WITH (kafka_topic='a', value_format='JSON', partitions=1);"
)
GRIN, WIDE = "\U0001f600", "\uff5e"
TEXTS = ["", "a", "A b", GRIN, f"{GRIN}x", f"x{GRIN}", WIDE, "ß", "İ", "Σ", " x\t", "%a_b", "\u0000", "1", "-5", " 7 "]
VALUES: dict[str, Sequence[Any]] = {
    "I": [0, 1, -1, 7, 2**31 - 1, -(2**31), None],
    "L": [0, 1, -1, 10**12, 2**63 - 1, -(2**63), None],
    "D": [0.0, -0.0, 1.5, -2.5, 1e308, 1e-320, "NaN", "Infinity", "-Infinity", 3, None],
    "E": ["0.00", "9999.99", "-0.01", "1.5", "-9999.99", None],
    "S": [*TEXTS, "2020-01-01", None],
    "R": [*TEXTS, None],
    "B": [True, False, None],
    "T": [0, -1, 1_600_000_000_123, None],
    "Y": [0, -1, 18_000, None],
    "ST": [None, {"X": 1, "Y": GRIN}, {"X": None}],
    "AR": [None, [], [1.5, None, "NaN", -0.0, 0.0]],
}
EXPRESSIONS = [
    *("i + 1", "i * i", "i - l", "l * l", "i / i", "i % 3", "l / i", "d / i", "d % 2", "d * d", "-i", "-l", "-d"),
    *("e + i", "e * d", "e / 3", "e % 2", "e * e", "ABS(i)", "ABS(l)", "FLOOR(d)", "CEIL(d)", "SQRT(d)", "ROUND(d)"),
    *("CAST(e AS INT)", "CAST(d AS INT)", "CAST(d AS BIGINT)", "CAST(i AS STRING)", "CAST(d AS STRING)"),
    *("CAST(l AS DOUBLE)", "CAST(s AS INT)", "CAST(l AS INT)", "CAST(b AS STRING)", "CAST(d AS DECIMAL(5, 2))"),
    *("LEN(s)", "UCASE(s)", "LCASE(s)", "TRIM(s)", "SUBSTRING(s, 1, 2)", "SUBSTRING(s, 2)", "SUBSTRING(s, -1)"),
    *("s + r", "CONCAT(s, 'x')", "REPLACE(s, 'a', 'b')", "INSTR(s, 'x')", "LPAD(s, 3, 'ab')", "RPAD(s, 3, 'ab')"),
    *("MASK(s)", "MASK_LEFT(s, 1)", "SPLIT(s, '')", "INITCAP(s)"),
    *("s < r", "s > r", "s <= r", "s >= r", "s = r", "s <> r", "s BETWEEN 'a' AND r", "s IN ('a', r)"),
    *("s IS DISTINCT FROM r", "s LIKE '%a%'", "s LIKE 'A_b'", "s LIKE '_x'", "s LIKE '!%a!_b' ESCAPE '!'"),
    *("d = 0", "d <> d", "d = d", "d <> 0", "d > 1.5", "d >= d", "d IN (1.5, 3)", "d BETWEEN 0 AND 2"),
    *("d IS DISTINCT FROM 0e0", "d IS NOT DISTINCT FROM d", "i > 1.5", "l < 9223372036854775807", "e > 1.5", "e = d"),
    *("i = d", "i IS DISTINCT FROM l", "i BETWEEN 0 AND 7", "i IN (1, 7)", "t > '2020-01-01T00:00:00'", "t = y"),
    *("b AND i > 0", "b OR i > 0", "NOT b", "COALESCE(s, 'z')", "IFNULL(d, 1.0E0)", "NULLIF(i, 7)"),
    *("st->x", "st->y + s", "ar[1]", "ARRAY_MIN(ar)", "ARRAY_MAX(ar)", "ARRAY_SORT(ar)", "GREATEST(d, 1.5E0)"),
    *("CASE WHEN i > 0 THEN s WHEN b THEN 'b' ELSE NULL END", "CASE WHEN d > 1 THEN i / i ELSE 0 END"),
]
AGGREGATES = [
    *(
        "COUNT(*)",
        "COUNT(s)",
        "SUM(i)",
        "SUM(l)",
        "SUM(d)",
        "SUM(CAST(e AS DECIMAL(12, 2)))",
        "AVG(i)",
        "AVG(l)",
        "AVG(d)",
    ),
    *("MIN(i)", "MAX(l)", "MIN(d)", "MAX(d)", "MIN(s)", "MAX(s)", "MIN(e)", "MAX(e)", "MIN(t)", "MAX(y)"),
    *("LATEST_BY_OFFSET(s)", "EARLIEST_BY_OFFSET(d)", "TOPK(d, 3)", "TOPK(s, 2)", "TOPKDISTINCT(d, 2)"),
]
WINDOWS = [
    "",
    "WINDOW TUMBLING (SIZE 50 MILLISECONDS, GRACE PERIOD 10 MILLISECONDS)",
    "WINDOW HOPPING (SIZE 60 MILLISECONDS, ADVANCE BY 20 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS)",
]
SEEDS = st.integers(0, 2**32)


class OnePartition:
    """All topics have one partition."""

    def describe(self, _name: str) -> TopicInfo:
        return TopicInfo(1, 1)


def topology_of(statement: str) -> Any:
    engine = Engine("default_", {}, OnePartition())
    for text in (SOURCE, statement):
        (parsed,) = engine.parse(text)
        engine.apply(engine.plan(parsed, {}, 1))
    return next(iter(engine.metastore.queries.values())).build_topology()


def records_of(rng: random.Random, count: int) -> list[RawRecord]:
    made: list[RawRecord] = []
    for number in range(count):
        row = {name: rng.choice(values) for name, values in VALUES.items()}
        value = None if rng.random() < 0.05 else json.dumps(row).encode()
        time_ms = 1000 + 3 * number + rng.randint(-60, 60)
        made.append(RawRecord("a", rng.choice([b"k1", b"k2", b"", None]), value, time_ms, (), 0, number))
    return made


def cuts(records: Sequence[RawRecord], rng: random.Random, form: Form) -> Iterator[Sequence[RawRecord]]:
    at = 0
    while at < len(records):
        size = rng.randint(1, 30) if form == "column" else 1
        yield records[at : at + size]
        at += size


def outputs(topology: Any, form: Form, records: Sequence[RawRecord], rng: random.Random) -> list[tuple[Any, ...]]:
    driver = BatchTopologyDriver(topology, form=form)
    for batch in cuts(records, rng, form):
        driver.pipe(*batch)
    return [(record.key, record.value, record.timestamp) for record in driver.take("O")]


@pytest.fixture(scope="module")
def projections() -> list[Any]:
    size = 20
    parts = [EXPRESSIONS[at : at + size] for at in range(0, len(EXPRESSIONS), size)]
    columns = (", ".join(f"{text} AS x{n}" for n, text in enumerate(part)) for part in parts)
    return [topology_of(f"CREATE STREAM o AS SELECT k, {text} FROM a WHERE ROWTIME >= 0;") for text in columns]


@pytest.fixture(scope="module")
def aggregations() -> list[Any]:
    return [
        topology_of(f"CREATE TABLE o AS SELECT k, {text} AS x FROM a {window} GROUP BY k HAVING COUNT(*) > 1;")
        for text in AGGREGATES
        for window in WINDOWS
    ]


@given(SEEDS)
def test_expressions_agree(projections: list[Any], seed: int) -> None:
    rng = random.Random(seed)
    topology, records = rng.choice(projections), records_of(rng, 40)
    assert outputs(topology, "column", records, rng) == outputs(topology, "row", records, rng)


@given(SEEDS)
def test_aggregates_agree(aggregations: list[Any], seed: int) -> None:
    rng = random.Random(seed)
    topology, records = rng.choice(aggregations), records_of(rng, 60)
    assert outputs(topology, "column", records, rng) == outputs(topology, "row", records, rng)


def one_row(expressions: Sequence[str], row: dict[str, Any], form: Form) -> dict[str, Any]:
    columns = ", ".join(f"{text} AS x{n}" for n, text in enumerate(expressions))
    driver = BatchTopologyDriver(topology_of(f"CREATE STREAM o AS SELECT k, {columns} FROM a;"), form=form)
    driver.pipe(RawRecord("a", b"k", json.dumps(row).encode(), 1000, (), 0, 0))
    (record,) = driver.take("O")
    return json.loads(record.value or b"{}")


# What Java's compareTo, length(), substring() and == of these values give; ksqlDB's equality is "neither is less".
@pytest.mark.parametrize("form", ["row", "column"])
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"S": GRIN, "R": WIDE}, {"s < r": True, "s > r": False, "s BETWEEN 'a' AND r": True, "LEN(s)": 2}),
        (
            {"S": f"a{GRIN}b"},
            {"LEN(s)": 4, "SUBSTRING(s, 4)": "b", "SUBSTRING(s, 1, 3)": f"a{GRIN}", "INSTR(s, 'b')": 4},
        ),
        ({"S": f"{GRIN}"}, {"LPAD(s, 4, 'x')": f"xx{GRIN}", "MASK(s)": "--", "SUBSTRING(s, 2)": "?"}),
        ({"D": "NaN"}, {"d = d": False, "d <> d": False, "d < 1": False, "d >= d": False, "d IN (1.5)": False}),
        ({"D": -0.0}, {"d = 0": True, "d <> 0": False, "d < 0": False}),
        # A JSON number goes through BigDecimal, which has no negative zero.
        ({"AR": [-0.0, "NaN", 1.5]}, {"ARRAY_MIN(ar)": 0.0, "ARRAY_MAX(ar)": "NaN"}),
        ({"D": 0.0}, {"ARRAY_MIN(ARRAY[d, -d])": -0.0, "ARRAY_MAX(ARRAY[d, -d])": 0.0}),
    ],
)
def test_values_of_java(row: dict[str, Any], expected: dict[str, Any], form: Form) -> None:
    found = one_row(list(expected), row, form)
    assert [repr(value) for value in found.values()] == [repr(value) for value in expected.values()]


@pytest.mark.parametrize("form", ["row", "column"])
def test_a_decimal_sum_that_overflows_is_refused(form: Form) -> None:
    statement = "CREATE TABLE o AS SELECT k, SUM(e) AS total, COUNT(*) AS n FROM a GROUP BY k;"
    driver = BatchTopologyDriver(topology_of(statement), form=form)
    driver.pipe(RawRecord("a", b"k", b'{"E": "9999.99"}', 1000, (), 0, 0))
    with pytest.raises(FunctionError, match="overflow"):
        driver.pipe(RawRecord("a", b"k", b'{"E": "0.01"}', 1001, (), 0, 1))
