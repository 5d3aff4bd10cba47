"""Search, replacement and splitting by regular expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kappaflow.errors import FunctionError
from kappaflow.sql.functions.java_regex import compile_java
from kappaflow.sql.functions.registry import scalar

_CATEGORY = "REGULAR EXPRESSION"
_GROUP = re.compile(r"\$(?:([0-9]+)|\{([a-zA-Z][a-zA-Z0-9]*)\})")

_extract = scalar(
    "regexp_extract",
    _CATEGORY,
    "The first match of a pattern, or one of its groups.",
    ("REGEXP_EXTRACT('b(.)', 'abc', 1) -> 'c'",),
)
_extract_all = scalar(
    "regexp_extract_all",
    _CATEGORY,
    "All matches of a pattern, or of one of its groups.",
    ("REGEXP_EXTRACT_ALL('.b', 'abcb') -> ['ab', 'cb']",),
)
_replace = scalar(
    "regexp_replace",
    _CATEGORY,
    "Replaces every match of a pattern; $1 stands for a group.",
    ("REGEXP_REPLACE('abc', 'b', 'x') -> 'axc'",),
)
_split = scalar(
    "regexp_split_to_array",
    _CATEGORY,
    "The parts of a string between matches of a pattern.",
    ("REGEXP_SPLIT_TO_ARRAY('a1b', '[0-9]') -> ['a', 'b']",),
)


@_extract("(pattern STRING, input STRING) -> STRING")
def _first(pattern: str, text: str) -> str | None:
    return _first_group(pattern, text, 0)


@_extract("(pattern STRING, input STRING, group INT) -> STRING")
def _first_group(pattern: str, text: str, group: int) -> str | None:
    compiled = compile_java(pattern)
    if not 0 <= group <= compiled.groups:
        return None
    found = compiled.search(text)
    return found[group] if found else None


@_extract_all("(pattern STRING, input STRING) -> ARRAY<STRING>")
def _all(pattern: str, text: str) -> list[str | None] | None:
    return _all_groups(pattern, text, 0)


@_extract_all("(pattern STRING, input STRING, group INT) -> ARRAY<STRING>")
def _all_groups(pattern: str, text: str, group: int) -> list[str | None] | None:
    compiled = compile_java(pattern)
    if not 0 <= group <= compiled.groups:
        return None
    return [found[group] for found in compiled.finditer(text)]


@_replace("(input STRING, pattern STRING, replacement STRING) -> STRING")
def _replaced(text: str, pattern: str, replacement: str) -> str:
    compiled = compile_java(pattern)
    parts: list[str | int] = []

    def expand(found: re.Match[str]) -> str:
        # What is wrong with a replacement matters where there is something to replace.
        if not parts:
            parts.extend(_parts_of(replacement, compiled))
        return "".join([part if isinstance(part, str) else found[part] or "" for part in parts])

    return compiled.sub(expand, text)


def _parts_of(replacement: str, pattern: re.Pattern[str]) -> Iterator[str | int]:
    """Yield the texts and the numbers of groups of a replacement; a number ends where no group has it."""
    position = 0
    while position < len(replacement):
        character = replacement[position]
        if character == "\\":
            if position + 1 == len(replacement):
                raise FunctionError("A character is missing behind the last \\ of the replacement.")
            yield replacement[position + 1]
            position += 2
        elif character == "$":
            group = _GROUP.match(replacement, position)
            if group is None:
                raise FunctionError("Illegal group reference in the replacement: write \\$ for a dollar sign.")
            number = group[1] or ""
            while len(number) > 1 and int(number) > pattern.groups:
                number = number[:-1]
            index = int(number) if number else pattern.groupindex.get(group[2], -1)
            if not 0 <= index <= pattern.groups:
                raise FunctionError(f"The replacement names a group that the pattern does not have: {group[0]}")
            yield index
            position += 1 + len(number) if number else len(group[0])
        else:
            yield character
            position += 1


@_split("(input STRING, pattern STRING) -> ARRAY<STRING>")
def _parts(text: str, pattern: str) -> list[str]:
    """Where the pattern also matches no text, empty parts at the end are left out."""
    compiled = compile_java(pattern)
    parts: list[str] = []
    start = 0
    for found in compiled.finditer(text):
        if found.end() == 0 or (found.end() == found.start() and found.end() == len(text)):
            continue
        parts.append(text[start : found.start()])
        start = found.end()
    if not parts:
        return [text]
    parts.append(text[start:])
    while parts and not parts[-1] and compiled.fullmatch(""):
        parts.pop()
    return parts
