"""The syntax of RE2, read into a tree, for names of topics: those are ASCII, so a set of characters is a 128-bit mask.

Python's ``re`` is not used: it accepts what RE2 refuses and the reverse, and a hostile expression can keep it busy
for years where RE2 stays linear.

Source: github.com/google/re2, "Syntax"; KIP-848 (SubscribedTopicRegex).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum

ALL = (1 << 128) - 1
MAX_REPEAT = 1000
MAX_DEPTH = 200
UNBOUNDED = -1


class RegexSyntaxError(Exception):
    """The text is no expression of RE2; the message is RE2's."""


class Assertion(Enum):
    """What can be asked of a position."""

    START = "start"
    END = "end"
    BOUNDARY = "boundary"
    NO_BOUNDARY = "no boundary"


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set."""

    mask: int


@dataclass(frozen=True, slots=True)
class Asserted:
    """A position."""

    assertion: Assertion


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other; nothing where there are none."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any of them."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """So many times; `UNBOUNDED` for no end."""

    part: Node
    low: int
    high: int


Node = Chars | Asserted | Sequence | Choice | Repeat


def _mask(characters: str) -> int:
    mask = 0
    for character in characters:
        if ord(character) < 128:
            mask |= 1 << ord(character)
    return mask


def _span(low: int, high: int) -> int:
    high = min(high, 127)
    return 0 if low > high else (1 << (high + 1)) - (1 << low)


_DIGITS, _LOWER, _UPPER = _span(48, 57), _span(97, 122), _span(65, 90)
WORD = _DIGITS | _LOWER | _UPPER | _mask("_")
_PERL = {"d": _DIGITS, "s": _mask("\t\n\f\r "), "w": WORD}
_POSIX = {
    "alnum": _DIGITS | _LOWER | _UPPER,
    "alpha": _LOWER | _UPPER,
    "ascii": ALL,
    "blank": _mask("\t "),
    "cntrl": _span(0, 31) | _mask("\x7f"),
    "digit": _DIGITS,
    "graph": _span(33, 126),
    "lower": _LOWER,
    "print": _span(32, 126),
    "punct": _span(33, 47) | _span(58, 64) | _span(91, 96) | _span(123, 126),
    "space": _mask("\t\n\v\f\r "),
    "upper": _UPPER,
    "word": WORD,
    "xdigit": _DIGITS | _span(65, 70) | _span(97, 102),
}
_CATEGORIES = "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs"
_SCRIPTS = (
    "Arabic Armenian Bengali Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Han Hangul Hebrew Hiragana "
    "Kannada Katakana Khmer Lao Malayalam Mongolian Myanmar Tamil Telugu Thai Tibetan"
)
_PROPERTIES = {
    **{
        name: _mask("".join(chr(c) for c in range(128) if unicodedata.category(chr(c)).startswith(name)))
        for name in _CATEGORIES.split()
    },
    **dict.fromkeys(_SCRIPTS.split(), 0),
    "Any": ALL,
    "Latin": _LOWER | _UPPER,
    "Common": ALL & ~(_LOWER | _UPPER),
}
_SIGNS = {"*": (0, UNBOUNDED), "+": (1, UNBOUNDED), "?": (0, 1)}
_ESCAPES = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_POSITIONS = {"A": Assertion.START, "z": Assertion.END, "b": Assertion.BOUNDARY, "B": Assertion.NO_BOUNDARY}


def _folded(mask: int) -> int:
    """The set with the other case of each letter."""
    return mask | (mask & _LOWER) >> 32 | (mask & _UPPER) << 32


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        RegexSyntaxError: it is none.
    """
    parser = _Parser(text)
    tree = parser.choice(0)
    if not parser.at_end:
        raise RegexSyntaxError("unexpected )")
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ignores_case = False
        self._names: set[str] = set()

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._text)

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _skip(self, text: str) -> bool:
        if self._peek(text):
            self._at += len(text)
            return True
        return False

    def _next(self) -> str:
        character = self._text[self._at]
        self._at += 1
        return character

    def choice(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise RegexSyntaxError("expression nests too deeply")
        parts = [self._sequence(depth)]
        while self._skip("|"):
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while not self.at_end and not self._peek("|") and not self._peek(")"):
            if self._skip("\\Q"):
                quoted, self._at = self._quoted()
                parts += [self._literal(character) for character in quoted]
                if quoted and (repeats := self._repeats(parts[-1])) is not None:
                    parts[-1] = repeats
                continue
            part = self._atom(depth)
            if part is not None:
                parts.append(self._repeats(part) or part)
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _quoted(self) -> tuple[str, int]:
        end = self._text.find("\\E", self._at)
        return (self._text[self._at :], len(self._text)) if end < 0 else (self._text[self._at : end], end + 2)

    def _repeats(self, part: Node) -> Node | None:
        """The part with the repetition behind it; None where there is none."""
        bounds = self._repetition()
        if bounds is None:
            return None
        if self._repetition() is not None:
            raise RegexSyntaxError("invalid nested repetition operator")
        return Repeat(part, *bounds)

    def _repetition(self) -> tuple[int, int] | None:
        sign = "" if self.at_end else self._text[self._at]
        bounds = _SIGNS.get(sign)
        if bounds is not None:
            self._at += 1
        else:
            bounds = self._counted()
        if bounds is None:
            return None
        # Lazy or not is no question where only the whole name matches.
        self._skip("?")
        return bounds

    def _counted(self) -> tuple[int, int] | None:
        """{n}, {n,} or {n,m}; anything else in braces stands for itself."""
        end = self._text.find("}", self._at)
        if not self._peek("{") or end < 0:
            return None
        low, comma, high = self._text[self._at + 1 : end].partition(",")
        if not _is_number(low) or (high and not _is_number(high)):
            return None
        self._at = end + 1
        first = int(low)
        last = (int(high) if high else UNBOUNDED) if comma else first
        if max(first, last) > MAX_REPEAT or (last != UNBOUNDED and last < first):
            raise RegexSyntaxError("invalid repeat count")
        return first, last

    def _literal(self, character: str) -> Chars:
        mask = _mask(character)
        if self._ignores_case:
            mask |= _mask(character.lower()) | _mask(character.upper())
        return Chars(mask)

    def _chars(self, mask: int) -> Chars:
        return Chars(_folded(mask) if self._ignores_case else mask)

    def _atom(self, depth: int) -> Node | None:
        """The next thing that can be repeated; None for flags, which match nothing."""
        if self._repetition() is not None:
            raise RegexSyntaxError("missing argument to repetition operator")
        character = self._next()
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return self._bracket()
            case ".":
                return Chars(ALL & ~_mask("\n"))
            case "^":
                return Asserted(Assertion.START)
            case "$":
                return Asserted(Assertion.END)
            case "\\":
                return self._escape()
            case _:
                return self._literal(character)

    def _group(self, depth: int) -> Node | None:
        ignored_case = self._ignores_case
        if self._skip("?"):
            if self._skip("P<") or (self._peek("<") and not self._peek("<=") and not self._peek("<!")):
                self._skip("<")
                self._group_name()
            elif not self._flags():
                return None
        part = self.choice(depth + 1)
        if not self._skip(")"):
            raise RegexSyntaxError("missing closing )")
        self._ignores_case = ignored_case
        return part

    def _group_name(self) -> None:
        name, end, _ = self._text[self._at :].partition(">")
        if not end or not name or not all(c == "_" or (c.isascii() and c.isalnum()) for c in name):
            raise RegexSyntaxError("invalid named capture")
        if name in self._names:
            raise RegexSyntaxError("duplicate capture group name")
        self._names.add(name)
        self._at += len(name) + 1

    def _flags(self) -> bool:
        """Read flags up to their end; False where they are a group of their own, for all that follows."""
        sets, seen = True, False
        while not self.at_end:
            flag = self._next()
            if flag in "imsU":
                # Lines and greed make no difference to whole names.
                self._ignores_case = sets if flag == "i" else self._ignores_case
                seen = True
            elif flag == "-" and sets:
                sets, seen = False, False
            elif flag in ":)" and (seen or sets):
                return flag == ":"
            else:
                break
        raise RegexSyntaxError("invalid or unsupported Perl syntax")

    def _escape(self) -> Node:
        if self.at_end:
            raise RegexSyntaxError("trailing backslash at end of expression")
        character = self._text[self._at]
        if character in _POSITIONS:
            self._at += 1
            return Asserted(_POSITIONS[character])
        mask = self._class_escape()
        return self._chars(mask) if mask is not None else self._literal(self._character_escape())

    def _class_escape(self) -> int | None:
        r"""The set behind \d, \p{Lu} and so on; None where the escape is one character."""
        character = self._text[self._at]
        if character.lower() in _PERL:
            self._at += 1
            mask = _PERL[character.lower()]
            return ALL & ~mask if character.isupper() else mask
        if character not in "pP":
            return None
        self._at += 1
        name = self._text[self._at : self._at + 1]
        self._at += 1
        if name == "{":
            name, end, _ = self._text[self._at :].partition("}")
            self._at += len(name) + len(end)
        negated = (character == "P") != name.startswith("^")
        mask = _PROPERTIES.get(name.removeprefix("^"))
        if mask is None:
            raise RegexSyntaxError("invalid character class range")
        return ALL & ~mask if negated else mask

    def _character_escape(self) -> str:
        character = self._next()
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character in "01234567":
            return self._octal(character)
        if character == "x":
            return self._hexadecimal()
        if character.isascii() and not character.isalnum():
            return character
        raise RegexSyntaxError("invalid escape sequence")

    def _octal(self, first: str) -> str:
        digits = first
        while len(digits) < 3 and not self.at_end and self._text[self._at] in "01234567":
            digits += self._next()
        if len(digits) == 1 and first != "0":
            # That would be a back-reference.
            raise RegexSyntaxError("invalid escape sequence")
        return chr(int(digits, 8))

    def _hexadecimal(self) -> str:
        if self._skip("{"):
            digits, end, _ = self._text[self._at :].partition("}")
            self._at += len(digits) + len(end)
        else:
            digits = self._text[self._at : self._at + 2]
            end = len(digits) == 2
            self._at += 2
        if not end or not digits or not all(c in "0123456789abcdefABCDEF" for c in digits):
            raise RegexSyntaxError("invalid escape sequence")
        if int(digits, 16) > 0x10FFFF:
            raise RegexSyntaxError("invalid escape sequence")
        return chr(int(digits, 16))

    def _bracket(self) -> Chars:
        negated = self._skip("^")
        mask, first = 0, True
        while first or not self._peek("]"):
            if self.at_end:
                raise RegexSyntaxError("missing closing ]")
            mask |= self._bracket_part()
            first = False
        self._at += 1
        if self._ignores_case:
            mask = _folded(mask)
        return Chars(ALL & ~mask if negated else mask)

    def _bracket_part(self) -> int:
        if self._peek("[:") and (end := self._text.find(":]", self._at)) > 0:
            name = self._text[self._at + 2 : end]
            self._at = end + 2
            if name.removeprefix("^") not in _POSIX:
                raise RegexSyntaxError("invalid character class range")
            mask = _POSIX[name.removeprefix("^")]
            return ALL & ~mask if name.startswith("^") else mask
        if self._peek("\\") and self._at + 1 < len(self._text):
            self._at += 1
            mask = self._class_escape()
            if mask is not None:
                return mask
            self._at -= 1
        low = self._bracket_character()
        if not self._peek("-") or self._peek("-]"):
            return _span(ord(low), ord(low))
        self._at += 1
        high = self._bracket_character()
        if high < low:
            raise RegexSyntaxError("invalid character class range")
        return _span(ord(low), ord(high))

    def _bracket_character(self) -> str:
        if self.at_end:
            raise RegexSyntaxError("missing closing ]")
        if self._skip("\\"):
            if self.at_end:
                raise RegexSyntaxError("trailing backslash at end of expression")
            return self._character_escape()
        return self._next()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or not text.startswith("0"))
