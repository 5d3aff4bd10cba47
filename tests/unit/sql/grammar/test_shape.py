"""The shape of a statement: literals taken out, everything else as it stands."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.sql.grammar.parser import parse
from kappaflow.sql.grammar.shape import shape_of


@pytest.mark.parametrize(
    ("text", "shape", "literals"),
    [
        ("SELECT n FROM t WHERE k = 'a';", "SELECT n FROM t WHERE k = ?;", ("a",)),
        ("SELECT n FROM t WHERE k = 'it''s' AND v > 10;", "SELECT n FROM t WHERE k = ? AND v > #;", ("it's", 10)),
        ("SELECT \"a'1\" FROM `t'2`", "SELECT \"a'1\" FROM `t'2`", ()),
        ("SELECT c1, 2x, x2 -- it's 5\nFROM t", "SELECT c1, 2x, x2 -- it's 5\nFROM t", ()),
        ("SELECT /* 'x' 1 */ 1.5, 1e5, 7 FROM t", "SELECT /* 'x' 1 */ 1.5, 1e5, # FROM t", (7,)),
        ("SELECT n FROM t limit 3;", "SELECT n FROM t limit 3;", ()),
        ("SELECT n FROM t WHERE k=-5;", "SELECT n FROM t WHERE k=-#;", (5,)),
        ("SELECT '", "SELECT '", ()),
    ],
)
def test_shapes(text: str, shape: str, literals: tuple[object, ...]) -> None:
    assert shape_of(text) == (shape, literals)


@settings(deadline=None)
@given(st.text(alphabet="a'\"`;-/* \n1", max_size=12), st.integers(0, 2**31 - 1))
def test_a_literal_stays_one_literal(value: str, number: int) -> None:
    text = f"SELECT n FROM t WHERE k = '{value.replace(chr(39), chr(39) * 2)}' AND v = {number};"
    shape, literals = shape_of(text)
    assert shape == "SELECT n FROM t WHERE k = ? AND v = #;"
    assert literals == (value, number)
    assert len(parse(text)) == 1
