"""Syntax errors with a position, what would have fitted and the nearest word."""

from __future__ import annotations

from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from kappaflow.errors import ParseError
from kappaflow.sql.grammar.lexer import KEYWORDS, NON_RESERVED
from kappaflow.sql.nearest_names import nearest

STATEMENT_STARTS = tuple(
    """
    ALTER ASSERT CREATE DEFINE DESC DESCRIBE DROP EXPLAIN INSERT LIST PAUSE PRINT RESUME SELECT SET SHOW TERMINATE
    UNDEFINE UNSET
    """.split()
)
_EXPECTED_MAX = 6


def unexpected_token_error(error: UnexpectedToken, text: str) -> ParseError:
    """Describe a token that does not fit."""
    token = error.token
    if token.type == "$END":
        line, column = _end_of(text)
        shown = "<EOF>"
    else:
        line, column, shown = token.line or 1, token.column or 1, str(token)
    lines = [f"line {line}:{column}: Syntax Error"]
    expected = set(error.accepts or error.expected or ())
    at_start = expected >= {"SELECT", "CREATE", "DROP"}
    if at_start and token.type != "$END":
        lines.append(f"Unknown statement '{shown}'")
    elif token.type in STATEMENT_STARTS and "SEMICOLON" in expected:
        lines.append(f"Syntax error at or near '{shown}' at line {line}:{column}")
        lines.append(f"The statement before it is not ended: put a ';' in front of '{shown}'.")
    elif token.type in KEYWORDS - NON_RESERVED:
        lines.append(f"Syntax error at or near '{shown}' at line {line}:{column}")
        if "WORD" in expected:
            lines.append(
                f'"{shown}" is a reserved keyword and it can\'t be used as an identifier. '
                f"You can use it as an identifier by escaping it as `{shown}`"
            )
    elif 0 < len(expected) <= _EXPECTED_MAX and token.type != "$END":
        lines.append(f"Expecting {_shown(expected)}")
    else:
        lines.append(f"Syntax error at or near '{shown}' at line {line}:{column}")
    candidates = STATEMENT_STARTS if at_start else [name for name in expected if name in KEYWORDS]
    if token.type in KEYWORDS:  # it is spelt right, and only misplaced, or in the wrong number: STREAM for STREAMS
        others = (f"{token.type}S", token.type.removesuffix("S"))
        meant = next((name for name in candidates if name in others and "WORD" not in expected), None)
    else:
        meant = nearest(shown, candidates)
    if meant is not None:
        lines.append(f"Did you mean '{meant}'?")
    lines.append(f"Statement: {text.strip()}")
    return ParseError("\n".join(lines), text.strip(), line, column)


def unexpected_character_error(error: UnexpectedCharacters, text: str) -> ParseError:
    """Describe a character that starts no token."""
    line, column = int(error.line), int(error.column)
    character = text[error.pos_in_stream : error.pos_in_stream + 1] if error.pos_in_stream is not None else ""
    hint = "\nThe quote is never closed." if character in {"'", '"', "`"} else ""
    message = (
        f"line {line}:{column}: Syntax Error\nSyntax error at or near '{character}' at line {line}:{column}"
        f"{hint}\nStatement: {text.strip()}"
    )
    return ParseError(message, text, line, column)


def too_deep_error(text: str) -> ParseError:
    """Refuse nesting beyond what the parser follows."""
    message = "The statement is nested too deeply. Split it into several statements or simplify its expressions."
    return ParseError(message, text)


def _end_of(text: str) -> tuple[int, int]:
    stripped = text.rstrip()
    return stripped.count("\n") + 1, len(stripped) - (stripped.rfind("\n") + 1) + 1


def _shown(expected: set[str]) -> str:
    words = sorted(f"'{name}'" for name in expected if name in KEYWORDS) + sorted(
        name for name in expected if name not in KEYWORDS
    )
    return "{" + ", ".join(words) + "}"
