"""Errors of names, types and plans tell where in the text they are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kappaflow.errors import ParseError, StatementError
from kappaflow.sql.engine import Engine

SOURCES = """
CREATE STREAM s (k STRING KEY, v INT, a ARRAY<INT>, m MAP<STRING, INT>, r STRUCT<x INT>, t TIMESTAMP)
  WITH (kafka_topic='s', value_format='JSON', partitions=1);
CREATE STREAM s2 (k STRING KEY, v INT) WITH (kafka_topic='s2', value_format='JSON', partitions=1);
CREATE TABLE tab (id STRING PRIMARY KEY, n INT) WITH (kafka_topic='tab', value_format='JSON', partitions=1);
"""
PLACE = re.compile(r"Line: (\d+), Col: (\d+): ")
# A caret stands before what is wrong.
WRONG = [
    "SELECT k, ^v + a AS x FROM s",
    "SELECT k, v * (1 + ^UCASE(v)) AS x FROM s",
    "SELECT k, ^foo(v) FROM s",
    "SELECT k, ^nope FROM s",
    "SELECT k, ^x.v FROM s",
    "SELECT k FROM ^nope",
    "SELECT k FROM s WHERE ^v",
    "SELECT k FROM s WHERE v = 1 AND ^v > 'x'",
    "SELECT k FROM s WHERE ^EXPLODE(a) = 1",
    "SELECT k FROM s WHERE ROWTIME > ^'never'",
    "SELECT k, EXPLODE(^EXPLODE(a)) FROM s",
    "SELECT k, ^r->y FROM s",
    "SELECT k, ^v[1] FROM s",
    "SELECT k, ^CAST(a AS INT) FROM s",
    "SELECT k, CAST(v AS ^nothing) FROM s",
    "SELECT k, ^NULL AS n FROM s",
    "SELECT k, ^v AS ROWTIME FROM s",
    "SELECT k, v, ^v FROM s",
    "^SELECT v FROM s",
    "SELECT k, TRANSFORM(a, x => ^x + 'b') AS x FROM s",
    "SELECT k, CASE WHEN v = 1 THEN ^'a' + 1 END AS c FROM s",
    "SELECT k, v FROM s PARTITION BY ^SUM(v)",
    "SELECT k, ^SUM(k) AS n FROM s GROUP BY k",
    "SELECT ^v, COUNT(*) AS n FROM s GROUP BY k",
    "SELECT k, SUM(^COUNT(*)) AS n FROM s GROUP BY k",
    "SELECT k, COUNT(*) AS n FROM s GROUP BY k HAVING ^SUM(v) > 'x'",
    "SELECT k, COUNT(*) AS n FROM s GROUP BY k, ^k",
    "SELECT k, LATEST_BY_OFFSET(v, ^v) AS n FROM s GROUP BY k",
    "SELECT id, ^MAX(n) AS n FROM tab GROUP BY id",
    "SELECT s.k, s.v FROM s JOIN s2 WITHIN 1 HOUR ON ^s.k > s2.k",
    "SELECT s.k, s.v FROM s JOIN s2 ON ^s.k = s2.k",
    "SELECT s.k, s.v FROM s JOIN s2 WITHIN 1 HOUR ON ^s.v = s2.k",
    "SELECT s.k, ^v FROM s JOIN s2 WITHIN 1 HOUR ON s.k = s2.k",
]


def engine() -> Engine:
    made = Engine()
    for number, statement in enumerate(made.parse(SOURCES)):
        made.apply(made.plan(statement, {}, number))
    return made


def error_of(made: Engine, text: str) -> str:
    (statement,) = made.parse(text)
    with pytest.raises(StatementError) as caught:
        made.plan(statement)
    assert caught.value.statement == text.strip()
    return str(caught.value)


@pytest.mark.parametrize("marked", WRONG)
def test_points_at_what_is_wrong(marked: str) -> None:
    made = engine()
    kind = "TABLE" if "GROUP BY" in marked or "FROM tab" in marked else "STREAM"
    before = marked.index("^")
    text = f"\n\nCREATE {kind} made AS\n    {marked.replace('^', '')} EMIT CHANGES;"
    message = error_of(made, text)
    found = PLACE.match(message)
    assert found is not None, message
    assert tuple(map(int, found.groups())) == (4, 5 + before), message


def test_a_text_that_is_no_time_is_told_once() -> None:
    made = engine()
    table = "CREATE TABLE w AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY k;"
    made.apply(made.plan(table, {}, 9))
    with pytest.raises(StatementError) as caught:
        made.plan_pull("SELECT * FROM w WHERE k = 'a' AND WINDOWSTART = 'garbage';")
    begin = "Line: 1, Col: 49: Failed to parse timestamp 'garbage': Required format is: "
    assert str(caught.value).startswith(begin)
    assert str(caught.value).count("garbage") == 1


def test_plans_do_not_depend_on_places() -> None:
    def plan(text: str) -> str:
        made = engine()
        (statement,) = made.parse(text)
        query = made.plan(statement).query
        assert query is not None
        return repr(query.build_topology().describe()) + repr(made.explain(statement).sections)

    one = "CREATE STREAM o AS SELECT k, v + 1 AS w FROM s WHERE v > 2 EMIT CHANGES;"
    assert plan(one) == plan(one.replace(" ", " \n "))


@given(
    st.sampled_from(["k", "v + 1", "UCASE(k)", "a[1]", "m['x']", "CASE WHEN v > 1 THEN k ELSE 'z' END", "r->x"]),
    st.lists(
        st.sampled_from(["k", "v", "UCASE(k) AS c1", "v * 2 AS c2", "LEN(k) + v AS c3", "a[1] AS c4"]), max_size=3
    ),
    st.sampled_from(["nope", "nofunc(k)", "k + a", "UCASE(v)", "v AND TRUE", "m[v]", "k -> x"]),
    st.integers(0, 3),
    st.sampled_from([" ", "\n", "\n  ", "  "]),
)
def test_a_mutated_part_is_where_the_error_is(
    first: str, others: list[str], wrong: str, place: int, space: str
) -> None:
    items = [f"{first} AS c0", *dict.fromkeys(others)]
    place = min(place, len(items))
    items.insert(place, f"{wrong} AS bad")
    before = f"CREATE STREAM o AS{space}SELECT{space}" + "".join(f"{item},{space}" for item in items[:place])
    text = before + f",{space}".join(items[place:]) + f"{space}FROM s EMIT CHANGES;"
    message = error_of(engine(), text)
    found = PLACE.match(message)
    assert found is not None, message
    line, column = map(int, found.groups())
    at = sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column - 1
    assert len(before) <= at < len(before) + len(wrong), (message, text)


@pytest.mark.parametrize(
    "text",
    ["SHOW STREAMS\nSHOW TABLES;", "SELECT k FROM s\nSELECT 1 FROM s2;", "DROP STREAM s INSERT INTO s VALUES (1);"],
)
def test_names_a_forgotten_semicolon(text: str) -> None:
    with pytest.raises(ParseError, match=r"put a ';' in front of '(SHOW|SELECT|INSERT)'"):
        engine().parse(text)
