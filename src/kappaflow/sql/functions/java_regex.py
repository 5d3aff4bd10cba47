r"""Regular expressions in Java's dialect, compiled to Python's `re`.

What the dialects spell differently is rewritten: named groups, quoting, classes by name, nested and intersecting
classes, flags within a pattern, line ends, bounds of words.  Source: java.util.regex.Pattern, JDK 17.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from kappaflow.errors import FunctionError
from kappaflow.sql.functions.java_classes import ClassReader, class_text
from kappaflow.sql.functions.regex_flags import INLINE, Flags
from kappaflow.sql.functions.regex_names import (
    BLANKS,
    CLASS_NAME,
    LINE_ENDS,
    named_class,
    word_characters,
)

_ESCAPED_CLASSES = {"h": (BLANKS, ""), "H": (BLANKS, "^"), "v": (LINE_ENDS, ""), "V": (LINE_ENDS, "^")}
_ESCAPES = {"z": r"\Z", "R": rf"(?:\r\n|[{LINE_ENDS}])", "e": r"\x1b"}
_CODE_POINT = re.compile(r"\\(?:x\{([0-9A-Fa-f]{1,6})\}|0([0-3]?[0-7]{1,2}))")
_BACK_REFERENCE = re.compile(r"\\k<(\w+)>")
_GROUP = re.compile(r"\(\?(<[a-zA-Z][a-zA-Z0-9]*>|<?[=!]|>)")
_COMMENT = re.compile(r"#[^\n\r\x85\u2028\u2029]*")
_REPETITION = re.compile(r"\{\d+(?:,\d*)?\}")
_DIGITS = re.compile(r"[0-9]+")
# Between these Python looks for operators on sets that it does not have yet.
_SET_OPERATORS = "|~"


@lru_cache(maxsize=1024)
def compile_java(pattern: str) -> re.Pattern[str]:
    """Compile a pattern written for java.util.regex.

    Raises:
        FunctionError: the pattern is wrong, or has no form here.
    """
    try:
        return re.compile(_Translator(pattern).translate(), re.ASCII)
    except (re.error, ValueError, OverflowError) as error:
        raise FunctionError(f"Invalid regular expression pattern: {pattern}. {error}") from None


class _Translator:
    """Rewrites one pattern, from its start to its end."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0
        self._flags = Flags()
        self._result: list[str] = []
        self._groups = 0
        # Of the pattern and of each open group: the flags before it, and the groups opened within it for flags.
        self._before: list[Flags] = []
        self._opened: list[list[str]] = [[]]

    def translate(self) -> str:
        """Return the pattern as Python writes it.

        Raises:
            ValueError: the pattern is wrong.
        """
        while self._position < len(self._pattern):
            self._step(self._pattern[self._position])
        self._result.append(")" * len(self._opened[-1]))
        return "".join(self._result)

    def _add(self, text: str, length: int = 1) -> None:
        self._result.append(text)
        self._position += length

    def _step(self, character: str) -> None:
        match character:
            case "\\":
                self._escape()
            case "[":
                self._class()
            case "(":
                self._open()
            case ")":
                self._close()
            case "|":
                opened = self._opened[-1]
                self._add(f"{')' * len(opened)}|{''.join(opened)}")
            case "{":
                self._copy(_REPETITION, "Illegal repetition")
            case ".":
                self._add(self._flags.any_character())
            case "^":
                self._add(self._flags.line_start())
            case "$":
                self._add(self._flags.line_end())
            case "#" if self._flags.comments:
                comment = _COMMENT.match(self._pattern, self._position)
                self._add("", len(comment[0]) if comment else 1)
            case " " | "\t" | "\n" | "\x0b" | "\f" | "\r" if self._flags.comments:
                self._add("")
            case _:
                self._add(character)

    def _copy(self, form: re.Pattern[str], problem: str) -> None:
        found = form.match(self._pattern, self._position)
        if found is None:
            raise ValueError(problem)
        self._add(found[0], len(found[0]))

    def _class(self) -> None:
        reader = ClassReader(self._pattern, self._position, named_class)
        members = reader.read()
        if not reader.plain or self._flags.by_unicode:
            self._add(class_text(members), reader.position - self._position)
            return
        while self._position < reader.position:
            character = self._pattern[self._position]
            if character == "\\":
                self._add(*_escaped(self._pattern, self._position, in_class=True))
            else:
                self._add(f"\\{character}" if character in _SET_OPERATORS else character)

    def _open(self) -> None:
        flags = INLINE.match(self._pattern, self._position)
        if flags is not None:
            self._set_flags(flags)
            return
        kind = _GROUP.match(self._pattern, self._position)
        if kind is None and self._pattern.startswith("(?", self._position):
            raise ValueError("Unknown group type")
        named = kind is not None and kind[1][0] == "<" and kind[1][-1] == ">"
        self._groups += kind is None or named
        self._enter(self._flags)
        if kind is None:
            self._add("(")
        else:
            self._add(f"(?P{kind[1]}" if named else kind[0], len(kind[0]))

    def _enter(self, before: Flags) -> None:
        self._before.append(before)
        self._opened.append([])

    def _set_flags(self, found: re.Match[str]) -> None:
        before, self._flags = self._flags, self._flags.changed(found[1], found[2] or "")
        opening = self._flags.opening(before)
        if found[3] == ":":
            self._enter(before)
        else:
            self._opened[-1].append(opening)
        self._add(opening, len(found[0]))

    def _close(self) -> None:
        if not self._before:
            raise ValueError("Unmatched closing ')'")
        self._add(")" * len(self._opened.pop()) + ")")
        self._flags = self._before.pop()

    def _escape(self) -> None:
        letter = self._pattern[self._position + 1 : self._position + 2]
        if self._pattern.startswith("\\Q", self._position):
            self._quoted()
        elif letter in ("b", "B"):
            self._add(_word_bound(inside=letter == "B"), 2)
        elif letter == "Z":
            self._add(self._flags.last_line_end(), 2)
        elif letter and letter in "123456789":
            self._reference()
        elif letter and letter in "dwsDWS" and self._flags.by_unicode:
            self._add(f"(?a-i:\\{letter})", 2)
        else:
            self._add(*_escaped(self._pattern, self._position, in_class=False))

    def _quoted(self) -> None:
        end = self._pattern.find("\\E", self._position + 2)
        end = len(self._pattern) if end < 0 else end
        self._add(re.escape(self._pattern[self._position + 2 : end]), end + 2 - self._position)

    def _reference(self) -> None:
        """Take as many digits as there are groups before; a group that is not there matches nothing."""
        digits = _DIGITS.match(self._pattern, self._position + 1)
        number = digits[0] if digits else ""
        while len(number) > 1 and int(number) > self._groups:
            number = number[:-1]
        self._add(f"(?:\\{number})" if int(number) <= self._groups else "(?!)", 1 + len(number))


