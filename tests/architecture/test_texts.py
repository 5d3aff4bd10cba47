"""What people read is in the catalogue: no error of operations or of connections has words of its own in the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "kappaflow"
ERRORS = {"BrokerUnreachable", "ConfigError", "HostError", "PlanError", "StorageError", "UnsafeError", "UsageError"}
# Run by developers, when a new version of Kafka comes out.
NOT_FOR_PEOPLE = {"ops/config_tables/generate.py"}
FILES = [
    path.relative_to(SOURCE).as_posix()
    for path in [*(SOURCE / "ops").rglob("*.py"), SOURCE / "client/connection.py", SOURCE / "client/security.py"]
]


def literal_words(call: ast.Call) -> bool:
    """Whether the text of an error is written where it is raised; a list of other texts with separators is not."""
    first = call.args[0] if call.args else None
    parts = first.values if isinstance(first, ast.JoinedStr) else [first]
    return any(isinstance(p, ast.Constant) and " " in str(p.value).strip(" ;,") for p in parts)


def errors_with_words(source: str) -> Iterator[int]:
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id in ERRORS and literal_words(call):
            yield call.lineno


@pytest.mark.parametrize("name", sorted(set(FILES) - NOT_FOR_PEOPLE))
def test_errors_take_their_words_from_the_catalogue(name: str) -> None:
    assert list(errors_with_words((SOURCE / name).read_text(encoding="utf-8"))) == []


def test_words_in_the_code_are_found() -> None:
    assert list(errors_with_words("raise UsageError(f'there is no topic {name}')")) == [1]
    assert list(errors_with_words("raise UsageError(message('topic.missing', topic=name))")) == []
