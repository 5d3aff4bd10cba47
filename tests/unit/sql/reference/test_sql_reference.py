"""The reference of SQL: it names everything there is, its statements print as themselves, its examples are right."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kappaflow.serde.formats import FORMATS as KNOWN_FORMATS
from kappaflow.sql.ast import statements as s
from kappaflow.sql.ast.statement_formatter import format_statement
from kappaflow.sql.functions.registry import Function, default_registry
from kappaflow.sql.grammar.parser import parse
from kappaflow.sql.reference.asking import ASKING
from kappaflow.sql.reference.controlling import CONTROLLING
from kappaflow.sql.reference.defining import DEFINING
from kappaflow.sql.reference.formats import FORMATS
from kappaflow.sql.reference.topic import Topic
from kappaflow.sql.reference.types import TYPES
from kappaflow.testing.query_tests.sql_files import split_statements

DOCS = Path(__file__).resolve().parents[4] / "docs"
sys.path.insert(0, str(DOCS))

from sql_examples import VARYING, result_of  # noqa: E402
from sql_session import SqlSession  # noqa: E402

STATEMENTS = (*DEFINING, *ASKING, *CONTROLLING)
TOPICS = (*STATEMENTS, *TYPES, *FORMATS)
WITHOUT_EXAMPLE = {"RunScript", "AssertSource", "DescribeAll", "DropConnector", "DescribeConnector"}
"""Statements that stand in the syntax of a page whose example shows another form."""


def texts_of(topic: Topic) -> list[str]:
    return [text for _, text in split_statements(topic.example) if "${" not in text]


def test_every_statement_type_and_format_has_a_page() -> None:
    shown = {
        type(item.statement).__name__
        for t in TOPICS
        for text in texts_of(t)
        for item in parse(text, test_statements=True)
    }
    kinds = {kind.__name__ for kind in s.Statement.__subclasses__()}
    assert kinds - shown == WITHOUT_EXAMPLE
    assert {topic.name.upper() for topic in FORMATS} == set(KNOWN_FORMATS)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_documented_statements_print_as_themselves(topic: Topic) -> None:
    for text in texts_of(topic):
        for item in parse(text, test_statements=True):
            printed = format_statement(item.statement) + ";"
            assert [other.statement for other in parse(printed, test_statements=True)] == [item.statement], printed


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_examples_print_what_the_page_shows(topic: Topic) -> None:
    folder = "types" if topic in TYPES else "formats" if topic in FORMATS else "statements"
    page = (DOCS / "reference" / "sql" / folder / f"{topic.name}.md").read_text(encoding="utf-8")
    printed = SqlSession().run(topic.example)
    shown = page.partition("```text\n")[2].partition("\n```")[0]
    assert printed == shown


@pytest.mark.parametrize("function", list(default_registry()), ids=lambda function: function.name)
def test_examples_of_functions_are_right(function: Function) -> None:
    assert function.examples
    assert function.description
    for example in function.examples:
        call, _, registered = example.partition(" -> ")
        found = result_of(function, call)
        if registered and function.name.upper() not in VARYING:
            assert found == registered
