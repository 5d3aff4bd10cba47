"""Dates by the patterns of Java's SimpleDateFormat, read as PARSE_DATE does.

Numbers take the digits that are there, the 32nd day of a month is the first of the next one, names are those of
any length, and what follows the text of the pattern does not count.  DateTimeFormatter (java_time) is strict.

Source: the behaviour of FastDateFormat of Apache Commons Lang 3, English names.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.times import MILLIS_PER_DAY
from kappaflow.sql.functions.time_fields import DAYS, MONTHS
from kappaflow.sql.functions.zone_texts import offset_of

_HOUR_MS, _MINUTE_MS, _SECOND_MS = 3_600_000, 60_000, 1000
_NUMBERS = "yYMdDFHkhKmsSuwW"
_ZONES = "zZX"
_ZONE = r"[+-]\d{4}|GMT(?:[+-]\d{1,2}:\d{2})?|UTC"
_ISO_ZONES = (r"Z|[+-]\d{2}", r"Z|[+-]\d{4}", r"Z|[+-]\d{2}:\d{2}")  # of one to three letters
_TOKENS = re.compile(r"''|'((?:[^']|'')*)'|(([A-Za-z])\3*)|(.)", re.DOTALL)
_CENTURY_YEARS = 80  # a year of two digits is at most so long ago
_CUTOVER_YEAR, _CUTOVER_DAY = 1582, -141_427  # 1582-10-15; the calendar is Julian before
_DAY_MAX = 2**31 - 1


def _names(names: Sequence[str]) -> str:
    return "|".join([*names, *(name[:3] for name in names)])


class LenientPattern:
    """A compiled pattern."""

    def __init__(self, pattern: str) -> None:
        tokens = list(_TOKENS.finditer(pattern))
        if "".join(token[0] for token in tokens) != pattern or any(token[4] == "'" for token in tokens):
            raise FunctionError(f"Unterminated quote in '{pattern}'")
        self._letters: list[str] = []
        parts = [
            self._part(token, tokens[index + 1] if index + 1 < len(tokens) else None)
            for index, token in enumerate(tokens)
        ]
        self._compiled = re.compile("".join(parts), re.IGNORECASE)

    def _part(self, token: re.Match[str], following: re.Match[str] | None) -> str:
        run = token[2]
        if run is None:
            literal = "'" if token[0] == "''" else token[4] or token[1].replace("''", "'")
            return f"(?-i:{re.escape(literal)})"
        letter, count = run[0], len(run)
        self._letters.append("y2" if letter in "yY" and count <= 2 else letter)
        if letter == "M" and count >= 3:
            return f"({_names(MONTHS)})"
        if letter in _NUMBERS:
            beside = following is not None and following[2] is not None and _is_number(following[2])
            return rf"(\d{{1,{count}}}+)" if beside else r"\s*(\d++)"
        is_iso = run == "ZZ" or (letter == "X" and count <= 3)
        zone = _ISO_ZONES[2 if letter == "Z" else count - 1] if is_iso else _ZONE
        texts = {"E": _names(DAYS), "a": "AM|PM", "G": "AD|BC", **dict.fromkeys(_ZONES, zone)}
        if letter not in texts:
            raise FunctionError(f"Format '{run}' not supported")
        return f"({texts[letter]})"

    def days(self, text: str) -> int:
        """Read the beginning of a text as days since 1970-01-01.

        Raises:
            FunctionError: it does not follow the pattern, or has a time of the day.
        """
        found = self._compiled.match(text)
        if found is None:
            raise FunctionError("Unparseable date")
        fields = dict(zip(self._letters, found.groups(), strict=True))
        millis = _time(fields)
        if millis % MILLIS_PER_DAY:
            raise FunctionError("Date format contains time field.")
        days = _day(fields) + millis // MILLIS_PER_DAY
        if abs(days) > _DAY_MAX:
            raise FunctionError("beyond the days that a DATE holds")
        return days


@lru_cache(maxsize=1024)
def lenient_pattern(pattern: str) -> LenientPattern:
    """Compile a pattern.

    Raises:
        FunctionError: an unknown letter, or a quote that does not end.
    """
    return LenientPattern(pattern)


def _is_number(run: str) -> bool:
    return run[0] in _NUMBERS and not run.startswith("MMM")


def _day(fields: dict[str, str]) -> int:
    year, month, day = _year(fields), _month(fields) - 1, int(fields.get("d", 1))
    if "D" in fields and "d" not in fields:
        month, day = 0, int(fields["D"])
    year, month = year + month // 12, month % 12 + 1
    gregorian = _day_of(year, month, day, -719_468, leap_centuries=True)
    if year > _CUTOVER_YEAR or (year == _CUTOVER_YEAR and gregorian >= _CUTOVER_DAY):
        return gregorian
    return _day_of(year, month, day, -719_470, leap_centuries=False)


def _day_of(year: int, month: int, day: int, origin: int, *, leap_centuries: bool) -> int:
    """Return days since 1970-01-01; a year begins with March, so that its leap day is its last."""
    year -= month < 3
    leaps = year // 4 - (year // 100 - year // 400 if leap_centuries else 0)
    return 365 * year + leaps + ((month + 9) % 12 * 306 + 5) // 10 + day - 1 + origin


def _year(fields: dict[str, str]) -> int:
    year = int(next((fields[letter] for letter in ("y", "Y", "y2") if letter in fields), 1970))
    if "y2" in fields and year < 100:
        start = time.gmtime().tm_year - _CENTURY_YEARS
        return year + start // 100 * 100 + (0 if year >= start % 100 else 100)
    return year


def _month(fields: dict[str, str]) -> int:
    text = fields.get("M", "1")
    if text.isdigit():
        return int(text)
    return 1 + next(index for index, name in enumerate(MONTHS) if name[:3].lower() == text[:3].lower())


def _time(fields: dict[str, str]) -> int:
    hours = int(fields.get("H", 0)) + int(fields.get("k", 0)) % 24 + int(fields.get("K", 0))
    hours += int(fields.get("h", 0)) % 12 + 12 * (fields.get("a", "").upper() == "PM")
    millis = hours * _HOUR_MS + int(fields.get("m", 0)) * _MINUTE_MS + int(fields.get("s", 0)) * _SECOND_MS
    zone = next((fields[letter] for letter in _ZONES if letter in fields), "Z")
    return millis + int(fields.get("S", 0)) - offset_of(zone) // timedelta(milliseconds=1)
