"""Style as a test: sizes, names and left-overs.  The exception lists may only shrink."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
RUST = sorted((ROOT / "native" / "src").rglob("*.rs"))
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
KNOWN_LONG_FILES: set[str] = set()
KNOWN_LONG_FUNCTIONS: set[str] = set()


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_files_fit() -> None:
    long_files = {relative(p) for p in SOURCES + RUST if len(p.read_text().splitlines()) > FILE_LINES_MAX}
    assert long_files == KNOWN_LONG_FILES


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body
    has_docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    skipped = (body[0].end_lineno or 0) - body[0].lineno + 1 if has_docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - skipped


def test_functions_fit_on_a_screen() -> None:
    too_long = {
        f"{relative(path)}:{node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and code_lines(node) > FUNCTION_LINES_MAX
    }
    assert too_long == KNOWN_LONG_FUNCTIONS


def test_no_drawer_modules() -> None:
    assert not [relative(p) for p in SOURCES + RUST if p.stem in BANNED_NAMES]


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_leftovers(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text)
    assert not re.search(r"\bNotImplementedError\b", text)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_modules_say_what_they_are(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), "a module needs a docstring"
