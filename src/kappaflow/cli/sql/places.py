"""Places in errors: the server counts from the start of a statement, people from the start of their file."""

from __future__ import annotations

import re

from kappaflow.errors import Place

_PLACE = re.compile(r"Line: (\d+), Col: (\d+): ")


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
