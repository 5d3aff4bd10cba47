"""Patterns of Java's DateTimeFormatter: ``yyyy-MM-dd'T'HH:mm:ss.SSSX`` and the like, both ways.

Source: the pattern letters of java.time.format.DateTimeFormatter (JDK 17), English names.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import available_timezones

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.times import zone_of

MONTHS: Sequence[str] = "January February March April May June July August September October November December".split()
DAYS: Sequence[str] = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
# What the short zone names stand for, daylight saving included.
_ZONE_NAMES = {
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "PT": "America/Los_Angeles",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "MT": "America/Denver",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "CT": "America/Chicago",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "ET": "America/New_York",
    "CET": "Europe/Paris",
    "CEST": "Europe/Paris",
    "BST": "Europe/London",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "IST": "Asia/Kolkata",
}
_NUMBERS = "yuMLdDHhKkmsSnNAQqecYwWF"
_ZONES = "VzOXxZ"
DATE_LETTERS = frozenset("yuMLdDQqecYwWFEG")
TIME_LETTERS = frozenset("aHhKkmsSnAN")
_LETTERS = _NUMBERS + _ZONES + "aEG"
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
_DAY_MAX = 31
_EPOCH_DAY = date(1970, 1, 1)
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
_ZONE_LONG_NAMES = {
    "UTC": "Coordinated Universal Time",
    "GMT": "Greenwich Mean Time",
    "EST": "Eastern Standard Time",
    "EDT": "Eastern Daylight Time",
    "CST": "Central Standard Time",
    "CDT": "Central Daylight Time",
    "MST": "Mountain Standard Time",
    "MDT": "Mountain Daylight Time",
    "PST": "Pacific Standard Time",
    "PDT": "Pacific Daylight Time",
    "CET": "Central European Standard Time",
    "CEST": "Central European Summer Time",
    "BST": "British Summer Time",
    "IST": "India Standard Time",
    "JST": "Japan Standard Time",
    "KST": "Korean Standard Time",
}


@dataclass(frozen=True, slots=True)
class _Item:
    """A run of one letter, a literal (letter ''), or a bracket of an optional section; `width` pads it with blanks."""

    letter: str
    count: int
    text: str = ""
    width: int = 0


@dataclass(slots=True)
class Fields:
    """What a text said; None where it said nothing."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    day_of_year: int | None = None
    week_year: int | None = None
    week: int | None = None
    weekday: int | None = None
    hour: int | None = None
    half_day_hour: int | None = None
    half_day: int | None = None
    minute: int | None = None
    second: int | None = None
    nanos: int | None = None
    nanos_of_day: int | None = None
    zone: tzinfo | None = None

    def moment(self) -> datetime:
        """Return the naive local moment; what is missing counts from 1970-01-01T00:00.

        Raises:
            FunctionError: there is no such day or time.
        """
        try:
            day = self._day()
            hour, minute, second = self._hour(), self.minute or 0, self.second or 0
            if (hour, minute, second, self.nanos or 0) == (24, 0, 0, 0):
                # The end of a day is the beginning of the next.
                complete = self.day is not None or self.day_of_year is not None
                hour, day = 0, day + timedelta(days=int(complete))
            start = datetime(day.year, day.month, day.day, hour, minute, second, (self.nanos or 0) // 1000)  # noqa: DTZ001
            return start if self.nanos_of_day is None else start + timedelta(microseconds=self.nanos_of_day // 1000)
        except (ValueError, OverflowError) as error:
            raise FunctionError(str(error)) from None

    @property
    def has_day(self) -> bool:
        """Whether the text said which day it is."""
        if self.year is not None and (
            self.day_of_year is not None or (self.month is not None and self.day is not None)
        ):
            return True
        return self.week_year is not None and self.week is not None and self.weekday is not None

    @property
    def has_part_of_day(self) -> bool:
        """Whether the text said anything of a day."""
        parts = (self.year, self.month, self.day, self.day_of_year, self.week_year, self.week, self.weekday)
        return any(part is not None for part in parts)

    @property
    def has_time(self) -> bool:
        """Whether the text said which time of the day it is; of the parts only the last ones may be missing."""
        if self.nanos_of_day is not None:
            return True
        if self.minute is None and (self.second is not None or self.nanos is not None):
            return False
        if self.second is None and self.nanos is not None:
            return False
        return self.hour is not None or self.half_day is not None

    def _day(self) -> date:
        if self.day_of_year is not None:
            year = 1970 if self.year is None else self.year
            day = date(year, 1, 1) + timedelta(days=self.day_of_year - 1)
            if day.year != year:
                raise ValueError(f"Invalid day of year {self.day_of_year}")
            return day
        if self.week_year is not None and self.week is not None and self.weekday is not None:
            first = date(self.week_year, 1, 1)
            first -= timedelta(days=first.isoweekday() % 7)
            return first + timedelta(days=(self.week - 1) * 7 + self.weekday % 7)
        if self.year is None or self.month is None or self.day is None:
            return self._part_of_day()
        day = _cut(self.year, self.month, self.day)
        if self.weekday is not None and self.weekday != day.isoweekday():
            raise ValueError(f"{day} is no {DAYS[self.weekday - 1]}")
        return day

    def _part_of_day(self) -> date:
        """Change 1970-01-01, a Thursday, part by part: weekday, day, month, year."""
        day = _EPOCH_DAY
        if self.weekday is not None:
            day += timedelta(days=self.weekday - day.isoweekday())
        if self.day is not None:
            day = day.replace(day=self.day)
        if self.month is not None:
            day = _cut(day.year, self.month, day.day)
        return day if self.year is None else _cut(self.year, day.month, day.day)

    def _hour(self) -> int:
        if self.hour is not None:
            return self.hour
        if self.half_day_hour is not None:
            return self.half_day_hour % 12 + 12 * (self.half_day or 0)
        if self.half_day is None:
            return 0
        return (6 if self.minute is None else 0) + 12 * self.half_day


def _cut(year: int, month: int, day: int) -> date:
    """A month's last day stands for the days up to 31 that it has not."""
    return date(year, month, min(day, monthrange(year, month)[1]) if day <= _DAY_MAX else day)


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
    if letter in _ZONES:
        return _zone_regex(letter, count)
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


def _zone_regex(letter: str, count: int) -> str:
    if letter in "Vz":
        long = "|".join(map(re.escape, _ZONE_LONG_NAMES.values())) + "|" if count == 4 else ""
        return rf"{long}Z|[+-]\d{{2}}:?\d{{2}}|[A-Za-z][A-Za-z0-9_+\-/]*"
    if letter == "O":
        return r"GMT(?:[+-]\d{1,2}(?::?\d{2})?)?"
    if letter == "Z":
        return {4: r"GMT(?:[+-]\d{2}:\d{2})?", 5: r"Z|[+-]\d{2}:\d{2}"}.get(count, r"[+-]\d{4}")
    digits = {1: r"\d{2}(?:\d{2})?", 2: r"\d{4}", 3: r"\d{2}:\d{2}", 4: r"\d{4}(?:\d{2})?"}
    offset = "[+-]" + digits.get(count, r"\d{2}:\d{2}(?::\d{2})?")
    return f"Z|{offset}" if letter == "X" else offset


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
    elif letter in _ZONES:
        fields.zone = _zone(text)
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


def _zone(text: str) -> tzinfo:
    long = {name.upper(): short for short, name in _ZONE_LONG_NAMES.items()}
    upper = text.upper()
    upper = long.get(upper, upper)
    if upper in {"UTC", "GMT", "Z", "UT"}:
        return UTC
    if upper in _ZONE_NAMES:
        return zone_of(_ZONE_NAMES[upper])
    if upper.startswith("GMT") or upper[:1] in "+-":
        return zone_of(_offset_text(upper))
    return zone_of(_region(text))


def _region(text: str) -> str:
    """Return the name of a region as it is written, whatever the case of its letters."""
    return next((name for name in available_timezones() if name.lower() == text.lower()), text)


def offset_of(text: str) -> timedelta:
    """Return the offset that a text such as ``Z``, ``UTC``, ``GMT+1:00`` or ``+0100`` names."""
    return _zone(text).utcoffset(None) or timedelta(0)


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


def _print_zone(letter: str, count: int, moment: datetime) -> str:
    zone = moment.tzinfo or UTC
    name = moment.tzname() or "UTC"
    if letter == "V":
        return getattr(zone, "key", name)
    if letter == "z":
        return _ZONE_LONG_NAMES.get(name, name) if count == 4 else name
    offset = _offset(moment, ":", "", seconds=True)
    if letter == "O" or (letter == "Z" and count == 4):
        minutes = "" if offset[4:] == "00" else offset[3:]
        short = f"{offset[0]}{int(offset[1:3])}{minutes}"
        return "GMT" if not moment.utcoffset() else f"GMT{short if count == 1 else offset}"
    if letter == "Z":
        return _offset(moment, ":", "Z", seconds=True) if count == 5 else _offset(moment, "", "")
    text = _offset(moment, ":" if count in (3, 5) else "", "Z" if letter == "X" else "", seconds=count >= 4)
    return text[:-2] if count == 1 and text != "Z" and text.endswith("00") else text


def _offset(moment: datetime, separator: str, zero: str, *, seconds: bool = False) -> str:
    total = int((moment.utcoffset() or timedelta(0)).total_seconds())
    if zero and not total:
        return zero
    minutes, rest = divmod(abs(total), 60)
    text = f"{'-' if total < 0 else '+'}{minutes // 60:02d}{separator}{minutes % 60:02d}"
    return f"{text}{separator}{rest:02d}" if seconds and rest else text
