"""The query-test runner: reading, matching, running and reporting; a wrong expectation must fail."""

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kappaflow.cli.main import main
from kappaflow.errors import UsageError
from kappaflow.testing.query_tests.case_files import expand_case, load_cases, parse_commented_json
from kappaflow.testing.query_tests.runner import CASE_LIMIT_SECONDS, run_paths
from kappaflow.testing.query_tests.value_matching import matches

CASE: dict[str, Any] = {
    "name": "doubles",
    "statements": [
        "CREATE STREAM S (ID INT KEY, V INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
        "CREATE STREAM OUT AS SELECT ID, V * 2 AS W FROM S WHERE V > 0;",
    ],
    "inputs": [
        {"topic": "s", "key": 1, "value": {"V": 4}, "timestamp": 3},
        {"topic": "s", "key": 2, "value": {"V": 0}},
    ],
    "outputs": [{"topic": "OUT", "key": 1, "value": {"W": 8}, "timestamp": 3}],
    "post": {
        "sources": [{"name": "OUT", "type": "stream", "schema": "ID INT KEY, W INT"}],
        "topics": {"blacklist": ".*-repartition"},
    },
}


def write(path: Path, *cases: dict[str, Any]) -> Path:
    file = path / "some.json"
    file.write_text(json.dumps({"tests": cases}), encoding="utf-8")
    return file


def changed(**changes: Any) -> dict[str, Any]:
    return {**CASE, **changes}


def only_problem(path: Path, case: dict[str, Any]) -> str:
    report = run_paths([write(path, case)], "row", processes=1)
    assert len(report.failed) == 1
    return report.failed[0].problem


def test_comments_and_exact_decimals_are_read() -> None:
    read = parse_commented_json('{"a": 1.50, /* no // */ "b": "http://x" // end\n}')
    assert read == {"a": Decimal("1.50"), "b": "http://x"}
    assert str(read["a"]) == "1.50"


def test_a_case_expands_by_format_and_configuration() -> None:
    document = {
        "name": "n",
        "format": ["JSON", "AVRO"],
        "config": ["true", 2],
        "properties": {"p": "{CONFIG}", "q": 1},
        "statements": ["X {FORMAT};"],
    }
    cases = list(expand_case("f", document))
    assert [c.id for c in cases] == [
        f"f - n - {form} - p={value}" for form in ("JSON", "AVRO") for value in ("true", "2")
    ]
    assert cases[0].statements == ("X JSON;",)
    assert cases[1].properties == {"p": "2", "q": "1"}


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (1, 1, True),
        (1, True, False),
        (True, 1, False),
        (Decimal("1.0"), Decimal("1.0"), True),
        (Decimal("1.0"), Decimal("1.00"), False),
        (1, Decimal("1.0"), False),
        (10, Decimal("1E+1"), True),
        (Decimal("1.9"), 1, True),
        (Decimal("0.1"), 0.1000000001, True),
        ("1.50", Decimal("1.50"), True),
        ("1.5", Decimal("1.50"), False),
        ("AQI=", b"\x01\x02", True),
        ("a", "b", False),
        (None, None, True),
        (None, "", False),
        ({"a": 1}, {"A": 1}, True),
        ({"a": 1}, {"A": 1, "B": 2}, False),
        ({"a": None}, {"A": None}, True),
        ([1, 2], [1, 2], True),
        ([1, 2], [2, 1], False),
    ],
)
def test_values_match_as_the_format_says(expected: Any, actual: Any, same: bool) -> None:
    assert matches(expected, actual) is same


