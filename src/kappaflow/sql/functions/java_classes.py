r"""Bracketed classes of java.util.regex that nest or intersect: ``[a[bc]]``, ``[a-z&&[^b]]``, ``[\P{L}a]``.

They become sets of code points, and those one plain class.  ``^`` negates all that follows it, intersections
included.  Source: java.util.regex.Pattern, JDK 17.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence

Ranges = list[tuple[int, int]]
"""Code points from one to another, both included; in order, apart from each other."""

_CONTROLS = {"t": 9, "n": 10, "r": 13, "f": 12, "a": 7, "e": 27}
_NUMBER = re.compile(
    r"x\{(?P<long>[0-9A-Fa-f]{1,6})\}|x(?P<two>[0-9A-Fa-f]{2})|u(?P<four>[0-9A-Fa-f]{4})|0(?P<octal>[0-3]?[0-7]{1,2})"
)
_NAMED = re.compile(r"[pP](?:\{[^}]*\}|[A-Z])|[dDwWsShHvV]")


def union(*parts: Ranges) -> Ranges:
    """Return the code points of all parts."""
    merged: Ranges = []
    for low, high in sorted(pair for part in parts for pair in part):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def complement(ranges: Ranges) -> Ranges:
    """Return all other code points."""
    result: Ranges = []
    start = 0
    for low, high in ranges:
        if low > start:
            result.append((start, low - 1))
        start = high + 1
    return result if start > sys.maxunicode else [*result, (start, sys.maxunicode)]


def intersection(left: Ranges, right: Ranges) -> Ranges:
    """Return the code points of both."""
    return complement(union(complement(left), complement(right)))


def class_text(ranges: Ranges) -> str:
    """Return the class of some code points as Python writes it."""
    if not ranges:
        return r"[^\x00-\U0010ffff]"
    return "[" + "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges) + "]"


class ClassReader:
    """Reads one bracketed class.

    Attributes:
        position: of what is read next.
        plain: whether the class has the same form in Python.
    """

    def __init__(self, pattern: str, position: int, named: Callable[[str], Ranges]) -> None:
        self._pattern = pattern
        self._named = named
        self.position = position
        self.plain = True

    def read(self) -> Ranges:
        """Read a class from its opening bracket to its closing one.

        Raises:
            ValueError: it does not end, or is wrong.
        """
        self._expect("[")
        negated = self._take("^")
        result: Ranges | None = None
        part: Ranges = []
        empty = True
        while True:
            if self.position >= len(self._pattern):
                raise ValueError("Unclosed character class")
            if self._pattern[self.position] == "]" and not empty:
                break
            if self._pattern.startswith("&&", self.position):
                self.position += 2
                self.plain = False
                result = self._and(result, part, empty)
                part, empty = [], True
                continue
            part, empty = union(part, self._member()), False
        self.position += 1
        result = self._and(result, part, empty) or []
        return complement(result) if negated else result

    def _and(self, result: Ranges | None, part: Ranges, empty: bool) -> Ranges | None:
        if empty:
            return result
        return part if result is None else intersection(result, part)

    def _member(self) -> Ranges:
        if self._pattern[self.position] == "[":
            self.plain = False
            return self.read()
        if self._pattern.startswith("\\Q", self.position):
            return self._quoted()
        named = self._pattern[self.position] == "\\" and _NAMED.match(self._pattern, self.position + 1)
        if named:
            self.position = named.end()
            self.plain = self.plain and named[0][0] not in "PHV"
            return self._named("\\" + named[0])
        low = self._code_point()
        following = self._pattern[self.position + 1 : self.position + 2]
        if not self._pattern.startswith("-", self.position) or following in ("", "]", "["):
            return [(low, low)]
        self.position += 1
        high = self._code_point()
        if high < low:
            raise ValueError("Illegal character range")
        return [(low, high)]

    def _quoted(self) -> Ranges:
        end = self._pattern.find("\\E", self.position)
        text = self._pattern[self.position + 2 : end if end >= 0 else len(self._pattern)]
        self.position = len(self._pattern) if end < 0 else end + 2
        return union(*([(ord(character), ord(character))] for character in text))

    def _code_point(self) -> int:
        character = self._pattern[self.position]
        self.position += 1
        if character != "\\":
            return ord(character)
        number = _NUMBER.match(self._pattern, self.position)
        if number is not None:
            self.position = number.end()
            octal = number["octal"]
            return int(octal, 8) if octal else int(number["long"] or number["two"] or number["four"], 16)
        escaped = self._pattern[self.position : self.position + 1]
        self.position += 1
        if escaped == "c" and self.position < len(self._pattern):
            self.position += 1
            return ord(self._pattern[self.position - 1]) ^ 64
        if not escaped or (escaped.isascii() and escaped.isalpha() and escaped not in _CONTROLS):
            raise ValueError("Illegal/unsupported escape sequence")
        return _CONTROLS.get(escaped, ord(escaped))

    def _take(self, character: str) -> bool:
        found = self._pattern.startswith(character, self.position)
        self.position += found
        return found

    def _expect(self, character: str) -> None:
        if not self._take(character):
            raise ValueError(f"'{character}' expected")


def class_ranges(members: str) -> Ranges:
    """Return the code points of the first plane in a class that Python reads."""
    found = re.compile(f"[{members}]", re.ASCII)
    return from_points([code for code in range(0x10000) if found.match(chr(code))])


def from_points(points: Sequence[int]) -> Ranges:
    """Return code points as ranges."""
    return union([(point, point) for point in points])
