"""Strings: length, case, parts, padding, search and replacement."""

from __future__ import annotations

import hashlib
import re
import string
import uuid
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.java_text import by_units, is_beyond_bmp
from kappaflow.sql.functions.registry import scalar

_CATEGORY = "STRING"
_WORD = re.compile(r"\S+\s*", re.ASCII)
_ESCAPE = re.compile(r"\\(?:u+\+?(.{0,4})|([0-3]?[0-7]{1,2})|(.?))", re.DOTALL)
_CONTROLS = {"b": "\b", "n": "\n", "t": "\t", "f": "\f", "r": "\r"}

_len = scalar("len", _CATEGORY, "The number of characters of a string, or of bytes.", ("LEN('abc') -> 3",))
_ucase = scalar("ucase", _CATEGORY, "The string in upper case.", ("UCASE('abc') -> 'ABC'",))
_lcase = scalar("lcase", _CATEGORY, "The string in lower case.", ("LCASE('ABC') -> 'abc'",))
_trim = scalar("trim", _CATEGORY, "The string without spaces at its ends.", ("TRIM(' a ') -> 'a'",))


@_len("(input STRING) -> INT", total=True)
@_len("(input BYTES) -> INT", total=True)
@by_units
def _length(text: str | bytes) -> int:
    return len(text)


@_ucase("(input STRING) -> STRING", total=True)
def _upper(text: str) -> str:
    return text.upper()


@_lcase("(input STRING) -> STRING", total=True)
def _lower(text: str) -> str:
    return text.lower()


@_trim("(input STRING) -> STRING", total=True)
def _trimmed(text: str) -> str:
    return text.strip("".join(map(chr, range(33))))


_concat = scalar("concat", _CATEGORY, "Joins strings or bytes; NULLs are left out.", ("CONCAT('a', 'b') -> 'ab'",))


@_concat("(inputs STRING...) -> STRING", null_in=True, total=True)
def _joined(*texts: str | None) -> str | None:
    return "".join([text for text in texts if text is not None])


@_concat("(inputs BYTES...) -> BYTES", null_in=True, total=True)
def _joined_bytes(*texts: bytes | None) -> bytes | None:
    return b"".join([text for text in texts if text is not None])


_concat_ws = scalar(
    "concat_ws",
    _CATEGORY,
    "Joins strings or bytes with a separator; NULLs are left out, a NULL separator gives NULL.",
    ("CONCAT_WS(', ', 'a', 'b') -> 'a, b'",),
)


@_concat_ws("(separator STRING, inputs STRING...) -> STRING", null_in=True, total=True)
@_concat_ws("(separator BYTES, inputs BYTES...) -> BYTES", null_in=True, total=True)
def _joined_with(separator: Any, *texts: Any) -> Any:
    return None if separator is None else separator.join([text for text in texts if text is not None])


_substring = scalar(
    "substring",
    _CATEGORY,
    "The part of a string or bytes from a position (1-based, negative: from the end), of a length.",
    ("SUBSTRING('stream', 2, 3) -> 'tre'", "SUBSTRING('stream', -2) -> 'am'"),
)


@_substring("(input STRING, pos INT) -> STRING", total=True)
@_substring("(input BYTES, pos INT) -> BYTES", total=True)
@by_units
def _rest(text: Any, position: int) -> Any:
    return text[_start(text, position) :]


@_substring("(input STRING, pos INT, length INT) -> STRING", total=True)
@_substring("(input BYTES, pos INT, length INT) -> BYTES", total=True)
@by_units
def _part(text: Any, position: int, length: int) -> Any:
    start = _start(text, position)
    return text[start : max(start, start + length)]


def _start(text: Any, position: int) -> int:
    if position < 0:
        return max(len(text) + position, 0)
    return max(min(position - 1, len(text)), 0)


_replace = scalar(
    "replace", _CATEGORY, "Replaces every occurrence of a string by another.", ("REPLACE('aba', 'a', 'x') -> 'xbx'",)
)


@_replace("(str STRING, oldStr STRING, newStr STRING) -> STRING", total=True)
def _replaced(text: str, old: str, new: str) -> str:
    return text.replace(old, new)


_split = scalar(
    "split",
    _CATEGORY,
    "The parts of a string or bytes between delimiters; an empty delimiter gives the characters.",
    ("SPLIT('a.b', '.') -> ['a', 'b']",),
)


@_split("(string STRING, delimiter STRING) -> ARRAY<STRING>", total=True)
@by_units
def _split_text(text: str, delimiter: str) -> list[str]:
    return text.split(delimiter) if delimiter else list(text) or [""]


@_split("(bytes BYTES, delimiter BYTES) -> ARRAY<BYTES>", total=True)
def _split_bytes(data: bytes, delimiter: bytes) -> list[bytes]:
    return data.split(delimiter) if delimiter else [data[i : i + 1] for i in range(len(data) or 1)]


_initcap = scalar(
    "initcap",
    _CATEGORY,
    "Each word with its first letter in upper case, the rest in lower case; blanks before the first word are left out.",
    ("INITCAP('hello wORLD') -> 'Hello World'",),
)


@_initcap("(str STRING) -> STRING", total=True)
def _capitalised(text: str) -> str:
    """A letter of two UTF-16 units stays small, as in ksqlDB."""
    words = _WORD.findall(text.lower())
    return "".join([(word[0] if is_beyond_bmp(word[0]) else word[0].upper()) + word[1:] for word in words])


