"""Places in errors of a script are those of the file."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kappaflow.cli.sql.client import Client
from kappaflow.errors import StatementError


class Refusing:
    """A database that refuses every statement, as a server does: with places counted from its start."""

    def __init__(self, message: str) -> None:
        self.properties: dict[str, str] = {}
        self._message = message

    def sql(self, text: str) -> Any:
        raise StatementError(self._message, text)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("Line: 1, Col: 8: wrong", "Line: 3, Col: 10: wrong"),
        ("Line: 2, Col: 8: wrong", "Line: 4, Col: 8: wrong"),
        ("wrong as a whole", "wrong as a whole"),
    ],
)
def test_places_of_a_script(told: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    client = Client(cast("Any", Refusing(told)))
    assert client.run_script("-- first\n\n  SELECT a,\n b FROM s EMIT CHANGES;") == 1
    assert capsys.readouterr().err == f"{shown}\n"


def test_a_syntax_error_shows_its_line_alone(capsys: pytest.CaptureFixture[str]) -> None:
    client = Client(cast("Any", Refusing("unused")))
    assert client.run_script("\nSHOW STREAMS;\nSHOW\n  TABELS;\nSHOW TOPICS;") == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "line 4:3: Syntax Error"
    assert told[-2:] == ["    TABELS;", "    ^"]
    assert not any("SHOW TOPICS" in line for line in told)
