"""`kappa sql`: what SET takes, and that JSON keeps every digit."""

from __future__ import annotations

import io
import json
from datetime import date
from decimal import Decimal

import pytest

from kappaflow.cli import messages
from kappaflow.cli.main import main
from kappaflow.cli.sql.client import Client
from kappaflow.cli.sql.moments import row_shower
from kappaflow.cli.sql.printing import JsonPrinter, TablePrinter, json_text
from kappaflow.database import Database
from kappaflow.database.access import Access
from kappaflow.errors import ConfigError, ServerError, StatementError, UsageError
from kappaflow.serde import types as t
from kappaflow.server.control.property_rules import check_overrides
from kappaflow.server.control.statements.session import Session
from kappaflow.sql.grammar.parser import parse

WRONG = (("auto.offset.rest", "earliest"), ("auto.offset.reset", "erliest"), ("ksql.streams.auto.offset.reset", ""))


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_property_or_value_that_there_is_not_is_refused(name: str, value: str) -> None:
    with Database("http://127.0.0.1:1") as database:
        client = Client(database)
        (wrong,) = parse(f"SET '{name}'='{value}';")
        with pytest.raises(UsageError, match=name):
            client.run(wrong)
        (right,) = parse("SET 'auto.offset.reset'='EARLIEST';")
        client.run(right)
        assert database.properties == {"auto.offset.reset": "EARLIEST"}


def test_a_server_refuses_a_place_to_begin_that_there_is_not() -> None:
    with pytest.raises(UsageError, match=r"Not recognizable .* property: 'auto.offset.rest'"):
        check_overrides({"auto.offset.rest": "earliest"}, {})
    with pytest.raises(UsageError, match="'erliest'"):
        check_overrides({"auto.offset.reset": "erliest"}, {})
    (statement,) = parse("SET 'auto.offset.reset'='erliest';")
    with pytest.raises(StatementError, match="'erliest'"):
        Session().apply(statement.statement)
    check_overrides({"ksql.streams.auto.offset.reset": "latest"}, {})


def test_json_keeps_the_digits_of_decimals() -> None:
    out = io.StringIO()
    value = Decimal("12345678901234567890.1234567890")
    JsonPrinter(["D", "L", "M"], out).row([value, [Decimal("1.50"), None], {"a": Decimal("1E+3")}])
    assert out.getvalue() == '{"D": 12345678901234567890.1234567890, "L": [1.50, null], "M": {"a": 1000}}\n'
    assert json.loads(out.getvalue(), parse_float=Decimal)["D"] == value


def test_moments_are_printed_as_the_server_writes_them() -> None:
    moments = t.Struct((t.StructField("AT", t.TIMESTAMP), t.StructField("N", t.INTEGER)))
    show = row_shower([t.TIMESTAMP, t.DATE, t.TIME, t.Array(moments), t.Map(t.STRING, t.DATE), t.BIGINT])
    row = (1_704_104_400_000, 0, 37_815_000, [{"AT": 5, "N": 1}, None], {"a": 19_797, "b": None}, 1_704_104_400_000)
    assert show(row) == [
        "2024-01-01T10:20:00.000",
        "1970-01-01",
        "10:30:15",
        [{"AT": "1970-01-01T00:00:00.005", "N": 1}, None],
        {"a": "2024-03-15", "b": None},
        1_704_104_400_000,
    ]
    assert show((None,) * 6) == [None] * 6
    plain = (1, "a")
    assert row_shower([t.INTEGER, t.STRING])(plain) is plain


@pytest.mark.parametrize(
    ("language", "rows", "last"), [("en", 0, "0 rows"), ("en", 1, "1 row"), ("en", 2, "2 rows"), ("ko", 1, "1 행")]
)
def test_tables_end_with_the_number_of_rows(
    language: str, rows: int, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAPPA_LANG", language)
    out = io.StringIO()
    printer = TablePrinter(["A"], out)
    for number in range(rows):
        printer.row([number])
    printer.close()
    assert out.getvalue().splitlines()[-1] == last


def test_json_is_json_for_every_value() -> None:
    values = [True, None, 1, 1.5, float("nan"), '가"', b"\x01", date(2024, 2, 29), {"x": []}]
    assert json.loads(json_text(values)) == [True, None, 1, 1.5, "nan", '가"', "01", "2024-02-29", {"x": []}]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_server_is_told_in_the_reader_s_language(
    language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAPPA_LANG", language)
    assert main(["sql", "--server", "http://127.0.0.1:1", "-e", "SHOW STREAMS;"]) == 1
    texts = messages.KOREAN if language == "ko" else messages.ENGLISH
    assert texts["sql.none"].format(url="http://127.0.0.1:1") in capsys.readouterr().err


@pytest.mark.parametrize("address", ["127.0.0.1:8088", "localhost:8088", "kim:secret@127.0.0.1:8088", ""])
def test_an_address_without_a_scheme_is_told_how_to_write_it(address: str) -> None:
    with pytest.raises(ConfigError, match=r"such as http://(127|localhost)\S*:8088\.$") as raised:
        Access.of(address)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(("language", "words"), [("en", "No server answers at"), ("ko", "응답하는 서버가 없습니다")])
def test_what_python_says_of_a_missing_server_is_in_the_reader_s_language(
    language: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAPPA_LANG", language)
    with Database("http://127.0.0.1:1") as database, pytest.raises(ServerError, match=words):
        database.sql("SHOW STREAMS;")
    with pytest.raises(ServerError) as closed:
        database.sql("SHOW STREAMS;")
    assert str(closed.value) == (messages.KOREAN if language == "ko" else messages.ENGLISH)["database.closed"]
