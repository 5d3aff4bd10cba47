"""Substitution of ``${name}`` before parsing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kappaflow.errors import ParseError

_REFERENCE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
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


def unquote_triple(value: str) -> str:
    """Turn ``'''v'''`` into the quoted string ``'v'``; other values stay as they are."""
    match = _TRIPLE.match(value)
    return f"'{match.group(1)}'" if match else value
