"""TIME, DATE and TIMESTAMP as text: the ISO forms that casts, comparisons and INSERT VALUES read and print."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from kappaflow.errors import FunctionError

MILLIS_PER_DAY = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_PART = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_TIME_PART = re.compile(r"(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?)?")
_ZONE_PART = re.compile(r"(UTC|GMT|UT)?([+-])(?:(\d)|(\d\d)(?:(\d\d)(\d\d)?|:(\d\d)(?::(\d\d))?)?)")
_NO_REGIONS = ("EST", "MST", "HST", "ROC")  # names of the time zone database that Java has not


def days_of(text: str) -> int:
    """Read a date as days since 1970-01-01; month and day may be missing.

    Raises:
        FunctionError: the text is not a date.
    """
    found = _DATE_PART.fullmatch(text.strip())
    if found is None:
        raise FunctionError(f"Required format is: \"yyyy-MM-dd\", with optional month and day. Got: '{text}'.")
    try:
        day = date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError as error:
        raise FunctionError(f"'{text}' is not a date: {error}.") from None
    return day.toordinal() - _EPOCH_DAY


def millis_of_day(text: str) -> int:
    """Read a time as milliseconds of the day; minutes, seconds and fraction may be missing.

    Raises:
        FunctionError: the text is not a time.
    """
    found = _TIME_PART.fullmatch(text.strip())
    if found is None:
        raise FunctionError(f"Required format is: \"HH:mm:ss.SSS\", with optional minutes and seconds. Got: '{text}'.")
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise FunctionError(f"'{text}' is not a time of the day.")
    millis = int((found[4] or "0").ljust(3, "0")[:3])
    return ((hour * 60 + minute) * 60 + second) * 1000 + millis


def millis_of(text: str) -> int:
    """Read a timestamp as milliseconds since the epoch; every part after the year may be missing.

    The zone is an offset (``+01:00``), ``Z`` or a region name; without one the text is UTC.

    Raises:
        FunctionError: the text is not a timestamp.
    """
    day_text, separator, rest = text.strip().partition("T")
    if not separator:
        day_text, separator, rest = text.strip().partition(" ")
    time_text, zone = _split_zone(rest)
    millis = days_of(day_text) * MILLIS_PER_DAY + (millis_of_day(time_text) if time_text else 0)
    if not zone:
        return millis
    local = (_EPOCH + timedelta(milliseconds=millis)).replace(tzinfo=zone_of(zone))
    return round_millis(local)


def _split_zone(text: str) -> tuple[str, str]:
    for index, character in enumerate(text):
        if character in "+-" or character.isalpha():
            return text[:index], text[index:]
    return text, ""


_OFFSET_MAX = timedelta(hours=18)


def zone_of(text: str) -> timezone | ZoneInfo:
    """Return the time zone of an offset (``+1``, ``+0100``, ``GMT+01:00``, ``Z``) or a region name, as ZoneId.of does.

    Raises:
        FunctionError: there is no such zone.
    """
    if text == "UTC":
        return UTC
    if text == "Z":
        return timezone(timedelta(0), "Z")
    found = _ZONE_PART.fullmatch(text)
    if found is not None:
        return _fixed_zone(text, found)
    try:
        if text in _NO_REGIONS:
            raise KeyError(text)
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise FunctionError(f"Unknown time-zone ID: {text}") from None


def _fixed_zone(text: str, found: re.Match[str]) -> timezone:
    hours, minutes, seconds = (
        int(a or b or 0) for a, b in ((found[3], found[4]), (found[5], found[7]), (found[6], found[8]))
    )
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if minutes > 59 or seconds > 59 or offset > _OFFSET_MAX:
        raise FunctionError(f"Zone offset not in valid range: {text}")
    prefix = found[1] or ""
    if not offset:
        return timezone(offset, prefix or "Z")
    shown = f"{found[2]}{hours:02d}:{minutes:02d}" + (f":{seconds:02d}" if seconds else "")
    return timezone(offset if found[2] == "+" else -offset, prefix + shown)


def round_millis(moment: datetime) -> int:
    """Return an aware moment as milliseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_of(millis: int) -> datetime:
    """Return milliseconds since the epoch as an aware UTC moment.

    Raises:
        FunctionError: beyond the years 1 to 9999.
    """
    try:
        return _EPOCH + timedelta(milliseconds=millis)
    except OverflowError:
        raise FunctionError(f"{millis} ms is outside the years 1 to 9999.") from None


def date_of(days: int) -> date:
    """Return days since 1970-01-01 as a date.

    Raises:
        FunctionError: beyond the years 1 to 9999.
    """
    try:
        return date.fromordinal(days + _EPOCH_DAY)
    except (OverflowError, ValueError):
        raise FunctionError(f"{days} days is outside the years 1 to 9999.") from None


def date_text(days: int) -> str:
    """Print a DATE: ``2020-01-31``."""
    return date_of(days).isoformat()


def time_text(millis: int) -> str:
    """Print a TIME: ``10:15``, ``10:15:30`` or ``10:15:30.500``."""
    seconds, fraction = divmod(millis, 1000)
    minutes, second = divmod(seconds, 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    if second or fraction:
        text += f":{second:02d}"
    return f"{text}.{fraction:03d}" if fraction else text


def timestamp_text(millis: int) -> str:
    """Print a TIMESTAMP: ``2020-01-31T10:15:30.500``."""
    moment = moment_of(millis)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"
