r"""The character classes that java.util.regex has by name: ``\d``, ``\p{Lu}``, ``\p{Alpha}``.

Scripts (``\p{IsGreek}``) and blocks are refused.  Source: java.util.regex.Pattern, JDK 17.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from typing import Final

from kappaflow.errors import FunctionError
from kappaflow.sql.functions.java_classes import Ranges, class_ranges, complement, from_points, union

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
BLANKS: Final = r" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
LINE_ENDS: Final = r"\n\x0b\f\r\x85\u2028\u2029"
SHORT_CLASSES: Final = {"d": "0-9", "w": "a-zA-Z0-9_", "s": r" \t\n\x0b\f\r", "h": BLANKS, "v": LINE_ENDS}
CLASS_NAME: Final = re.compile(r"\\([pP])(?:\{(?:general_category=|gc=)?(\w+)\}|([A-Z]))")


@cache
def named_class(text: str) -> Ranges:
    """Return the members of ``\\d``, ``\\p{Lu}`` and the like.

    Raises:
        FunctionError: there is no such class.
    """
    members = SHORT_CLASSES.get(text[1].lower())
    if members is not None:
        return complement(class_ranges(members)) if text[1].isupper() else class_ranges(members)
    named = CLASS_NAME.fullmatch(text)
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


@cache
def word_characters() -> Ranges:
    r"""Return what ``\b`` takes for part of a word: letters and digits of every script, their marks, ``_``."""
    return union(_with_category(("L", "Nd", "Mn")), [(ord("_"), ord("_"))])
