"""Random expressions over random rows: the column form gives what the row form gives, value by value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.errors import UsageError
from kappaflow.serde.objects import PackedSerde
from kappaflow.serde.rows_of_format import columns_serde
from kappaflow.streams import Expression, col, lit, when
from kappaflow.streams.batch import Batch
from kappaflow.streams.columns.batches import cut
from kappaflow.streams.expressions.scopes import record_scope
from kappaflow.streams.expressions.values import ExpressionMapper, ExpressionPredicate
from kappaflow.streams.record import Record

VALUES = columns_serde({"i": int, "j": int, "x": float, "y": float, "s": str, "t": str, "b": bool, "c": bool})
SCOPE = record_scope(VALUES, PackedSerde("LONG", "q"), "orders")

LONGS = st.one_of(st.integers(-3, 3), st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1, 2**62]))
DOUBLES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.5, -2.5, math.inf, -math.inf, math.nan, 1e300, 5e-324, 9.3e18]), st.floats()
)
TEXTS = st.one_of(
    st.sampled_from(["", " a ", "12", "-7", "1e3", "true", "aß", "ABC\u00e9", "a b  c", "\x1cx", "nan", "𝄞"]),
    st.text(max_size=4).filter(lambda text: text.isprintable()),
)
TRUTHS = st.booleans()
ROWS = st.fixed_dictionaries(
    {
        "i": st.none() | LONGS,
        "j": st.none() | LONGS,
        "x": st.none() | DOUBLES,
        "y": st.none() | DOUBLES,
        "s": st.none() | TEXTS,
        "t": st.none() | TEXTS,
        "b": st.none() | TRUTHS,
        "c": st.none() | TRUTHS,
    }
)


def longs(depth: int) -> st.SearchStrategy[Expression]:
    leaves = st.sampled_from([col("i"), col("j"), col.key, col.timestamp]) | LONGS.map(lit)
    if depth == 0:
        return leaves
    a, b = longs(depth - 1), longs(depth - 1)
    return st.one_of(
        leaves,
        st.tuples(st.sampled_from(["+", "-", "*", "//", "%"]), a, b).map(combined),
        a.map(lambda e: -e),
        a.map(abs),
        texts(depth - 1).map(lambda e: e.length()),
        texts(depth - 1).map(lambda e: e.cast(int)),
        doubles(depth - 1).map(lambda e: e.cast(int)),
        truths(depth - 1).map(lambda e: e.cast(int)),
        st.tuples(truths(depth - 1), a, b).map(lambda p: when(p[0]).then(p[1]).otherwise(p[2])),
        st.tuples(a, b).map(lambda p: p[0].fill_null(p[1])),
    )


def doubles(depth: int) -> st.SearchStrategy[Expression]:
    leaves = st.sampled_from([col("x"), col("y")]) | DOUBLES.map(lit)
    if depth == 0:
        return leaves
    a, b = doubles(depth - 1), st.one_of(doubles(depth - 1), longs(depth - 1))
    return st.one_of(
        leaves,
        st.tuples(st.sampled_from(["+", "-", "*", "/"]), a, b).map(combined),
        st.tuples(st.just("/"), longs(depth - 1), longs(depth - 1)).map(combined),
        a.map(lambda e: -e),
        a.map(abs),
        a.map(lambda e: e.floor()),
        a.map(lambda e: e.ceil()),
        texts(depth - 1).map(lambda e: e.cast(float)),
        longs(depth - 1).map(lambda e: e.cast(float)),
        st.tuples(truths(depth - 1), a, b).map(lambda p: when(p[0]).then(p[1]).otherwise(p[2])),
        st.tuples(a, b).map(lambda p: p[0].fill_null(p[1])),
    )


def texts(depth: int) -> st.SearchStrategy[Expression]:
    leaves = st.sampled_from([col("s"), col("t")]) | TEXTS.map(lit)
    if depth == 0:
        return leaves
    a, b = texts(depth - 1), texts(depth - 1)
    return st.one_of(
        leaves,
        st.tuples(st.just("+"), a, b).map(combined),
        a.map(lambda e: e.upper()),
        a.map(lambda e: e.lower()),
        a.map(lambda e: e.strip()),
        a.map(lambda e: e.replace("a", "b{0}'")),
        st.tuples(a, st.integers(-3, 3), st.none() | st.integers(-4, 4)).map(lambda p: p[0].slice(p[1], p[2])),
        longs(depth - 1).map(lambda e: e.cast(str)),
        doubles(depth - 1).map(lambda e: e.cast(str)),
        truths(depth - 1).map(lambda e: e.cast(str)),
        st.tuples(truths(depth - 1), a).map(lambda p: when(p[0]).then(p[1])),
    )


def truths(depth: int) -> st.SearchStrategy[Expression]:
    leaves = st.sampled_from([col("b"), col("c")]) | TRUTHS.map(lit)
    if depth == 0:
        return leaves
    a, b = truths(depth - 1), truths(depth - 1)
    comparing = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    numbers = st.one_of(longs(depth - 1), doubles(depth - 1))
    return st.one_of(
        leaves,
        st.tuples(st.sampled_from(["&", "|"]), a, b).map(combined),
        a.map(lambda e: ~e),
        st.tuples(comparing, numbers, numbers).map(combined),
        st.tuples(comparing, texts(depth - 1), texts(depth - 1)).map(combined),
        st.one_of(numbers, texts(depth - 1), a).map(lambda e: e.is_null()),
        st.one_of(numbers, texts(depth - 1), a).map(lambda e: e.is_not_null()),
        longs(depth - 1).map(lambda e: e.in_([1, 2, 2**63 - 1])),
        longs(depth - 1).map(lambda e: e.in_([1.0, 2.5, 2.0**63])),
        doubles(depth - 1).map(lambda e: e.in_([0, 1.5, math.inf])),
        texts(depth - 1).map(lambda e: e.in_(["", "a", "12"])),
        texts(depth - 1).map(lambda e: e.contains("a{")),
        texts(depth - 1).map(lambda e: e.starts_with("a")),
        texts(depth - 1).map(lambda e: e.ends_with("é")),
        texts(depth - 1).map(lambda e: e.matches(r"\d+")),
        texts(depth - 1).map(lambda e: e.cast(bool)),
        numbers.map(lambda e: e.cast(bool)),
    )


def combined(parts: tuple[str, Any, Any]) -> Expression:
    symbol, left, right = parts
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "//": lambda: left // right,
        "%": lambda: left % right,
        "&": lambda: left & right,
        "|": lambda: left | right,
        "==": lambda: left == right,
        "!=": lambda: left != right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
    }[symbol]()


def batch_of(rows: list[Any], keys: list[int | None]) -> Batch:
    columns, valid = VALUES.shape.arrays(rows)
    key_columns, key_valid = PackedSerde("LONG", "q").shape.arrays(keys)
    places = np.arange(len(rows), dtype=np.int64)
    return Batch(places, places * 1000, key_columns, columns, key_valid, valid)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return repr(left) == repr(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    return type(left) is type(right) and left == right


@settings(max_examples=400)
@given(
    st.one_of(longs(3), doubles(3), texts(3), truths(3)),
    st.lists(st.tuples(st.none() | ROWS, st.none() | LONGS), min_size=1, max_size=6),
    st.integers(0, 6),
)
def test_columns_give_what_rows_give(expression: Expression, records: list[Any], at: int) -> None:
    rows, keys = [row for row, _ in records], [key for _, key in records]
    try:
        mapper = ExpressionMapper({"made": expression, "kept": col("s")}, SCOPE, "the value", keeps_null=True)
        plain = ExpressionMapper(expression, SCOPE, "the value", keeps_null=False)
    except UsageError as error:
        assert "always None" in str(error) or "has no type" in str(error)
        return
    batch = batch_of(rows, keys)
    given_ = [Record(key, row, place * 1000) for place, (row, key) in enumerate(records)]
    for program in (mapper, plain):
        made: list[Any] = []
        for part in (cut(batch, 0, min(at, len(batch))), cut(batch, min(at, len(batch)), len(batch))):
            if len(part):
                columns, valid = program.column(part)
                made += program.shape.values(columns, valid, len(part))
        expected = [program.row(record) for record in given_]
        assert all(same(a, b) for a, b in zip(made, expected, strict=True)), (made, expected)


@settings(max_examples=200)
@given(truths(3), st.lists(st.none() | ROWS, min_size=1, max_size=6), st.booleans())
def test_predicates_keep_the_same_rows(condition: Expression, rows: list[Any], negated: bool) -> None:
    predicate = ExpressionPredicate(condition, SCOPE, negated=negated)
    mask = predicate.column(batch_of(rows, [1] * len(rows)))
    assert mask.tolist() == [predicate.row(Record(1, row, place * 1000)) for place, row in enumerate(rows)]


MEANINGS: list[tuple[Expression, dict[str, Any], Any]] = [
    (col("i") + 1, {"i": 2**63 - 1}, -(2**63)),
    (col("i") // 0, {"i": 5}, None),
    (col("i") % -3, {"i": 7}, -2),
    (col("i") // -1, {"i": -(2**63)}, -(2**63)),
    (col("i") / 2, {"i": 5}, 2.5),
    (col("x") / 0, {"x": 5.0}, None),
    (col("i") + col("x"), {"i": 1, "x": None}, None),
    ((col("b") & False), {"b": None}, False),
    ((col("b") | True), {"b": None}, True),
    (~col("b"), {"b": None}, None),
    (col("x") == col("y"), {"x": math.nan, "y": math.nan}, False),
    (col("i") == 2.0, {"i": 2}, True),
    (when(col("b")).then(1).otherwise(2), {"b": None}, 2),
    (when(col("i") > 1).then("many").when(col("i") == 1).then("one"), {"i": 0}, None),
    (col("s").upper(), {"s": "ß"}, "SS"),
    (col("s").cast(int), {"s": "9223372036854775808"}, None),
    (col("x").cast(int), {"x": -2.9}, -2),
    (col("x").cast(int), {"x": math.nan}, None),
    (col("x").cast(str), {"x": 1e20}, "1e+20"),
    (col("i").fill_null(0), {"i": None}, 0),
    (col("s").in_(["a"]), {"s": None}, None),
    (col("i").between(1, 3), {"i": 3}, True),
]


@pytest.mark.parametrize(("expression", "row", "expected"), MEANINGS)
def test_what_expressions_mean(expression: Expression, row: dict[str, Any], expected: Any) -> None:
    whole = {name: row.get(name) for name in "ijxystbc"}
    program = ExpressionMapper(expression, SCOPE, "the value", keeps_null=False)
    assert same(program.row(Record(1, whole, 0)), expected)
    columns, valid = program.column(batch_of([whole], [1]))
    assert same(program.shape.values(columns, valid, 1)[0], expected)
