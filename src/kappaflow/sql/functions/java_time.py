"""Patterns of Java's DateTimeFormatter: ``yyyy-MM-dd'T'HH:mm:ss.SSSX`` and the like, both ways.

Source: the pattern letters of java.time.format.DateTimeFormatter (JDK 17), English names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.times import zone_of

_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
# What the short zone names stand for, daylight saving included.
_ZONE_NAMES = {
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CET": "Europe/Paris",
    "CEST": "Europe/Paris",
    "BST": "Europe/London",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "IST": "Asia/Kolkata",
}
_NUMBERS = "yuMLdDHhKkmsSnNAQqeceYwWF"
_ZONES = "VzOXxZ"
_LETTERS = _NUMBERS + _ZONES + "aEG"


@dataclass(frozen=True, slots=True)
class _Item:
    """A run of one letter, a literal (letter ''), or a bracket of an optional section."""

    letter: str
    count: int
    text: str = ""


@dataclass(slots=True)
class Fields:
    """What a text said; None where it said nothing."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    day_of_year: int | None = None
    hour: int | None = None
    half_day_hour: int | None = None
    half_day: int | None = None
    minute: int | None = None
    second: int | None = None
    nanos: int | None = None
    zone: tzinfo | None = None

    def moment(self) -> datetime:
        """Return the naive local moment; what is missing counts from 1970-01-01T00:00.

        Raises:
            FunctionError: there is no such day or time.
        """
        hour = self.hour
        if hour is None and self.half_day_hour is not None:
            hour = self.half_day_hour % 12 + 12 * (self.half_day or 0)
        try:
            day = date(1970 if self.year is None else self.year, self.month or 1, self.day or 1)
            if self.day_of_year is not None:
                day = date(day.year, 1, 1) + timedelta(days=self.day_of_year - 1)
            micros = (self.nanos or 0) // 1000
            return datetime(  # noqa: DTZ001
                day.year, day.month, day.day, hour or 0, self.minute or 0, self.second or 0, micros
            )
        except (ValueError, OverflowError) as error:
            raise FunctionError(str(error)) from None


