"""Relational queries over random tables: what the last rows of a result are is what DuckDB computes of the final input.

The subset that both languages mean alike: whole numbers that stay small, ASCII text, comparisons that are not negated
and not of what NULL may fail.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.sql.engine import Engine
from kappaflow.sql.statement_plan import TopicInfo
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.batch_driver import BatchTopologyDriver

duckdb = pytest.importorskip("duckdb", reason="DuckDB is part of the demo extra")

SEEDS = st.integers(0, 2**32)
EXAMPLES = int(os.environ.get("KAPPA_SQL_EXAMPLES", "8"))  # a soak asks for more
TEXTS = ["", "a", "b", "ab", "B", "z"]
NUMBERS = ["I", "J", "L"]
WINDOW_MS = 50


class OnePartition:
    """All topics have one partition."""

    def describe(self, _name: str) -> TopicInfo:
        return TopicInfo(1, 1)


def number(chance: random.Random, prefix: str, depth: int) -> str:
    """A whole number."""
    if depth <= 0 or chance.random() < 0.3:
        return chance.choice([f"{prefix}{chance.choice(NUMBERS)}", f"CAST({chance.randint(0, 9)} AS BIGINT)"])
    left, right = number(chance, prefix, depth - 1), number(chance, prefix, depth - 1)
    match chance.randrange(4):
        case 0:
            return f"COALESCE({left}, {right})"
        case 1:
            return f"CASE WHEN {condition(chance, prefix, depth - 1)} THEN {left} ELSE {right} END"
        case _:
            return f"({left} {chance.choice('+-*')} {right})"


def condition(chance: random.Random, prefix: str, depth: int) -> str:
    """A condition that is true, or not true, in both languages alike."""
    if depth > 0 and chance.random() < 0.5:
        word = chance.choice(["AND", "OR"])
        return f"({condition(chance, prefix, depth - 1)} {word} {condition(chance, prefix, depth - 1)})"
    operator = chance.choice(["=", "<>", "<", "<=", ">", ">="])
    match chance.randrange(5):
        case 0:
            return f"({prefix}S {operator} '{chance.choice(TEXTS)}')"
        case 1:
            return f"(COALESCE({prefix}S, '') LIKE '{chance.choice(['%a%', '_', 'a%', '%b'])}')"
        case 2:
            return f"({prefix}{chance.choice([*NUMBERS, 'S'])} IS {chance.choice(['', 'NOT '])}NULL)"
        case 3:
            return f"({known(chance, prefix)} BETWEEN {chance.randint(-3, 3)} AND {chance.randint(2, 9)})"
        case _:
            return f"({known(chance, prefix)} {operator} {known(chance, prefix)})"


def known(chance: random.Random, prefix: str) -> str:
    """A whole number that is not NULL."""
    return f"COALESCE({number(chance, prefix, 1)}, CAST(0 AS BIGINT))"


def items(chance: random.Random, prefix: str, first: int = 0) -> list[str]:
    return [f"{number(chance, prefix, 2)} AS X{n}" for n in range(first, first + chance.randint(1, 3))]


def aggregates(chance: random.Random) -> list[tuple[str, str]]:
    """Calls in our language and in DuckDB's, which differ for groups without a value."""
    x = number(chance, "", 1)
    return [
        ("COUNT(*)", "COUNT(*)"),
        *chance.sample(
            [
                (f"COUNT({x})", f"COUNT({x})"),
                (f"SUM(CAST({x} AS BIGINT))", f"COALESCE(SUM({x}), 0)"),
                (f"MIN({x})", f"MIN({x})"),
                (f"MAX({x})", f"MAX({x})"),
                ("MIN(S)", "MIN(S)"),
                ("MAX(S)", "MAX(S)"),
                (f"COUNT_DISTINCT({x})", f"COUNT(DISTINCT {x})"),
                (f"AVG(COALESCE({x}, CAST(0 AS BIGINT)))", f"AVG(COALESCE({x}, 0))"),
            ],
            chance.randint(1, 3),
        ),
    ]


