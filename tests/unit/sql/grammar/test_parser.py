"""The parser: round trips, names, literals, positions of errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from kappaflow.errors import ParseError
from kappaflow.sql.ast import expressions as e
from kappaflow.sql.ast import statements as s
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.statement_formatter import format_statement
from kappaflow.sql.grammar.parser import parse, parse_expression, parse_statement, parse_type

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "sql"
STATEMENTS = [block.strip() for block in (GOLDEN / "statements.sql").read_text().split("\n\n") if block.strip()]


@pytest.mark.parametrize("text", STATEMENTS, ids=lambda text: text[:40])
def test_formatting_and_parsing_again_gives_the_same_statement(text: str) -> None:
    statement = parse_statement(text)
    assert parse_statement(format_statement(statement)) == statement


EXPRESSIONS = [block.split("\n=> ") for block in (GOLDEN / "expressions.txt").read_text().strip().split("\n\n")]


@pytest.mark.parametrize(("text", "printed"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_expressions_print_with_all_parentheses(text: str, printed: str) -> None:
    assert format_expression(parse_expression(text)) == printed


ERRORS = [block.split("\n=> ") for block in (GOLDEN / "syntax_errors.txt").read_text().strip().split("\n\n")]


@pytest.mark.parametrize(("text", "expected"), ERRORS, ids=[text for text, _ in ERRORS])
def test_syntax_errors_have_a_position_and_a_hint(text: str, expected: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    line, column, *words = expected.split("|")
    assert (caught.value.line, caught.value.column) == (int(line), int(column))
    for word in words:
        assert word in str(caught.value)


def test_each_statement_keeps_its_own_text() -> None:
    script = "-- first\nCREATE STREAM a (x INT) WITH (kafka_topic='a', value_format='json') ; /* then */ show topics"
    first, second = parse(script)
    assert first.text.startswith("CREATE STREAM a") and first.text.endswith(";")
    assert second.text == "show topics"


def test_one_point_five_is_a_decimal_and_an_exponent_makes_a_double() -> None:
    assert isinstance(parse_expression("1.5"), e.DecimalLiteral)
    assert isinstance(parse_expression("1.5E0"), e.DoubleLiteral)
    assert isinstance(parse_expression("2147483648"), e.LongLiteral)
    assert parse_expression("-9223372036854775808") == e.LongLiteral(-(2**63))


def test_topic_names_of_print_keep_their_case() -> None:
    statement = parse_statement("PRINT my_Topic FROM BEGINNING LIMIT 3")
    assert statement == s.Print("my_Topic", True, 1, 3)


def test_variables_are_substituted_before_parsing() -> None:
    (parsed,) = parse("SELECT * FROM ${source} EMIT CHANGES;", {"SOURCE": "orders"})
    assert parsed.text == "SELECT * FROM orders EMIT CHANGES;"
    with pytest.raises(ParseError, match="Undefined variable: missing"):
        parse("SELECT * FROM ${missing};", {})


def test_define_changes_what_follows_it() -> None:
    text = (
        "DEFINE a = 'x'; -- it's;\nSHOW TOPICS; DEFINE A = '''y;z''';\nSELECT ${a} FROM b; UNDEFINE a;\n"
        "  DROP TYPE ${a};"
    )
    with pytest.raises(ParseError, match="Undefined variable: a") as refused:
        parse(text, {})
    assert (refused.value.line, refused.value.column) == (4, 13)
    *_, selected, _ = parse(text.removesuffix("DROP TYPE ${a};"), {"A": "other"})
    assert selected.text == "SELECT 'y;z' FROM b;"
    with pytest.raises(ParseError, match="line 2:7") as refused:
        parse("DEFINE a = 'x';\n SHOW ${a};", {})
    assert refused.value.statement == "SHOW x;"


def test_statements_of_test_files_are_refused_elsewhere() -> None:
    with pytest.raises(ParseError):
        parse("ASSERT VALUES s (a) VALUES (1);")
    assert parse("ASSERT VALUES s (a) VALUES (1);", test_statements=True)


def test_types_print_as_written() -> None:
    assert str(parse_type("map<string, array<struct<a int, b decimal(4,2)>>>")) == (
        "MAP<STRING, ARRAY<STRUCT<`A` INTEGER, `B` DECIMAL(4, 2)>>>"
    )


def test_deep_nesting_is_refused_and_does_not_crash() -> None:
    with pytest.raises(ParseError, match="nested too deeply"):
        parse("SELECT " + "(" * 5000 + "1" + ")" * 5000 + " FROM s;")


MANY = "9" * 5000


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        (f"SELECT {MANY} FROM s;", 9, "Invalid numeric literal"),
        (f"SELECT -{MANY} FROM s;", 10, "Invalid numeric literal"),
        (f"SELECT 1E{MANY} FROM s;", 9, "Number overflows DOUBLE"),
        (f"SELECT CAST(a AS DECIMAL({MANY}, 1)) FROM s;", 18, "DECIMAL precision must be <= 2147483647"),
        (f"SELECT COUNT(*) FROM s WINDOW TUMBLING (SIZE {MANY} DAYS);", 46, "A duration has at most"),
        ("SELECT COUNT(*) FROM s WINDOW SESSION (106751991168 DAYS);", 40, "A duration has at most"),
        (f"CREATE STREAM s (a INT) WITH (kafka_topic='s', partitions={MANY});", 60, "Invalid numeric literal"),
    ],
    ids=["literal", "negative", "double", "precision", "size", "gap", "property"],
)
def test_numbers_of_any_length_are_refused_where_they_stand(text: str, column: int, message: str) -> None:
    with pytest.raises(ParseError, match=message) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (1, column)


def test_numbers_of_any_length_are_read_where_they_fit() -> None:
    zeros = "0" * 5000
    for text in (f"SELECT {zeros}7 FROM s;", f"SELECT 1E-{MANY} FROM s;", f"SELECT * FROM s LIMIT {MANY};"):
        assert len(parse(text)) == 1
