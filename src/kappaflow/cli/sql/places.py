"""Places in errors: the server counts from the start of a statement, people from the start of their file."""

from __future__ import annotations

import re

from kappaflow.errors import Place

_PLACE = re.compile(r"Line: (\d+), Col: (\d+): ")
WIDTH_MAX, BEFORE_MAX = 110, 80
"""Characters of a line that are shown, and of these before the place."""


def in_file(message: str, start: Place | None) -> str:
    """Return an error's message with its place counted from the start of the file.

    Args:
        start: where the statement begins in the file.

    >>> class Start:
    ...     line, column = 10, 5
    >>> in_file("Line: 1, Col: 8: column 'X' cannot be resolved.", Start())
    "Line: 10, Col: 12: column 'X' cannot be resolved."
    >>> in_file("Line: 2, Col: 8: column 'X' cannot be resolved.", Start())
    "Line: 11, Col: 8: column 'X' cannot be resolved."
    """
    found = _PLACE.match(message)
    if found is None or start is None:
        return message
    line, column = map(int, found.groups())
    if line == 1:
        column += start.column - 1
    return f"Line: {line + start.line - 1}, Col: {column}: {message[found.end() :]}"


def pointed_at(text: str, line: int, column: int) -> str:
    """Return the line of a text that an error is in, with a mark below the place.

    Args:
        line, column: the place, counted from 1.

    >>> print(pointed_at("SHOW STREAMS;\\nSELEC 1;", 2, 1))
      SELEC 1;
      ^
    """
    lines = text.split("\n")
    found = lines[line - 1] if 0 < line <= len(lines) else ""
    begin = max(0, column - BEFORE_MAX)
    shown = found[begin : begin + WIDTH_MAX].replace("\t", " ")
    return f"  {shown}\n  {' ' * (column - 1 - begin)}^"