@cache
def _word_bound(*, inside: bool) -> str:
    r"""Return the form of ``\b``, or of ``\B``."""
    word = class_text(word_characters())
    if inside:
        return f"(?:(?<={word})(?={word})|(?<!{word})(?!{word}))"
    return f"(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"


def _escaped(pattern: str, position: int, *, in_class: bool) -> tuple[str, int]:
    """Rewrite an escape: its new form, and how long it was."""
    if pattern.startswith("\\Q", position):
        end = pattern.find("\\E", position + 2)
        return re.escape(pattern[position + 2 : end]), end + 2 - position
    named = CLASS_NAME.match(pattern, position)
    if named is not None:
        text = class_text(named_class(named[0]))
        return (text[1:-1] if in_class else text), len(named[0])
    code_point = _CODE_POINT.match(pattern, position)
    if code_point is not None:
        code = int(code_point[1], 16) if code_point[1] else int(code_point[2], 8)
        return f"\\U{code:08x}", len(code_point[0])
    reference = _BACK_REFERENCE.match(pattern, position)
    if reference is not None:
        return f"(?P={reference[1]})", len(reference[0])
    letter = pattern[position + 1 : position + 2]
    if letter == "c" and position + 2 < len(pattern):
        return f"\\U{ord(pattern[position + 2]) ^ 64:08x}", 3
    members, negated = _ESCAPED_CLASSES.get(letter, ("", ""))
    if members:
        return (members if in_class else f"[{negated}{members}]"), 2
    return _ESCAPES.get(letter, f"\\{letter}"), 2