class Case:
    """One input, and how it stands in both systems."""

    def __init__(self, chance: random.Random) -> None:
        self.engine = Engine("default_", {}, OnePartition())
        columns = "I BIGINT, J BIGINT, L BIGINT, S STRING"
        for place, (kind, key, name) in enumerate([("STREAM", "KEY", "A"), ("TABLE", "PRIMARY KEY", "U"),
                                                   ("TABLE", "PRIMARY KEY", "V")]):  # fmt: skip
            self._apply(
                f"CREATE {kind} {name} (K STRING {key}, {columns})"
                f" WITH (KAFKA_TOPIC='{name.lower()}', VALUE_FORMAT='JSON', PARTITIONS=1);",
                place,
            )
        self.records: list[RawRecord] = []
        rows: dict[str, list[tuple[Any, ...]]] = {"A": []}
        tables: dict[str, dict[str, tuple[Any, ...] | None]] = {"U": {}, "V": {}}
        for offset in range(60):
            name = chance.choice(["A", "A", "U", "V"])
            key = chance.choice(["k1", "k2", "k3", "k4"])
            drawn = (chance.randint(-9, 9), chance.randint(0, 3), chance.randint(-50, 50), chance.choice(TEXTS))
            row = tuple(None if chance.random() < 0.2 else value for value in drawn)
            gone = name != "A" and chance.random() < 0.2
            at = 1000 + 4 * offset
            document = None if gone else json.dumps(dict(zip("IJLS", row, strict=True))).encode()
            self.records.append(RawRecord(name.lower(), key.encode(), document, at, (), 0, offset))
            if name == "A":
                rows["A"].append((at, key, *row))
            else:
                tables[name][key] = None if gone else (at, key, *row)
        for name, kept in tables.items():
            rows[name] = [row for row in kept.values() if row is not None]
        self.duck = duckdb.connect()
        for name, found in rows.items():
            self.duck.execute(f"CREATE TABLE {name} (T BIGINT, K VARCHAR, I BIGINT, J BIGINT, L BIGINT, S VARCHAR)")
            if found:
                self.duck.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?)", found)

    def _apply(self, statement: str, number: int) -> None:
        (parsed,) = self.engine.parse(statement)
        self.engine.apply(self.engine.plan(parsed, {}, number))

    def ours(self, statement: str, chance: random.Random) -> list[tuple[bytes | None, dict[str, Any] | None]]:
        """What a statement writes, as key bytes and values."""
        self._apply(statement, 9)
        (query,) = [query for query in self.engine.metastore.queries.values() if query.sink == "O"]
        driver = BatchTopologyDriver(query.build_topology(), form="column")
        at = 0
        while at < len(self.records):
            size = chance.choice([1, 5, 20])
            driver.pipe(*self.records[at : at + size])
            at += size
        found = driver.take("O")
        return [(r.key, None if r.value is None else json.loads(r.value)) for r in found]

    def theirs(self, query: str) -> list[tuple[Any, ...]]:
        """What DuckDB answers."""
        return self.duck.execute(query).fetchall()


def last_of(written: Sequence[tuple[bytes | None, dict[str, Any] | None]]) -> dict[bytes, tuple[Any, ...]]:
    """The last row of each key; keys that were removed are gone."""
    found = dict(written)
    return {key: tuple(value.values()) for key, value in found.items() if key is not None and value is not None}


def exact(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Numbers as they compare in both: DuckDB gives sums as wide integers."""
    return [tuple(float(v) if isinstance(v, float) else v for v in row) for row in rows]


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_filters_and_projections(seed: int) -> None:
    chance = random.Random(seed)
    case = Case(chance)
    selected, where = ", ".join(items(chance, "")), condition(chance, "", 2)
    written = case.ours(f"CREATE STREAM O AS SELECT K, {selected} FROM A WHERE {where};", chance)
    expected = case.theirs(f"SELECT {selected} FROM A WHERE {where} ORDER BY T")
    assert [tuple((value or {}).values()) for _, value in written] == expected


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_groups(seed: int) -> None:
    chance = random.Random(seed)
    case = Case(chance)
    calls, by = aggregates(chance), chance.choice(["K", "S", "K"])
    where, least = condition(chance, "", 1), chance.choice([0, 1, 2])
    ours = ", ".join(f"{call} AS X{n}" for n, (call, _) in enumerate(calls))
    theirs = ", ".join(call for _, call in calls)
    having = f" HAVING COUNT(*) > {least}" if least else ""
    written = case.ours(f"CREATE TABLE O AS SELECT {by}, {ours} FROM A WHERE {where} GROUP BY {by}{having};", chance)
    rows = case.theirs(f"SELECT {by}, {theirs} FROM A WHERE {where} AND {by} IS NOT NULL GROUP BY {by}{having}")
    assert last_of(written) == {row[0].encode(): row[1:] for row in exact(rows)}


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_groups_in_windows(seed: int) -> None:
    chance = random.Random(seed)
    case = Case(chance)
    calls = aggregates(chance)
    ours = ", ".join(f"{call} AS X{n}" for n, (call, _) in enumerate(calls))
    theirs = ", ".join(call for _, call in calls)
    window = f"WINDOW TUMBLING (SIZE {WINDOW_MS} MILLISECONDS)"
    written = case.ours(f"CREATE TABLE O AS SELECT K, {ours} FROM A {window} GROUP BY K;", chance)
    rows = case.theirs(f"SELECT K, T // {WINDOW_MS} * {WINDOW_MS} AS w, {theirs} FROM A GROUP BY K, w")
    assert last_of(written) == {row[0].encode() + row[1].to_bytes(8, "big"): row[2:] for row in exact(rows)}


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_joins_of_tables(seed: int) -> None:
    chance = random.Random(seed)
    case = Case(chance)
    kind = chance.choice(["JOIN", "LEFT JOIN", "FULL OUTER JOIN"])
    selected = ", ".join([*items(chance, "U."), *items(chance, "V.", 5)])
    key = "ROWKEY" if kind == "FULL OUTER JOIN" else "U.K AS K"
    written = case.ours(f"CREATE TABLE O AS SELECT {key}, {selected} FROM U {kind} V ON U.K = V.K;", chance)
    rows = case.theirs(f"SELECT COALESCE(U.K, V.K), {selected} FROM U {kind} V ON U.K = V.K")
    assert last_of(written) == {row[0].encode(): row[1:] for row in rows}


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_filters_of_tables(seed: int) -> None:
    chance = random.Random(seed)
    case = Case(chance)
    selected, where = ", ".join(items(chance, "")), condition(chance, "", 2)
    written = case.ours(f"CREATE TABLE O AS SELECT K, {selected} FROM U WHERE {where};", chance)
    rows = case.theirs(f"SELECT K, {selected} FROM U WHERE {where}")
    assert last_of(written) == {row[0].encode(): row[1:] for row in rows}