_instr = scalar(
    "instr",
    _CATEGORY,
    "The 1-based position of a substring, 0 when absent; searches from a position (negative: backwards) "
    "and counts occurrences.",
    ("INSTR('ababab', 'b', 1, 2) -> 4",),
)


@_instr("(str STRING, substring STRING) -> INT", null_in=True, total=True)
@_instr("(str STRING, substring STRING, pos INT) -> INT", null_in=True, total=True)
@_instr("(str STRING, substring STRING, pos INT, occurrence INT) -> INT", null_in=True, total=True)
def _place_in(text: str | None, part: str | None, position: int | None = 1, occurrence: int | None = 1) -> int | None:
    """No text is nowhere: 0; only a number that is missing gives NULL."""
    if position is None or occurrence is None:
        return None
    return 0 if text is None or part is None else _nth_position(text, part, position, occurrence)


@by_units
def _nth_position(text: str, part: str, position: int, occurrence: int) -> int:
    if position == 0 or occurrence < 1 or abs(position) > len(text):
        return 0
    found = -1
    if position > 0:
        start = position - 1
        for _ in range(occurrence):
            found = text.find(part, start)
            if found < 0:
                return 0
            start = found + 1
        return found + 1
    end = len(text) + position
    for _ in range(occurrence):
        found = text.rfind(part, 0, end + len(part)) if end >= 0 else -1
        if found < 0:
            return 0
        end = found - 1
    return found + 1


_lpad = scalar("LPad", _CATEGORY, "Pads on the left, or cuts, to a length.", ("LPAD('a', 3, 'xy') -> 'xya'",))
_rpad = scalar("RPad", _CATEGORY, "Pads on the right, or cuts, to a length.", ("RPAD('a', 3, 'xy') -> 'axy'",))


@_lpad("(input STRING, targetLen INT, padding STRING) -> STRING", total=True)
@_lpad("(input BYTES, targetLen INT, padding BYTES) -> BYTES", total=True)
@by_units
def _padded_left(text: Any, length: int, padding: Any) -> Any:
    if not padding or length < 0:
        return None
    missing = max(length - len(text), 0)
    return (padding * missing)[:missing] + text[:length]


@_rpad("(input STRING, targetLen INT, padding STRING) -> STRING", total=True)
@_rpad("(input BYTES, targetLen INT, padding BYTES) -> BYTES", total=True)
@by_units
def _padded_right(text: Any, length: int, padding: Any) -> Any:
    if not padding or length < 0:
        return None
    missing = max(length - len(text), 0)
    return text[:length] + (padding * missing)[:missing]


_elt = scalar("elt", _CATEGORY, "The n-th (from 1) of several strings.", ("ELT(2, 'a', 'b') -> 'b'",))
_field = scalar(
    "field", _CATEGORY, "The 1-based position of a string among others, 0 when absent.", ("FIELD('b', 'a', 'b') -> 2",)
)


@_elt("(index INT, strings STRING...) -> STRING", null_in=True, total=True)
def _chosen(index: int | None, *texts: str | None) -> str | None:
    return texts[index - 1] if index is not None and 1 <= index <= len(texts) else None


@_field("(str STRING, strings STRING...) -> INT", null_in=True, total=True)
def _place(text: str | None, *texts: str | None) -> int:
    return texts.index(text) + 1 if text is not None and text in texts else 0


_chr = scalar(
    "Chr", _CATEGORY, "The character of a code point, given as a number or as '\\uXXXX'.", ("CHR(75) -> 'K'",)
)


@_chr("(decimalCode INT) -> STRING", total=True)
def _character(code: int) -> str | None:
    return chr(code) if 0 <= code <= 0x10FFFF else None


@_chr("(utf16Code STRING) -> STRING")
def _character_of(code: str) -> str | None:
    if len(code) < 6 or not code.startswith("\\u"):
        return None
    text = _ESCAPE.sub(_unescaped, code)
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def _unescaped(found: re.Match[str]) -> str:
    """Read an escape as in Java's source; one of an unknown letter is the letter."""
    unit, octal, letter = found.groups()
    if unit is not None:
        if len(unit) < 4 or not all(digit in string.hexdigits for digit in unit):
            raise FunctionError(f"Unable to parse unicode value: {found[0]}")
        return chr(int(unit, 16))
    return chr(int(octal, 8)) if octal else _CONTROLS.get(letter, letter)


_md5 = scalar(
    "md5", _CATEGORY, "The MD5 digest of a string, in hexadecimal.", ("MD5('') -> 'd41d8cd98f00b204e9800998ecf8427e'",)
)


@_md5("(s STRING) -> STRING", total=True)
def _digest(text: str) -> str:
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()


_uuid = scalar("UUID", _CATEGORY, "A random UUID, or the UUID of 16 bytes.", ("UUID() -> 'f81d4fae-7dec-...'",))


@_uuid("() -> STRING", total=True)
def _random_uuid() -> str:
    return str(uuid.uuid4())


@_uuid("(bytes BYTES) -> STRING")
def _uuid_of(data: bytes) -> str:
    if len(data) != 16:
        raise FunctionError(f"A UUID has 16 bytes, got {len(data)}.")
    return str(uuid.UUID(bytes=data))
