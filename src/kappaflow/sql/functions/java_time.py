"""Patterns of Java's DateTimeFormatter: ``yyyy-MM-dd'T'HH:mm:ss.SSSX`` and the like, both ways.

Source: the pattern letters of java.time.format.DateTimeFormatter (JDK 17), English names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from kappaflow.errors import FunctionError
from kappaflow.sql.functions.time_fields import DAYS, MONTHS, Fields
from kappaflow.sql.functions.zone_texts import ZONE_LETTERS, print_zone, zone_in, zone_regex

_NUMBERS = "yuMLdDHhKkmsSnNAQqecYwWF"
DATE_LETTERS = frozenset("yuMLdDQqecYwWFEG")
TIME_LETTERS = frozenset("aHhKkmsSnAN")
_LETTERS = _NUMBERS + ZONE_LETTERS + "aEG"
# How many letters a run may have; runs of other letters have up to 19.
_COUNTS: dict[str, frozenset[int]] = {
    **dict.fromkeys("dHhKkmsw", frozenset({1, 2})),
    **dict.fromkeys("MLQqEeGXxZ", frozenset(range(1, 6))),
    "c": frozenset({1, 3, 4, 5}),
    "D": frozenset({1, 2, 3}),
    "S": frozenset(range(1, 10)),
    "a": frozenset({1}),
    "W": frozenset({1}),
    "F": frozenset({1}),
    "V": frozenset({2}),
    "O": frozenset({1, 4}),
    "z": frozenset({1, 2, 3, 4}),
}
_RUN_MAX = 19
_YEAR_MAX = 9999
# What a number may be; a field name where its value matters.
_RANGES: dict[str, tuple[int, int, str]] = {
    "d": (1, 31, "day"),
    "D": (1, 366, "day_of_year"),
    "H": (0, 24, "hour"),
    "k": (1, 24, "hour"),
    "K": (0, 11, "half_day_hour"),
    "h": (0, 12, "half_day_hour"),
    "m": (0, 59, "minute"),
    "s": (0, 59, "second"),
    "n": (0, 999_999_999, "nanos"),
    "A": (0, 86_399_999, "nanos_of_day"),
    "N": (0, 86_399_999_999_999, "nanos_of_day"),
    "w": (1, 99, "week"),
    "W": (0, 6, ""),
}
_RESERVED = "{}#"
_PADDING = "p"
_QUARTERS = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter")


@dataclass(frozen=True, slots=True)
class _Item:
    """A run of one letter, a literal (letter ''), or a bracket of an optional section; `width` pads it with blanks."""

    letter: str
    count: int
    text: str = ""
    width: int = 0


class TimePattern:
    """A compiled pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._items = _read(pattern)
        self._groups: list[_Item] = []
        parts = [self._regex(item) for item in self._items]
        self._compiled = re.compile("".join(parts), re.IGNORECASE)

    def parse(self, text: str) -> Fields:
        """Read a text.

        Raises:
            FunctionError: it does not follow the pattern.
        """
        found = self._compiled.fullmatch(text)
        if found is None:
            raise FunctionError(f"Text '{text}' could not be parsed with '{self.pattern}'")
        fields = Fields()
        for index, item in enumerate(self._groups, start=1):
            value = found[index]
            if value is not None:
                _set(fields, item, value)
        return fields

    def format(self, moment: datetime, letters: frozenset[str] | None = None) -> str:
        """Print a moment; it is aware where the pattern has zone letters.

        Raises:
            FunctionError: a letter that is not among those that the moment has (None: it has all).
        """
        unknown = [
            item.letter for item in self._items if letters and item.letter.isalpha() and item.letter not in letters
        ]
        if unknown:
            raise FunctionError(f"Unsupported field: {unknown[0]}")
        return "".join(_padded(item, _print(item, moment)) for item in self._items)

    def _regex(self, item: _Item) -> str:
        if item.letter in ("", "[", "]"):
            return {"[": "(?:", "]": ")?"}.get(item.letter) or re.escape(item.text)
        self._groups.append(item)
        return f"{' *' if item.width else ''}({_item_regex(item)})"


