r"""Regular expressions in Java's dialect, compiled to Python's `re`.

What the dialects spell differently is rewritten: named groups, quoting, classes by name, nested and intersecting
classes, line ends.  Scripts (``\p{IsGreek}``) and blocks are refused.  Source: java.util.regex.Pattern, JDK 17.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache, lru_cache

from kappaflow.errors import FunctionError
from kappaflow.sql.functions.java_classes import (
    ClassReader,
    Ranges,
    class_ranges,
    class_text,
    complement,
    from_points,
)

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
_SHORT_CLASSES = {"d": "0-9", "w": "a-zA-Z0-9_", "s": r" \t\n\x0b\f\r", "h": _BLANK, "v": _LINE_ENDS}
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
    in_class_until = 0
    while position < len(pattern):
        if pattern[position] == "[" and position >= in_class_until:
            reader = ClassReader(pattern, position, _named)
            try:
                members = reader.read()
            except ValueError as error:
                raise FunctionError(f"Invalid regular expression pattern: {pattern}. {error}") from None
            if not reader.plain:
                result.append(class_text(members))
                position = reader.position
                continue
            in_class_until = reader.position
        text, length = _step(pattern, position, in_class=position < in_class_until)
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
    if not in_class and re.match(r"\(\?<(?![=!])", pattern[position:]):
        return "(?P<", 3
    return pattern[position], 1


def _escape(pattern: str, position: int, *, in_class: bool) -> tuple[str, int]:
    named = _CLASS_NAME.match(pattern, position)
    if named is not None:
        text = class_text(_named(named[0]))
        return (text[1:-1] if in_class else text), len(named[0])
    code_point = _CODE_POINT.match(pattern, position)
    if code_point is not None:
        return f"\\U{int(code_point[1], 16):08x}", len(code_point[0])
    reference = _BACK_REFERENCE.match(pattern, position)
    if reference is not None:
        return f"(?P={reference[1]})", len(reference[0])
    letter = pattern[position + 1 : position + 2]
    members, negated = _ESCAPED_CLASSES.get(letter, ("", ""))
    if members:
        return (members if in_class else f"[{negated}{members}]"), 2
    return _ESCAPES.get(letter, f"\\{letter}"), 2


@cache
def _named(text: str) -> Ranges:
    """Return the members of ``\\d``, ``\\p{Lu}`` and the like.

    Raises:
        FunctionError: there is no such class.
    """
    members = _SHORT_CLASSES.get(text[1].lower())
    if members is not None:
        return complement(class_ranges(members)) if text[1].isupper() else class_ranges(members)
    named = _CLASS_NAME.fullmatch(text)
    name = (named[2] or named[3]) if named else ""
    ascii_members = _ASCII_CLASSES.get(name)
    ranges = class_ranges(ascii_members) if ascii_members else _with_category(_PROPERTIES.get(name, (_category(name),)))
    if not ranges:
        raise FunctionError(f"Unknown character class {text}")
    return complement(ranges) if text[1] == "P" else ranges


def _category(name: str) -> str:
    return name.removeprefix("Is")


@cache
def _with_category(categories: tuple[str, ...]) -> Ranges:
    """Return the characters of general categories: ``Lu``, or ``L`` for all letters."""
    codes = range(sys.maxunicode + 1)
    return from_points([code for code in codes if unicodedata.category(chr(code)).startswith(categories)])
