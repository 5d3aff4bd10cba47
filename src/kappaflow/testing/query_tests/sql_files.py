"""Read SQL test files: statements and assertions in plain SQL, split into tests by directives.

    --@test: doubles the amount
    CREATE STREAM orders (id INT KEY, amount INT) WITH (kafka_topic='orders', value_format='JSON');
    CREATE STREAM doubled AS SELECT id, amount * 2 AS amount FROM orders;
    INSERT INTO orders (rowtime, id, amount) VALUES (10, 1, 21);
    ASSERT VALUES doubled (rowtime, id, amount) VALUES (10, 1, 42);

Directives: ``--@test: name`` begins a test; ``--@expected.error: class`` and ``--@expected.message: text`` say what its
last statement raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kappaflow.errors import UsageError

_DIRECTIVE = re.compile(r"^\s*--@\s*([A-Za-z.]+)\s*:\s*(.*?)\s*$")
_KNOWN = ("test", "expected.error", "expected.message")
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|--[^\n]*|/\*.*?\*/|;", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SqlTest:
    """One test of a SQL test file.

    Attributes:
        name: after ``--@test:``.
        path: of the file; RUN SCRIPT looks beside it.
        text: its statements.
        line: 1-based line of the file at which the text begins.
        expected_error: class of the error that the last statement raises, or empty.
        expected_message: part of its message, or empty.
    """

    name: str
    path: Path
    text: str
    line: int
    expected_error: str = ""
    expected_message: str = ""

    @property
    def expects_error(self) -> bool:
        """Whether the test must end with an error."""
        return bool(self.expected_error or self.expected_message)


def read_sql_tests(path: Path) -> list[SqlTest]:
    """Return the tests of a file.

    Raises:
        UsageError: it has no test, a statement stands before the first, or a directive is unknown.
    """
    tests: list[SqlTest] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    start, found = 0, dict[str, str]()

    def finish(end: int) -> None:
        text = "\n".join(lines[start:end])
        if found:
            error, message = found.get("expected.error", ""), found.get("expected.message", "")
            tests.append(SqlTest(found["test"], path, text, start + 1, error, message))
        elif any(True for _ in split_statements(text)):
            raise UsageError(f"{path}: statements stand before the first test. Begin it with --@test: <name>.")

    for number, line in enumerate(lines):
        directive = _DIRECTIVE.match(line)
        if directive is None:
            continue
        name, value = directive.group(1).lower(), directive.group(2)
        if name not in _KNOWN:
            raise UsageError(f"{path}:{number + 1}: unknown directive --@{name}. Known are: {', '.join(_KNOWN)}.")
        if name == "test":
            finish(number)
            start, found = number, {"test": value}
        elif not found:
            raise UsageError(f"{path}:{number + 1}: --@{name} stands before the first --@test.")
        else:
            found[name] = value
    finish(len(lines))
    if not tests:
        raise UsageError(f"{path} is not a SQL test file: it has no --@test: <name>.")
    return tests


def split_statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement with the 0-based line at which it begins; comments around statements are left out."""
    start = 0
    for match in _TOKEN.finditer(text):
        if match.group() != ";":
            if match.group().startswith(("--", "/*")) and not text[start : match.start()].strip():
                start = match.end()
            continue
        yield from _statement(text, start, match.end())
        start = match.end()
    yield from _statement(text, start, len(text))


def _statement(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    statement = text[start:end].strip()
    if statement.strip(";").strip():
        begin = start + len(text[start:end]) - len(text[start:end].lstrip())
        yield text.count("\n", 0, begin), statement