@lru_cache(maxsize=1024)
def time_pattern(pattern: str) -> TimePattern:
    """Compile a pattern.

    Raises:
        FunctionError: an unknown letter or an unclosed quote or bracket.
    """
    return TimePattern(pattern)


def _read(pattern: str) -> list[_Item]:
    items: list[_Item] = []
    position = 0
    depth = 0
    width = 0
    while position < len(pattern):
        letter = pattern[position]
        if letter == "'":
            position, text = _quoted(pattern, position)
            items.append(_Item("", 0, text))
            continue
        end = position + 1
        if letter in "[]":
            depth += 1 if letter == "[" else -1
            items.append(_Item(letter, 1))
        elif letter.isascii() and letter.isalpha():
            while end < len(pattern) and pattern[end] == letter:
                end += 1
            if letter == _PADDING and width == 0 and pattern[end : end + 1].isalpha():
                width = end - position
            else:
                items.append(_run(letter, end - position, width))
                width = 0
        elif letter in _RESERVED:
            raise FunctionError(f"Pattern includes reserved character: '{letter}'")
        else:
            items.append(_Item("", 0, letter))
        position = end
        if depth < 0:
            raise FunctionError(f"Pattern '{pattern}' closes a section that was not opened")
    items.extend(_Item("]", 1) for _ in range(depth))
    return items


def _run(letter: str, count: int, width: int) -> _Item:
    if letter not in _LETTERS:
        raise FunctionError(f"Unknown pattern letter: {letter}")
    if count > _RUN_MAX or (letter in _COUNTS and count not in _COUNTS[letter]):
        raise FunctionError(f"Too many pattern letters: {letter}")
    return _Item(letter, count, width=width)


def _padded(item: _Item, text: str) -> str:
    if item.width and len(text) > item.width:
        raise FunctionError(f"Cannot print as output of {len(text)} characters exceeds pad width of {item.width}")
    return text.rjust(item.width)


def _quoted(pattern: str, position: int) -> tuple[int, str]:
    if pattern[position : position + 2] == "''":
        return position + 2, "'"
    text: list[str] = []
    position += 1
    while position < len(pattern):
        if pattern[position] != "'":
            text.append(pattern[position])
            position += 1
        elif pattern[position : position + 2] == "''":
            text.append("'")
            position += 2
        else:
            return position + 1, "".join(text)
    raise FunctionError(f"Pattern ends with an incomplete string literal: {pattern}")


def _item_regex(item: _Item) -> str:
    letter, count = item.letter, item.count
    if letter in "ML" and count >= 3:
        return _names(MONTHS, count)
    if letter == "E" or (letter in "ec" and count >= 3):
        return _names(DAYS, count)
    if letter in "Qq" and count >= 3:
        return {3: "Q[1-4]", 4: "|".join(_QUARTERS)}.get(count, "[1-4]")
    if letter == "a":
        return "AM|PM"
    if letter == "G":
        return {4: "Anno Domini|Before Christ", 5: "A|B"}.get(count, "AD|BC")
    if letter in ZONE_LETTERS:
        return zone_regex(letter, count)
    if letter in "yuY":
        if count == 2:
            return r"\d{2}"
        return rf"-?\d{{{count},19}}" if count < 4 else rf"-?\d{{{count}}}|\+\d{{{count + 1},19}}"
    if letter in "AnN":
        return rf"\d{{{count},19}}"
    if letter == "D" and count == 2:
        return r"\d{2,3}"
    return r"\d{1,19}" if count == 1 and letter != "S" else rf"\d{{{count}}}"


def _names(names: Sequence[str], count: int) -> str:
    if count == 5:
        return "|".join(sorted({name[0] for name in names}))
    return "|".join(name[:3] if count == 3 or (names is DAYS and count != 4) else name for name in names)