@pytest.mark.parametrize("form", ["row", "column", "both"])
def test_a_right_case_passes(tmp_path: Path, form: str) -> None:
    report = run_paths([write(tmp_path, CASE)], form, processes=1)
    assert report.summary == "1 passed, 0 failed, 0 skipped"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"outputs": [{"topic": "OUT", "key": 1, "value": {"W": 9}}]}, "record 0: expected"),
        ({"outputs": [{"topic": "OUT", "key": 2, "value": {"W": 8}}]}, "record 0: expected"),
        ({"outputs": [{"topic": "OUT", "key": 1, "value": {"W": 8}, "timestamp": 4}]}, "record 0: expected"),
        ({"outputs": [CASE["outputs"][0]] * 2}, "has 1 records, expected 2"),
        ({"post": {"sources": [{"name": "OUT", "type": "table"}]}}, "source OUT is a STREAM"),
        ({"post": {"sources": [{"name": "OUT", "type": "stream", "schema": "W INT"}]}}, "has schema"),
        ({"post": {"topics": {"blacklist": "^OUT$"}}}, "topic OUT matches the blacklist"),
        ({"expectedException": {"message": "boom"}}, "nothing was raised, expected boom"),
        ({"statements": ["CREATE STREAM X AS SELECT * FROM NOPE;"]}, "NOPE does not exist"),
    ],
)
def test_a_wrong_case_fails_and_says_why(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    assert problem in only_problem(tmp_path, changed(**changes))


def test_an_expected_exception_must_say_what_is_expected(tmp_path: Path) -> None:
    statements = ["CREATE STREAM X AS SELECT * FROM NOPE;"]
    fits = {"type": "io.x.KsqlException", "message": "NOPE does not exist"}
    report = run_paths([write(tmp_path, changed(statements=statements, expectedException=fits))], processes=1)
    assert report.summary.startswith("1 passed")
    other = {"type": "io.x.KsqlException", "message": "something else"}
    assert "to contain 'something else'" in only_problem(
        tmp_path, changed(statements=statements, expectedException=other)
    )


def test_insert_values_feed_queries_and_disabled_cases_are_skipped(tmp_path: Path) -> None:
    statements = [CASE["statements"][0], "INSERT INTO S VALUES (1, 4);", CASE["statements"][1]]
    inserted = changed(statements=statements, inputs=[], outputs=[{"topic": "OUT", "key": 1, "value": {"W": 8}}])
    report = run_paths([write(tmp_path, inserted, changed(enabled=False))], "row", processes=1)
    assert report.summary == "1 passed, 0 failed, 1 skipped"


def test_queries_run_one_after_the_other(tmp_path: Path) -> None:
    more = "CREATE TABLE COUNTS AS SELECT ID, COUNT(*) AS N FROM OUT GROUP BY ID;"
    outputs = [{"topic": "COUNTS", "key": 1, "value": {"N": 1}}]
    report = run_paths([write(tmp_path, changed(statements=[*CASE["statements"], more], outputs=outputs))], processes=1)
    assert report.summary.startswith("1 passed")


def test_command_reports_and_exits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, CASE, changed(name="wrong", outputs=[]), changed(name="bad", outputs=CASE["outputs"] * 2))
    results = tmp_path / "results.json"
    assert main(["sql", "test", str(file), "--form", "row", "--json", str(results)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 passed, 1 failed, 0 skipped"
    assert lines[0].startswith("FAILED some - bad: topic OUT has 1 records")
    assert json.loads(results.read_text(encoding="utf-8"))["passed"] == ["some - doubles", "some - wrong"]


def test_missing_and_foreign_files_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_cases([tmp_path / "nope.json"])
    other = tmp_path / "other.json"
    other.write_text("[1]", encoding="utf-8")
    with pytest.raises(UsageError, match="no list of tests"):
        load_cases([other])


def test_a_directory_without_tests_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "test", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_final_results_of_sql_tests_come_with_the_record_that_closes_the_window(tmp_path: Path) -> None:
    statements = """
--@test: final
CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON');
CREATE TABLE w AS SELECT k, SUM(v) AS s FROM a
  WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY k EMIT FINAL;
INSERT INTO a (rowtime, k, v) VALUES (0, 'x', 1);
INSERT INTO a (rowtime, k, v) VALUES (12000, 'x', 2);
INSERT INTO a (rowtime, k, v) VALUES (5000, 'x', 4);
INSERT INTO a (rowtime, k, v) VALUES (15000, 'x', 8);
ASSERT VALUES w (windowstart, windowend, k, s) VALUES (0, 10000, 'x', 5);
"""
    (tmp_path / "final.sql").write_text(statements, encoding="utf-8")
    report = run_paths([tmp_path])
    assert (report.failed, len(report.passed)) == ([], 1)


def test_sql_tests_lose_no_window_before_a_gap_as_servers_lose_none(tmp_path: Path) -> None:
    statements = """--@test: gap
        CREATE STREAM s (k STRING KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
        CREATE TABLE w AS SELECT k, COUNT(*) AS n FROM s
            WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY k EMIT FINAL;
        INSERT INTO s (ROWTIME, k, v) VALUES (1000, 'a', 1);
        INSERT INTO s (ROWTIME, k, v) VALUES (86400000, 'a', 1);
        ASSERT VALUES w (k, n) VALUES ('a', 1);
    """
    (tmp_path / "gap.sql").write_text(statements, encoding="utf-8")
    report = run_paths([tmp_path])
    assert [each.problem for each in report.failed] == []
    assert len(report.passed) == 1


def test_unmatched_rows_of_sql_tests_come_with_the_record_that_ends_their_window(tmp_path: Path) -> None:
    statements = """
--@test: left
CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (k STRING KEY, w INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM ab AS SELECT a.k AS k, v, w
  FROM a LEFT JOIN b WITHIN 10 SECONDS GRACE PERIOD 5 SECONDS ON a.k = b.k;
INSERT INTO a (rowtime, k, v) VALUES (0, 'x', 1);
INSERT INTO a (rowtime, k, v) VALUES (26000, 'y', 2);
ASSERT VALUES ab (k, v, w) VALUES ('x', 1, NULL);
"""
    (tmp_path / "left.sql").write_text(statements, encoding="utf-8")
    report = run_paths([tmp_path])
    assert (report.failed, len(report.passed)) == ([], 1)


def test_a_case_may_take_as_long_as_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endless = "CREATE STREAM OUT AS SELECT ID, REGEXP_EXTRACT('(a*)*b', '" + "a" * 40 + "') AS W FROM S;"
    file = write(tmp_path, CASE | {"statements": [CASE["statements"][0], endless]})
    started = time.monotonic()
    assert main(["sql", "test", str(file), "--processes", "1", "--timeout", "1"]) == 1
    assert time.monotonic() - started < CASE_LIMIT_SECONDS / 2
    assert "took longer than 1 seconds" in capsys.readouterr().out


def test_a_timeout_is_a_number_of_seconds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sql", "test", str(tmp_path), "--timeout", "soon"])
    assert "soon is not a number of seconds" in capsys.readouterr().err
