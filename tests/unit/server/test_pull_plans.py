"""Plans made from a template are those that planning the text gives."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.errors import StatementError
from kappaflow.server.worker.pull_plans import PullPlans
from kappaflow.sql.engine import Engine
from kappaflow.streams.record import Record, Windowed

STATEMENTS = (
    "CREATE STREAM s (k STRING KEY, i INT, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);",
    "CREATE TABLE plain AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;",
    "CREATE TABLE hourly AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY k;",
    "CREATE TABLE pairs WITH (KEY_FORMAT='JSON') AS SELECT k, i, COUNT(*) AS n FROM s GROUP BY k, i;",
    "CREATE TABLE numbers AS SELECT i, COUNT(*) AS n FROM s GROUP BY i;",
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = Engine("default_")
    for number, text in enumerate(STATEMENTS):
        made.apply(made.plan(text, {}, number))
    return made


def plans_of(engine: Engine) -> PullPlans:
    return PullPlans(engine, threading.RLock())


def same(plans: PullPlans, engine: Engine, first: str, second: str) -> None:
    """`second` is answered from the template that `first` left, as if it had been planned itself."""
    plans.plan(first, {})
    known, planned = plans.known(second, {}), engine.plan_pull(second)
    assert known is not None
    assert (known.keys, known.window_start, known.window_end) == (
        planned.keys, planned.window_start, planned.window_end
    )  # fmt: skip
    assert (known.schema, known.limit, known.store) == (planned.schema, planned.limit, planned.store)


WINDOWS = st.lists(
    st.tuples(
        st.sampled_from(["WINDOWSTART", "WINDOWEND"]),
        st.sampled_from(["=", "<", "<=", ">", ">="]),
        st.integers(0, 2**40),
        st.integers(0, 2**40),
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=40)
@given(key=st.text(max_size=8), other=st.text(max_size=8), windows=WINDOWS)
def test_windowed_look_ups(engine: Engine, key: str, other: str, windows: list[tuple[str, str, int, int]]) -> None:
    def text(value: str, column: int) -> str:
        bounds = "".join(f" AND {w[0]} {w[1]} {w[column]}" for w in windows)
        return f"SELECT n FROM hourly WHERE k = '{value.replace(chr(39), chr(39) * 2)}'{bounds};"

    same(plans_of(engine), engine, text(key, 2), text(other, 3))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("SELECT * FROM plain WHERE k = 'a';", "SELECT * FROM plain WHERE k = 'it''s';"),
        ("SELECT n + 1 AS m FROM plain p WHERE p.k='a'", "SELECT n + 1 AS m FROM plain p WHERE p.k='b'"),
        ("SELECT n FROM pairs WHERE i = 3 AND k = 'a';", "SELECT n FROM pairs WHERE i = 4 AND k = '4';"),
        ("SELECT n FROM numbers WHERE i = 3 LIMIT 2;", "SELECT n FROM numbers WHERE i = 2147483647 LIMIT 2;"),
    ],
)
def test_other_look_ups(engine: Engine, first: str, second: str) -> None:
    if "+ 1" in first:
        plans = plans_of(engine)
        plans.plan(first, {})
        assert plans.known(second, {}) is None  # a literal outside WHERE: such texts are planned
    else:
        same(plans_of(engine), engine, first, second)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT n FROM plain;",
        "SELECT n FROM plain WHERE n = 3;",
        "SELECT n FROM plain WHERE k = 'a' AND n > 3;",
        "SELECT n FROM plain WHERE k = 'a' OR k = 'b';",
        "SELECT n FROM plain WHERE k = 'a' AND k = 'b';",
        "SELECT n FROM plain WHERE k IN ('a', 'b');",
        "SELECT n FROM plain WHERE k <> 'a';",
        "SELECT n FROM numbers WHERE i = -3;",
        "SELECT n FROM numbers WHERE i > 3;",
        "SELECT n FROM pairs WHERE k = 'a';",
        "SELECT n FROM hourly WHERE k = 'a' AND WINDOWSTART = '2020-01-01T00:00:00';",
        "SELECT n FROM hourly WHERE k = 'a' AND WINDOWSTART <> 5;",
        "SELECT 'x' AS x, n FROM plain WHERE k = 'a';",
        "SELECT v FROM s WHERE k = 'a';",
    ],
)
def test_what_is_no_plain_look_up_is_planned(engine: Engine, text: str) -> None:
    plans = plans_of(engine)
    plans.plan(text, {})
    assert plans.known(text, {}) is None


def test_a_number_too_large_for_the_key_is_planned(engine: Engine) -> None:
    plans = plans_of(engine)
    plans.plan("SELECT n FROM numbers WHERE i = 3;", {})
    assert plans.known("SELECT n FROM numbers WHERE i = 4;", {}) is not None
    assert plans.known("SELECT n FROM numbers WHERE i = 4294967296;", {}) is None


def test_a_change_of_the_metadata_forgets_the_plans(engine: Engine) -> None:
    plans = plans_of(engine)
    plans.plan("SELECT n FROM plain WHERE k = 'a';", {})
    plans.changed()
    assert plans.known("SELECT n FROM plain WHERE k = 'a';", {}) is None


def test_a_wrong_query_is_refused_each_time(engine: Engine) -> None:
    plans = plans_of(engine)
    for key in ("a", "b"):
        with pytest.raises(StatementError):
            plans.plan(f"SELECT nothing FROM plain WHERE k = '{key}';", {})


def test_a_template_answers_the_rows_of_its_key(engine: Engine) -> None:
    plans = plans_of(engine)
    plans.plan("SELECT k, n FROM hourly WHERE k = 'a' AND WINDOWSTART = 0;", {})
    plan = plans.known("SELECT k, n FROM hourly WHERE k = 'b' AND WINDOWSTART = 3600000;", {})
    assert plan is not None and plan.keys == (("b",),)
    assert plan.answer(Record(Windowed(("b",), 3_600_000, 7_200_000), (5,), 0)) == ("b", 5)