def _set(fields: Fields, item: _Item, text: str) -> None:
    letter, count = item.letter, item.count
    if letter in "yuY":
        value = 2000 + int(text) if count == 2 else int(text)
        setattr(fields, "week_year" if letter == "Y" else "year", value)
    elif letter in "ML":
        _set_name(fields, "month", MONTHS, item, text)
    elif letter in "Eec":
        _set_name(fields, "weekday", DAYS, item, text)
    elif letter == "a":
        fields.half_day = int(text.upper() == "PM")
    elif letter == "S":
        fields.nanos = int(text.ljust(9, "0")[:9])
    elif letter in ZONE_LETTERS:
        fields.zone = zone_in(text)
    elif letter in _RANGES and not (letter in "Qq" and count >= 3):
        low, high, name = _RANGES[letter]
        value = int(text)
        if not low <= value <= high:
            raise FunctionError(f"Invalid value (valid values {low} - {high}): {value}")
        if name:
            setattr(fields, name, value % 24 if letter == "k" else value * (1_000_000 if letter == "A" else 1))


def _set_name(fields: Fields, field: str, names: Sequence[str], item: _Item, text: str) -> None:
    if not text.isdigit():
        letters = 1 if item.count == 5 else 3
        found = [index for index, name in enumerate(names, start=1) if name[:letters].lower() == text[:letters].lower()]
        setattr(fields, field, found[-1])
        return
    value = int(text)
    if not 1 <= value <= len(names):
        raise FunctionError(f"Invalid value (valid values 1 - {len(names)}): {value}")
    # Numbers of days count from Sunday.
    setattr(fields, field, value if names is MONTHS else (value - 1) or len(names))


def _print(item: _Item, moment: datetime) -> str:
    letter, count = item.letter, item.count
    if letter in ("", "[", "]"):
        return item.text
    if letter in "ML" and count >= 3:
        name = MONTHS[moment.month - 1]
        return {3: name[:3], 5: name[0]}.get(count, name)
    if letter == "E" or (letter in "ec" and count >= 3):
        name = DAYS[moment.weekday()]
        return {4: name, 5: name[0]}.get(count, name[:3])
    if letter in "Qq" and count >= 3:
        quarter = (moment.month - 1) // 3
        return {3: f"Q{quarter + 1}", 4: _QUARTERS[quarter]}.get(count, str(quarter + 1))
    if letter == "a":
        return "PM" if moment.hour >= 12 else "AM"
    if letter == "G":
        return {4: "Anno Domini", 5: "A"}.get(count, "AD")
    if letter in ZONE_LETTERS:
        return print_zone(letter, count, moment)
    if letter == "S":
        return f"{moment.microsecond:06d}".ljust(9, "0")[:count]
    if letter in "yuY" and count == 2:
        return f"{_number(letter, moment) % 100:02d}"
    return str(_number(letter, moment)).zfill(count)


def _number(letter: str, moment: datetime) -> int:
    match letter:
        case "y" | "u":
            return moment.year
        case "Y":
            return _week(moment)[0]
        case "w":
            return _week(moment)[1]
        case "W":
            return (moment.day - 1 + moment.replace(day=1).isoweekday() % 7) // 7 + 1
        case "F":
            return (moment.day - 1) % 7 + 1
        case "M" | "L":
            return moment.month
        case "Q" | "q":
            return (moment.month - 1) // 3 + 1
        case "d":
            return moment.day
        case "D":
            return moment.timetuple().tm_yday
        case "e" | "c":
            return moment.isoweekday() % 7 + 1
        case _:
            return _time_number(letter, moment)


def _week(moment: datetime) -> tuple[int, int]:
    """Return the week-based year and its week: weeks begin on Sunday, the first one holds 1 January."""
    last = moment.date() + timedelta(days=6 - moment.isoweekday() % 7) if moment.year < _YEAR_MAX else moment.date()
    if last.year > moment.year:
        return last.year, 1
    first = date(moment.year, 1, 1).isoweekday() % 7
    return moment.year, (moment.timetuple().tm_yday - 1 + first) // 7 + 1


def _time_number(letter: str, moment: datetime) -> int:
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return {
        "H": moment.hour,
        "k": moment.hour or 24,
        "K": moment.hour % 12,
        "h": moment.hour % 12 or 12,
        "m": moment.minute,
        "s": moment.second,
        "n": moment.microsecond * 1000,
        "A": seconds * 1000 + moment.microsecond // 1000,
        "N": seconds * 1_000_000_000 + moment.microsecond * 1000,
    }[letter]
