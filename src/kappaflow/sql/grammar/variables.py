"""Substitution of ``${name}`` before parsing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kappaflow.errors import ParseError

_REFERENCE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|--[^\r\n]*|/\*.*?\*/|;", re.DOTALL)
_TRIPLE = re.compile(r"^'''(.*)'''$", re.DOTALL)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Replace every reference by its value; ``$${name}`` stands for the text ``${name}``.

    Raises:
        ParseError: a name is not defined.
    """
    values = {name.lower(): value for name, value in variables.items()}

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name.lower() not in values:
            line = text.count("\n", 0, match.start()) + 1
            column = match.start() - (text.rfind("\n", 0, match.start()) + 1) + 1
            raise ParseError(f"Undefined variable: {name}. Set it with DEFINE {name} = '..';", text, line, column)
        return values[name.lower()]

    return _REFERENCE.sub(value, text).replace("$${", "${")


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield the statements of a script, each with the place where it begins, cut behind their semicolons.

    >>> list(pieces("A ';' -- b;c\\n; D"))
    [(0, "A ';' -- b;c\\n;"), (14, ' D')]
    """
    start = 0
    for token in _TOKEN.finditer(text):
        if token.group() == ";":
            yield start, text[start : token.end()]
            start = token.end()
    if text[start:].strip():
        yield start, text[start:]


def unquote_triple(value: str) -> str:
    """Turn ``'''v'''`` into the quoted string ``'v'``; other values stay as they are."""
    match = _TRIPLE.match(value)
    return f"'{match.group(1)}'" if match else value
