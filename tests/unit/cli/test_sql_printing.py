"""Answers of statements as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from kappaflow.cli.sql.printing import print_entity
from kappaflow.server.control.entities import type_schema
from kappaflow.sql.grammar.parser import parse_type


@pytest.mark.parametrize(
    ("entity", "shown"),
    [
        ({"@type": "assert_topic", "topicName": "orders", "exists": True}, "Topic orders exists."),
        ({"@type": "assert_topic", "topicName": "orders", "exists": False}, "Topic orders does not exist."),
        ({"@type": "assert_schema", "subject": "s-value", "id": 3, "exists": True}, "Schema s-value, 3 exists."),
        ({"@type": "assert_schema", "subject": None, "id": 3, "exists": False}, "Schema 3 does not exist."),
    ],
)
def test_what_was_asserted_is_a_sentence(
    entity: dict[str, Any], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_entity(entity, "table")
    assert capsys.readouterr().out == f"{shown}\n"


TYPES = (
    "STRUCT<A INTEGER, B ARRAY<STRUCT<C STRING>>>",
    "MAP<STRING, DECIMAL(4, 2)>",
    "MAP<BIGINT, ARRAY<MAP<STRING, BOOLEAN>>>",
    "TIMESTAMP",
)


@pytest.mark.parametrize("written", TYPES)
def test_types_are_shown_whole(written: str, capsys: pytest.CaptureFixture[str]) -> None:
    schema = type_schema(parse_type(written))
    print_entity({"@type": "type_list", "types": {"T": schema}}, "table")
    assert f" {written} " in capsys.readouterr().out
    source = {"name": "S", "type": "STREAM", "topic": "s", "keyFormat": "KAFKA", "valueFormat": "JSON"}
    described = {**source, "windowType": None, "fields": [{"name": "T", "schema": schema}], "extended": False}
    print_entity({"@type": "sourceDescription", "sourceDescription": described}, "table")
    assert f" {written} " in capsys.readouterr().out


@pytest.mark.parametrize(("window", "end"), [("TUMBLING", ", windows: TUMBLING"), (None, "")])
def test_a_windowed_source_says_so(window: str | None, end: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = {
        "name": "W",
        "type": "TABLE",
        "topic": "w",
        "keyFormat": "KAFKA",
        "valueFormat": "JSON",
        "windowType": window,
        "fields": [],
        "extended": False,
    }
    print_entity({"@type": "sourceDescription", "sourceDescription": source}, "table")
    assert capsys.readouterr().out.splitlines()[1] == f"TABLE W, topic w (key KAFKA, value JSON){end}"
