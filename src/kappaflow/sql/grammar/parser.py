"""Parse SQL text into statements, expressions and types."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from kappaflow.errors import ParseError
from kappaflow.serde.types import DataType
from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.ast.statements import DefineVariable, Statement, UndefineVariable
from kappaflow.sql.grammar.lexer import keyword_callback
from kappaflow.sql.grammar.statement_builder import StatementBuilder
from kappaflow.sql.grammar.syntax_errors import (
    too_deep_error,
    unexpected_character_error,
    unexpected_token_error,
)
from kappaflow.sql.grammar.variables import pieces, substitute

DEPTH_MAX = 500


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """A statement and the text it came from, without surrounding white space, with its semicolon if it had one."""

    text: str
    statement: Statement


_tables_path: list[Path] = []


def keep_tables_in(path: Path) -> None:
    """Keep the parser's tables in a file, and load them in the background: building them takes half a second.

    The file is trusted as code is: it must be where only the owner of the process can write.
    """
    _tables_path[:] = [path]
    _loaded_lark.cache_clear()
    threading.Thread(target=_lark, name="sql-grammar", daemon=True).start()


_loading = threading.Lock()


def _lark() -> Lark:
    with _loading:
        return _loaded_lark()


@cache
def _loaded_lark() -> Lark:
    if not _tables_path:
        return _make_lark(None)
    (path,) = _tables_path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # processes that start together: one writes, the others read
            return _make_lark(path)
    except OSError:
        return _make_lark(None)


def _make_lark(tables: Path | None) -> Lark:
    grammar = files("kappaflow.sql.grammar").joinpath("ksql.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        start=["statements", "test_statements", "single_expression", "single_type"],
        propagate_positions=True,
        maybe_placeholders=False,
        lexer_callbacks={"WORD": keyword_callback},
        cache=str(tables) if tables is not None else False,
    )


def _parse(text: str, start: str) -> Any:
    try:
        _check_depth(text)
        tree = _lark().parse(text, start=start)
        return StatementBuilder(text).transform(tree)
    except UnexpectedToken as error:
        raise unexpected_token_error(error, text) from None
    except UnexpectedCharacters as error:
        raise unexpected_character_error(error, text) from None
    except VisitError as error:
        raise error.orig_exc from None
    except RecursionError:
        raise too_deep_error(text) from None


def _check_depth(text: str) -> None:
    """Refuse nesting that no query needs, before it exhausts the interpreter's stack."""
    depth = 0
    for character in text:
        if character in "([":
            depth += 1
            if depth > DEPTH_MAX:
                raise too_deep_error(text)
        elif character in ")]":
            depth -= 1


def parse(
    text: str, variables: Mapping[str, str] | None = None, *, test_statements: bool = False
) -> list[ParsedStatement]:
    """Parse a script.

    Args:
        text: statements separated by semicolons.
        variables: values for ``${name}``, which DEFINE and UNDEFINE in the text change for what follows them; None
            leaves such text alone.
        test_statements: also accept what only test files hold (ASSERT VALUES, RUN SCRIPT, ..).

    Returns:
        The statements in order.

    Raises:
        ParseError: with 1-based line and column of the first token that does not fit.
    """
    start = "test_statements" if test_statements else "statements"
    if variables is None or "${" not in text:
        return _parsed(text, start)
    known = dict(variables)
    found: list[ParsedStatement] = []
    for before, piece in pieces(text):
        # What stands before becomes space, so that errors name the place within the whole text.
        blank = "".join(letter if letter in "\r\n" else " " for letter in text[:before])
        for parsed in _parsed(substitute(blank + piece, known), start):
            found.append(parsed)
            match parsed.statement:
                case DefineVariable(name, value):
                    known = {other: kept for other, kept in known.items() if other.upper() != name.upper()}
                    known[name] = value
                case UndefineVariable(name):
                    known = {other: kept for other, kept in known.items() if other.upper() != name.upper()}
                case _:
                    pass
    return found


def _parsed(text: str, start: str) -> list[ParsedStatement]:
    parsed: list[tuple[int, int, Statement]] = _parse(text, start)
    return [ParsedStatement(text[begin:end], statement) for begin, end, statement in parsed]


def parse_statement(text: str) -> Statement:
    """Parse exactly one statement.

    Raises:
        ParseError: if `text` holds none or several.
    """
    parsed = parse(text, test_statements=True)
    if len(parsed) != 1:
        raise ParseError(f"Expected exactly one statement, but found {len(parsed)}.", text)
    return parsed[0].statement


def parse_expression(text: str) -> Expression:
    """Parse one expression, such as ``a + 1 > b``.

    >>> parse_expression("a + 1").operator.value
    '+'
    """
    return _parse(text, "single_expression")


def parse_type(text: str) -> DataType:
    """Parse one type, such as ``ARRAY<STRUCT<A INT>>``.

    >>> str(parse_type("array<decimal(4, 2)>"))
    'ARRAY<DECIMAL(4, 2)>'
    """
    return _parse(text, "single_type")
