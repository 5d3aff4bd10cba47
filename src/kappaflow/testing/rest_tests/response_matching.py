"""Does what a server answered match the responses of a REST test.

An expected object is a part of the actual one; ``name|starts_with`` asks for the beginning of a text.  Rows of one
response may come in any order unless the case asks for theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from kappaflow.testing.query_tests.case_runner import Mismatch
from kappaflow.testing.query_tests.json_text import dump_json
from kappaflow.testing.rest_tests.protobuf_rows import same_protobuf_row

STARTS_WITH = "|starts_with"
KINDS = ("admin", "query", "queryProto")
Answer = tuple[str, Any]
"""What kind of response it is, and the document."""


def check_responses(
    expected: Sequence[dict[str, Any]], actual: Sequence[Answer], statements: Sequence[str], *, keeps_order: bool
) -> None:
    """Compare the responses of a case with what came.

    Raises:
        Mismatch: says which response differs, and where.
    """
    if len(expected) > len(actual):
        raise Mismatch(f"{len(expected)} responses are expected, {len(actual)} came: {_shown(actual)}")
    for index, wanted in enumerate(expected):
        (kind, document), (came, answer) = next(iter(wanted.items())), actual[index]
        where = f"response {index} ({kind})"
        if kind not in KINDS:
            raise Mismatch(f"{where}: the case asks for an unknown kind of response")
        if kind != came:
            raise Mismatch(f"{where}: a response of kind {came} came")
        statement = statements[index] if index < len(statements) else ""
        if kind == "admin":
            _check_part(document, answer, where, statement)
        elif kind == "query":
            _check_rows(document, answer, where, statement, keeps_order=keeps_order)
        else:
            _check_protobuf(document, answer, where, keeps_order=keeps_order)


def _check_rows(
    expected: list[dict[str, Any]], actual: list[dict[str, Any]], where: str, statement: str, *, keeps_order: bool
) -> None:
    if len(expected) != len(actual):
        raise Mismatch(f"{where}: {len(expected)} rows are expected, {len(actual)} came: {_shown(actual)}")
    left = [row["row"].get("columns") for row in actual if "row" in row]
    for index, (wanted, came) in enumerate(zip(expected, actual, strict=True)):
        at = f"{where}, row {index}"
        row: dict[str, Any] = wanted.get("row") or {}
        if keeps_order or "columns" not in row:
            _check_part(wanted, came, at, statement)
            continue
        columns = row["columns"]
        _check_part({**wanted, "row": {k: v for k, v in row.items() if k != "columns"}}, came, at, statement)
        found = next((i for i, candidate in enumerate(left) if _same(columns, candidate)), None)
        if found is None:
            raise Mismatch(f"{at}: no row is {_shown(columns)}; those left are {_shown(left)}")
        del left[found]


def _check_protobuf(
    expected: list[dict[str, Any]], actual: list[dict[str, Any]], where: str, *, keeps_order: bool
) -> None:
    if len(expected) != len(actual):
        raise Mismatch(f"{where}: {len(expected)} rows are expected, {len(actual)} came: {_shown(actual)}")
    schema = str((actual[0].get("header") or {}).get("protoSchema")) if actual else ""
    left = [row["row"].get("protobufBytes", "") for row in actual if "row" in row]
    for index, (wanted, came) in enumerate(zip(expected, actual, strict=True)):
        at = f"{where}, row {index}"
        if "row" not in wanted:
            _check_part(wanted, came, at, "")
            continue
        candidates = left[:1] if keeps_order else left
        found = next((i for i, data in enumerate(candidates) if same_protobuf_row(schema, wanted["row"], data)), None)
        if found is None:
            raise Mismatch(f"{at}: no row is {wanted['row']!r}")
        del left[found]


def _check_part(expected: Any, actual: Any, where: str, statement: str) -> None:
    """Check that `actual` holds what `expected` names."""
    if not isinstance(expected, dict):
        if isinstance(expected, str):
            expected = expected.replace("{STATEMENT}", statement)
        if not _same(expected, actual):
            raise Mismatch(f"{where}: expected {_shown(expected)}, got {_shown(actual)}")
        return
    if not isinstance(actual, dict):
        raise Mismatch(f"{where}: expected an object, got {_shown(actual)}")
    for name, wanted in expected.items():
        plain = name.removesuffix(STARTS_WITH)
        if plain not in actual:
            raise Mismatch(f"{where}: '{plain}' is missing in {_shown(actual)}")
        found = actual[plain]
        if plain == name:
            _check_part(wanted, found, f"{where}, {name}", statement)
        elif not str(found).startswith(str(wanted).replace("{STATEMENT}", statement)):
            raise Mismatch(f"{where}, {plain}: expected a text that starts with {wanted!r}, got {_shown(found)}")


def _same(expected: Any, actual: Any) -> bool:
    """Tell whether two JSON values are equal; fractions are compared with their scale."""
    match expected:
        case dict():
            return (
                isinstance(actual, dict)
                and expected.keys() == actual.keys()
                and all(_same(value, actual[name]) for name, value in expected.items())
            )
        case list():
            return (
                isinstance(actual, list)
                and len(expected) == len(actual)
                and all(_same(e, a) for e, a in zip(expected, actual, strict=True))
            )
        case Decimal():
            return isinstance(actual, Decimal) and expected.as_tuple() == actual.as_tuple()
        case _:
            return type(expected) is type(actual) and expected == actual


def check_error(expected: dict[str, Any], status: int, document: dict[str, Any], last_statement: str) -> None:
    """Compare the error of a case with the server's answer.

    Raises:
        Mismatch: kind, status, message or statement differ.
    """
    kinds = {"KsqlStatementErrorMessage": "statement_error", "KsqlErrorMessage": "generic_error"}
    wanted = str(expected.get("type") or "").rsplit(".", 1)[-1]
    kind = document.get("@type")
    # A statement's error is an error too, as in ksqlDB's own classes.
    allowed = {kinds[wanted], "statement_error"} if wanted in kinds else set(kinds.values())
    if kind not in allowed:
        raise Mismatch(f"the error is a {kind}, expected {wanted}: {_shown(document)}")
    if "status" in expected and int(expected["status"]) != status:
        raise Mismatch(f"the status is {status}, expected {expected['status']}: {_shown(document)}")
    message = expected.get("message")
    if message and message not in str(document.get("message", "")):
        raise Mismatch(f"the message is {document.get('message')!r}, expected it to contain {message!r}")
    if wanted == "KsqlStatementErrorMessage" and last_statement not in str(document.get("statementText", "")):
        raise Mismatch(f"the error names the statement {document.get('statementText')!r}, not {last_statement!r}")


def _shown(value: Any) -> str:
    try:
        return dump_json(value)[:1500]
    except TypeError:
        return repr(value)[:1500]
