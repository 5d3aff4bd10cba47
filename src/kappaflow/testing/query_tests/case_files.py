"""Read query test files: JSON with comments and exact decimals, expanded by format and configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.testing.query_tests.sql_files import SqlTest, read_sql_tests

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TestCase:
    """One case after expansion.

    Attributes:
        id: ``file - name - FORMAT - property=value``.
        statements: with ``{FORMAT}`` replaced.
        properties: session overrides, as text.
        document: the case as the file has it.
        sql: the test, where the file is a SQL test file.
    """

    __test__ = False

    id: str
    statements: tuple[str, ...]
    properties: dict[str, str]
    document: JsonObject = field(repr=False)
    enabled: bool = True
    sql: SqlTest | None = None

    @property
    def inputs(self) -> list[JsonObject]:
        """Input records in order."""
        return self.document.get("inputs") or []

    @property
    def outputs(self) -> list[JsonObject]:
        """Expected output records in order."""
        return self.document.get("outputs") or []

    @property
    def expected_exception(self) -> JsonObject | None:
        """What must be raised, or None."""
        return self.document.get("expectedException")

    @property
    def exact_numbers(self) -> bool:
        """Whether numbers with a fraction are compared with their scale."""
        return self.properties.get("use.exact.numeric.comparison", "true").lower() != "false"


def load_cases(paths: list[Path]) -> list[TestCase]:
    """Read the cases of files, and of all ``*.json`` files and SQL test files in directories.

    Raises:
        UsageError: a path does not exist, or a file is no query test file.
    """
    cases: list[TestCase] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"No such file or directory: {path}. Give a query test file, or a directory of them.")
        files = [path]
        if path.is_dir():
            files = sorted([*path.glob("*.json"), *(file for file in path.glob("*.sql") if _holds_tests(file))])
        for file in files:
            cases.extend(_read_sql_file(file) if file.suffix == ".sql" else _read_file(file))
    return cases


def _holds_tests(file: Path) -> bool:
    return "--@" in file.read_text(encoding="utf-8")


def _read_sql_file(path: Path) -> Iterator[TestCase]:
    for test in read_sql_tests(path):
        yield TestCase(f"{path.stem} - {test.name}", (), {}, {}, sql=test)


def _read_file(path: Path) -> Iterator[TestCase]:
    try:
        document = parse_commented_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is not a query test file: {error}") from None
    tests = document.get("tests") if isinstance(document, dict) else None
    if not isinstance(tests, list):
        raise UsageError(f"{path} is not a query test file: it has no list of tests.")
    for case in tests:
        yield from expand_case(path.stem, case)


def expand_case(file: str, document: JsonObject) -> Iterator[TestCase]:
    """Yield one case for each format and each configuration value."""
    formats: list[str | None] = list(document.get("format") or [None])
    configs: list[Any] = list(document.get("config") or [None])
    for chosen in formats:
        for config in configs:
            properties = {name: _text(value) for name, value in (document.get("properties") or {}).items()}
            suffix = "" if chosen is None else f" - {chosen}"
            if config is not None:
                for name, value in properties.items():
                    if value.upper() == "{CONFIG}":
                        properties[name] = _text(config)
                        suffix += f" - {name}={_text(config)}"
            statements = tuple(s if chosen is None else s.replace("{FORMAT}", chosen) for s in document["statements"])
            yield TestCase(
                f"{file} - {document['name']}{suffix}",
                statements,
                properties,
                document,
                document.get("enabled", True) is not False,
            )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def parse_commented_json(text: str) -> Any:
    """Parse JSON that may hold ``//`` and ``/* */`` comments; numbers with a fraction become Decimal.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(_without_comments(text), parse_float=Decimal)


def _without_comments(text: str) -> str:
    if "//" not in text and "/*" not in text:
        return text
    kept: list[str] = []
    position, in_string = 0, False
    while position < len(text):
        character = text[position]
        if in_string:
            width = 2 if character == "\\" else 1
            kept.append(text[position : position + width])
            in_string = character != '"'
            position += width
        elif text.startswith("//", position):
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        elif text.startswith("/*", position):
            position = text.index("*/", position) + 2
        else:
            kept.append(character)
            in_string = character == '"'
            position += 1
    return "".join(kept)
