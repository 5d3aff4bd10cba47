"""The project's own query tests, in ksqlDB's JSON form and as SQL files; and what the runner says of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from kappaflow.errors import UsageError
from kappaflow.testing.query_tests.runner import run_paths
from kappaflow.testing.query_tests.sql_files import split_statements

CASES = Path(__file__).parents[1] / "golden" / "sql" / "cases"
SOURCE = "CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON');\n"


@pytest.mark.parametrize("file", sorted(p.name for p in CASES.iterdir() if p.suffix in {".json", ".sql"}))
def test_own_cases(file: str) -> None:
    report = run_paths([CASES / file], "both", processes=1)
    assert [f"{result.id}: {result.problem}" for result in report.failed] == []
    assert report.passed


def _problem(tmp_path: Path, text: str) -> str:
    file = tmp_path / "wrong.sql"
    file.write_text(text, encoding="utf-8")
    report = run_paths([file], "row", processes=1)
    return "; ".join(result.problem for result in report.failed)


def test_a_wrong_row_is_shown_with_its_line(tmp_path: Path) -> None:
    rows = "INSERT INTO a (rowtime, k, v) VALUES (7, 'x', 1);\nASSERT VALUES a VALUES ('x', 2);"
    problem = _problem(tmp_path, "\n--@test: t\n" + SOURCE + rows)
    assert problem == "line 5: record 0 of A is {ROWTIME: 7, K: 'x', V: 1}, expected {V: 2}"


def test_a_missing_error_fails(tmp_path: Path) -> None:
    text = "--@test: t\n--@expected.message: never\n" + SOURCE
    assert _problem(tmp_path, text) == "nothing was raised, expected never"


def test_another_error_fails(tmp_path: Path) -> None:
    text = "--@test: t\n--@expected.message: never\nCREATE STREAM b AS SELECT * FROM nope;"
    assert "expected it to contain 'never'" in _problem(tmp_path, text)


def test_a_select_is_refused(tmp_path: Path) -> None:
    assert "CREATE STREAM .. AS SELECT" in _problem(tmp_path, "--@test: t\n" + SOURCE + "SELECT * FROM a EMIT CHANGES;")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1;", "stand before the first test"),
        ("-- nothing", "has no --@test"),
        ("--@test: t\n--@expected.eror: X\n", "unknown directive --@expected.eror"),
        ("--@expected.error: X\n--@test: t\n", "stands before the first --@test"),
    ],
)
def test_files_that_are_no_test_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("..", r"\.\.")):
        _problem(tmp_path, text)


def test_statements_are_split_outside_of_quotes_and_comments() -> None:
    text = "-- a; b\nSELECT ';', \";\", `;` /* ; */ FROM x; -- c;\n\nDROP STREAM y"
    assert list(split_statements(text)) == [(1, "SELECT ';', \";\", `;` /* ; */ FROM x;"), (3, "DROP STREAM y")]
