"""Responses of REST tests: parts, beginnings, rows in any order, rows as Protobuf."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest

from kappaflow.testing.query_tests.case_runner import Mismatch
from kappaflow.testing.rest_tests.response_matching import check_error, check_responses

ROWS = [
    {"header": {"queryId": "q_1", "schema": "`A` DOUBLE"}},
    {"row": {"columns": [1, "x"]}},
    {"row": {"columns": [Decimal("1.0"), None]}},
]
PROTO = """syntax = "proto3";

message Row {
  int32 A = 1;
  repeated Entry M = 2;

  message Entry {
    string key = 1;
    int32 value = 2;
  }
}
"""


def check(expected: dict[str, Any], actual: tuple[str, Any], *, keeps_order: bool = False) -> None:
    check_responses([expected], [actual], ["CREATE .."], keeps_order=keeps_order)


def test_an_entity_is_compared_by_what_is_expected_of_it() -> None:
    entity = {"@type": "currentStatus", "statementText": "CREATE ..", "commandStatus": {"status": "SUCCESS"}}
    check({"admin": {"@type": "currentStatus", "statementText": "{STATEMENT}"}}, ("admin", entity))
    check({"admin": {"commandStatus": {"status|starts_with": "SUC"}}}, ("admin", entity))
    for wanted in ({"@type": "other"}, {"nothing": None}, {"commandStatus": {"status|starts_with": "ERR"}}):
        with pytest.raises(Mismatch):
            check({"admin": wanted}, ("admin", entity))


def test_rows_come_in_any_order_unless_theirs_is_asked_for() -> None:
    turned = [ROWS[0], ROWS[2], ROWS[1]]
    check({"query": turned}, ("query", ROWS))
    with pytest.raises(Mismatch):
        check({"query": turned}, ("query", ROWS), keeps_order=True)
    check({"query": ROWS}, ("query", ROWS), keeps_order=True)


@pytest.mark.parametrize(
    "columns", [[1, "y"], [Decimal(1), "x"], [1], [True, "x"], [Decimal("1.00"), None]], ids=range(5)
)
def test_rows_that_differ(columns: list[Any]) -> None:
    with pytest.raises(Mismatch):
        check({"query": [ROWS[0], {"row": {"columns": columns}}, ROWS[2]]}, ("query", ROWS))


def test_counts_and_kinds_have_to_fit() -> None:
    for expected in ({"query": ROWS[:2]}, {"admin": {}}):
        with pytest.raises(Mismatch):
            check(expected, ("query", ROWS))
    with pytest.raises(Mismatch, match="2 responses are expected"):
        check_responses([{"query": ROWS}] * 2, [("query", ROWS)], [], keeps_order=False)


def test_protobuf_rows_are_compared_by_content() -> None:
    data = base64.b64encode(b"\x08\x07\x12\x05\n\x01b\x10\x02\x12\x05\n\x01a\x10\x01").decode()
    actual = [{"header": {"protoSchema": PROTO}}, {"row": {"protobufBytes": data}}]
    entries = ['M {\n  key: "a"\n  value: 1\n}\n', 'M {\n  key: "b"\n  value: 2\n}\n']
    for text in ("A: 7\n" + "".join(entries), "A: 7\n" + "".join(reversed(entries))):
        check({"queryProto": [actual[0], {"row": text}]}, ("queryProto", actual))
    with pytest.raises(Mismatch):
        check({"queryProto": [actual[0], {"row": "A: 7\n" + entries[0]}]}, ("queryProto", actual))


def test_errors_are_compared_by_kind_status_message_and_statement() -> None:
    document = {"@type": "statement_error", "message": "Column X is missing.", "statementText": "SELECT X FROM A;"}
    expected = {"type": "io.x.KsqlStatementErrorMessage", "message": "X is missing", "status": 400}
    check_error(expected, 400, document, "SELECT X FROM A;")
    wrong: list[tuple[dict[str, Any], int, dict[str, Any], str]] = [
        (expected, 500, document, "SELECT X FROM A;"),
        (expected, 400, document, "SELECT Y FROM A;"),
        (expected | {"message": "Y"}, 400, document, "SELECT X FROM A;"),
        (expected, 400, document | {"@type": "generic_error"}, "SELECT X FROM A;"),
    ]
    for arguments in wrong:
        with pytest.raises(Mismatch):
            check_error(*arguments)
