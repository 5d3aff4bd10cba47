"""Time zones as text in patterns of dates and times: names, regions and offsets, both ways.

Source: the letters V, z, O, X, x and Z of java.time.format.DateTimeFormatter (JDK 17), English names.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import available_timezones

from kappaflow.sql.expressions.times import zone_of

ZONE_LETTERS = "VzOXxZ"
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


def zone_regex(letter: str, count: int) -> str:
    """Return the regular expression of what a run of a zone letter reads."""
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


def zone_in(text: str) -> tzinfo:
    """Return the zone that a text names.

    Raises:
        FunctionError: there is no such zone.
    """
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
    return _regions().get(text.lower(), text)


@lru_cache(maxsize=1)
def _regions() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


def offset_of(text: str) -> timedelta:
    """Return the offset that a text such as ``Z``, ``UTC``, ``GMT+1:00`` or ``+0100`` names."""
    return zone_in(text).utcoffset(None) or timedelta(0)


def _offset_text(text: str) -> str:
    if text.startswith("GMT") and len(text) > 3:
        sign, hours, minutes = text[3], *[*text[4:].split(":"), "00"][:2]
        return f"{sign}{hours.zfill(2)}{minutes}"
    if text[:1] in "+-" and len(text) == 3:
        return f"{text}00"
    return text


def print_zone(letter: str, count: int, moment: datetime) -> str:
    """Print the zone of an aware moment as a run of a zone letter does."""
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
