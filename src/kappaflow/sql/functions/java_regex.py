r"""Regular expressions in Java's dialect, compiled to Python's `re`.

What the dialects spell differently is rewritten: named groups, quoting, classes by name, line ends.  Classes that
intersect (``[a-z&&[^b]]``) and scripts (``\p{IsGreek}``) are refused.  Source: java.util.regex.Pattern, JDK 17.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache

from kappaflow.errors import FunctionError

_ASCII_CLASSES = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Space": r" \t\n\x0b\f\r",
    "XDigit": "0-9a-fA-F",
    "ASCII": r"\x00-\x7f",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
}
# Properties of Unicode, by the general categories that have them.
_PROPERTIES = {
    "IsAlphabetic": ("L", "Nl"),
    "IsLetter": ("L",),
    "IsDigit": ("Nd",),
    "IsUppercase": ("Lu",),
    "IsLowercase": ("Ll",),
    "IsPunctuation": ("P",),
    "javaUpperCase": ("Lu",),
    "javaLowerCase": ("Ll",),
    "javaLetter": ("L",),
    "javaDigit": ("Nd",),
}
_BLANK = r" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_LINE_ENDS = r"\n\x0b\f\r\x85\u2028\u2029"
_ESCAPED_CLASSES = {"h": (_BLANK, ""), "H": (_BLANK, "^"), "v": (_LINE_ENDS, ""), "V": (_LINE_ENDS, "^")}
_ESCAPES = {"z": r"\Z", "Z": r"(?=\n?\Z)", "R": rf"(?:\r\n|[{_LINE_ENDS}])", "e": r"\x1b"}
_CLASS_NAME = re.compile(r"\\([pP])(?:\{(?:general_category=|gc=)?(\w+)\}|([A-Z]))")
_CODE_POINT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_BACK_REFERENCE = re.compile(r"\\k<(\w+)>")


@lru_cache(maxsize=1024)
def compile_java(pattern: str) -> re.Pattern[str]:
    """Compile a pattern written for java.util.regex.

    Raises:
        FunctionError: the pattern is wrong, or has no form here.
    """
    try:
        return re.compile(_translate(pattern), re.ASCII)
    except (re.error, OverflowError) as error:
        raise FunctionError(f"Invalid regular expression pattern: {pattern}. {error}") from None


def _translate(pattern: str) -> str:
    result: list[str] = []
    position = 0
    depth = 0  # of brackets
    while position < len(pattern):
        text, length = _step(pattern, position, in_class=depth > 0)
        if length == 1:
            depth += {"[": 1, "]": -1}.get(text, 0)
        result.append(text)
        position += length
    return "".join(result)


def _step(pattern: str, position: int, *, in_class: bool) -> tuple[str, int]:
    """Rewrite what stands at a position: its new form, and how long it was."""
    if pattern.startswith("\\Q", position):
        end = pattern.find("\\E", position + 2)
        end = len(pattern) if end < 0 else end
        return re.escape(pattern[position + 2 : end]), end + 2 - position
    if pattern[position] == "\\":
        return _escape(pattern, position, in_class=in_class)
    if in_class and pattern.startswith("&&", position):
        raise FunctionError(f"Invalid regular expression pattern: {pattern}. Classes cannot intersect here.")
    if not in_class and re.match(r"\(\?<(?![=!])", pattern[position:]):
        return "(?P<", 3
    return pattern[position], 1


def _escape(pattern: str, position: int, *, in_class: bool) -> tuple[str, int]:
    named = _CLASS_NAME.match(pattern, position)
    if named is not None:
        return _members(named[2] or named[3], named[0], in_class, named[1] == "P"), len(named[0])
    code_point = _CODE_POINT.match(pattern, position)
    if code_point is not None:
        return f"\\U{int(code_point[1], 16):08x}", len(code_point[0])
    reference = _BACK_REFERENCE.match(pattern, position)
    if reference is not None:
        return f"(?P={reference[1]})", len(reference[0])
    letter = pattern[position + 1 : position + 2]
    members, negated = _ESCAPED_CLASSES.get(letter, ("", ""))
    if members:
        return (members if in_class and not negated else f"[{negated}{members}]"), 2
    return _ESCAPES.get(letter, f"\\{letter}"), 2


def _members(name: str, shown: str, in_class: bool, negated: bool) -> str:
    """Return a class by its name, bare among the members of another class."""
    text = _ASCII_CLASSES.get(name)
    if text is None:
        text = _unicode_members(_PROPERTIES.get(name, (name.removeprefix("Is"),)), negated)
        if not text:
            raise FunctionError(f"Unknown character class {shown}")
        return text if in_class else f"[{text}]"
    if in_class and negated:
        raise FunctionError(f"{shown} cannot stand among the members of a class here")
    return text if in_class else f"[{'^' if negated else ''}{text}]"


@cache
def _unicode_members(categories: Sequence[str], negated: bool) -> str:
    """Return the characters of general categories (``Lu``, or ``L`` for all letters) as ranges; empty for none."""
    ranges: list[str] = []
    start: int | None = None
    found = False
    for code in range(sys.maxunicode + 2):
        inside = False
        if code <= sys.maxunicode:
            is_member = unicodedata.category(chr(code)).startswith(tuple(categories))
            found = found or is_member
            inside = is_member is not negated
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            ranges.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = None
    return "".join(ranges) if found else ""
