"""LIKE patterns: ``%`` any text, ``_`` one character, an escape character before either."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from kappaflow.errors import StatementError


@lru_cache(maxsize=1024)
def like_matcher(pattern: str, escape: str | None = None) -> Callable[[str], re.Match[str] | None]:
    """Return a function that matches a whole string against a LIKE pattern.

    Raises:
        StatementError: the escape is not one character.
    """
    return re.compile(like_regex(pattern, escape), re.DOTALL).fullmatch


def like_regex(pattern: str, escape: str | None = None) -> str:
    r"""Return the regular expression of a LIKE pattern.

    >>> like_regex("a%_b!%", "!")
    'a.*.b%'

    Raises:
        StatementError: the escape is not one character.
    """
    if escape is not None and len(escape) != 1:
        raise StatementError(f"Invalid escape character '{escape}': it must be one character.")
    parts: list[str] = []
    escaped = False
    for character in pattern:
        if not escaped and character == escape:
            escaped = True
            continue
        wild = {"%": ".*", "_": "."}.get(character)
        parts.append(wild if wild and not escaped else re.escape(character))
        escaped = False
    return "".join(parts)