class TimePattern:
    """A compiled pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._items = _read(pattern)
        self._groups: list[_Item] = []
        parts = [self._regex(item) for item in self._items]
        self._compiled = re.compile("".join(parts), re.IGNORECASE)

    def parse(self, text: str, prefix: bool = False) -> Fields:
        """Read a text, or with `prefix` the beginning of a text.

        Raises:
            FunctionError: it does not follow the pattern.
        """
        found = self._compiled.match(text) if prefix else self._compiled.fullmatch(text)
        if found is None:
            raise FunctionError(f"Text '{text}' could not be parsed with '{self.pattern}'")
        fields = Fields()
        for index, item in enumerate(self._groups, start=1):
            value = found[index]
            if value is not None:
                _set(fields, item, value)
        return fields

    def format(self, moment: datetime) -> str:
        """Print a moment; it is aware where the pattern has zone letters."""
        return "".join(_print(item, moment) for item in self._items)

    def _regex(self, item: _Item) -> str:
        if item.letter in ("", "[", "]"):
            return {"[": "(?:", "]": ")?"}.get(item.letter) or re.escape(item.text)
        self._groups.append(item)
        return f"({_item_regex(item)})"


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
            if letter not in _LETTERS:
                raise FunctionError(f"Unknown pattern letter: {letter}")
            while end < len(pattern) and pattern[end] == letter:
                end += 1
            items.append(_Item(letter, end - position))
        else:
            items.append(_Item("", 0, letter))
        position = end
        if depth < 0:
            raise FunctionError(f"Pattern '{pattern}' closes a section that was not opened")
    items.extend(_Item("]", 1) for _ in range(depth))
    return items


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
        return "|".join(name[:3] if count == 3 else name for name in _MONTHS)
    if letter == "E" or (letter in "ec" and count >= 3):
        return "|".join(name if count == 4 else name[:3] for name in _DAYS)
    if letter == "a":
        return "AM|PM"
    if letter == "G":
        return "AD|BC|Anno Domini|Before Christ"
    if letter in _ZONES:
        return _zone_regex(letter, count)
    if letter in "yuY":
        return {1: r"[+-]?\d{1,9}", 2: r"\d{2}"}.get(count, rf"-?\d{{{count}}}|\+\d{{{count + 1},9}}")
    if letter == "S":
        return rf"\d{{{count}}}"
    return r"\d{1,19}" if count == 1 else rf"\d{{{count}}}"


def _zone_regex(letter: str, count: int) -> str:
    if letter in "Vz":
        return r"Z|[+-]\d{2}:?\d{2}|[A-Za-z][A-Za-z0-9_+\-/]*"
    if letter == "O":
        return r"GMT(?:[+-]\d{1,2}(?::?\d{2})?)?"
    if letter == "Z":
        return {4: r"GMT(?:[+-]\d{2}:\d{2})?", 5: r"Z|[+-]\d{2}:\d{2}"}.get(count, r"[+-]\d{4}")
    digits = {1: r"\d{2}(?:\d{2})?", 2: r"\d{4}", 3: r"\d{2}:\d{2}", 4: r"\d{4}(?:\d{2})?"}
    offset = "[+-]" + digits.get(count, r"\d{2}:\d{2}(?::\d{2})?")
    return f"Z|{offset}" if letter == "X" else offset


def _set(fields: Fields, item: _Item, text: str) -> None:
    letter = item.letter
    if letter in "yuY":
        fields.year = 2000 + int(text) if item.count == 2 else int(text)
    elif letter in "ML":
        names = [name[:3].lower() for name in _MONTHS]
        fields.month = int(text) if item.count < 3 else names.index(text[:3].lower()) + 1
    elif letter == "a":
        fields.half_day = int(text.upper() == "PM")
    elif letter in "hK":
        fields.half_day_hour = int(text)
    elif letter == "S":
        fields.nanos = int(text.ljust(9, "0")[:9])
    elif letter == "n":
        fields.nanos = int(text)
    elif letter == "k":
        fields.hour = int(text) % 24
    elif letter in _ZONES:
        fields.zone = zone_of(_ZONE_NAMES.get(text.upper()) or _offset_text(text))
    else:
        name = {"d": "day", "D": "day_of_year", "H": "hour", "m": "minute", "s": "second"}.get(letter)
        if name is not None:
            setattr(fields, name, int(text))


def _offset_text(text: str) -> str:
    if text.startswith("GMT") and len(text) > 3:
        sign, hours, minutes = text[3], *[*text[4:].split(":"), "00"][:2]
        return f"{sign}{hours.zfill(2)}{minutes}"
    if text[:1] in "+-" and len(text) == 3:
        return f"{text}00"
    return text


def _print(item: _Item, moment: datetime) -> str:
    letter, count = item.letter, item.count
    if letter in ("", "[", "]"):
        return item.text
    if letter in "ML" and count >= 3:
        name = _MONTHS[moment.month - 1]
        return {3: name[:3], 5: name[0]}.get(count, name)
    if letter == "E" or (letter in "ec" and count >= 3):
        name = _DAYS[moment.weekday()]
        return {4: name, 5: name[0]}.get(count, name[:3])
    if letter == "a":
        return "PM" if moment.hour >= 12 else "AM"
    if letter == "G":
        return "Anno Domini" if count == 4 else "AD"
    if letter in _ZONES:
        return _print_zone(letter, count, moment)
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
            return moment.isocalendar().year
        case "w":
            return moment.isocalendar().week
        case "W" | "F":
            return (moment.day - 1) // 7 + 1
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


def _print_zone(letter: str, count: int, moment: datetime) -> str:
    zone = moment.tzinfo or UTC
    if letter == "V":
        key = getattr(zone, "key", None)
        return key or _offset(moment, ":", "Z")
    if letter == "z":
        return moment.tzname() or "UTC"
    offset = _offset(moment, ":", "")
    if letter == "O" or (letter == "Z" and count == 4):
        short = f"{offset[0]}{int(offset[1:3])}" + (offset[3:] if offset[4:] != "00" else "")
        return "GMT" if moment.utcoffset() == timedelta(0) else f"GMT{short if count == 1 else offset}"
    if letter == "Z":
        return _offset(moment, ":", "Z") if count == 5 else _offset(moment, "", "")
    text = _offset(moment, ":" if count in (3, 5) else "", "Z" if letter == "X" else "")
    return text[:-2] if count == 1 and text != "Z" and text.endswith("00") else text


def _offset(moment: datetime, separator: str, zero: str) -> str:
    offset = moment.utcoffset() or timedelta(0)
    if zero and not offset:
        return zero
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{separator}{abs(minutes) % 60:02d}"
