"""TIME, DATE and TIMESTAMP as text: the ISO forms that casts, comparisons and INSERT VALUES read and print."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from kappaflow.errors import FunctionError

MILLIS_PER_DAY = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_PART = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{0,9}))?)?", re.ASCII)
_TIME_PART = re.compile(r"(\d\d)?(?::(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?", re.ASCII)
_DATE_FORMAT = 'Required format is: "yyyy-MM-dd"; the day, or month and day, may be left out.'
_TIME_FORMAT = 'Required format is: "HH:mm:ss.SSS"; the fraction, or seconds and fraction, may be left out.'
_TIMESTAMP_FORMAT = (
    "Required format is: \"yyyy-MM-dd'T'HH:mm:ss.SSS\", with an optional numeric 4-digit timezone. "
    "What stands at its end may be left out, for example '2020-05-26'."
)
_ZONE_PART = re.compile(r"(UTC|GMT|UT)?([+-])(?:(\d)|(\d\d)(?:(\d\d)(\d\d)?|:(\d\d)(?::(\d\d))?)?)")
_NO_REGIONS = ("EST", "MST", "HST", "ROC")  # names of the time zone database that Java has not


def days_of(text: str) -> int:
    """Read a date as days since 1970-01-01; month and day may be missing.

    Raises:
        FunctionError: the text is not a date.
    """
    found = _DATE_PART.fullmatch(text.strip())
    if found is None:
        raise FunctionError(f"Failed to parse date '{text}': {_DATE_FORMAT}")
    try:
        day = date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError as error:
        raise FunctionError(f"Failed to parse date '{text}': {error}. {_DATE_FORMAT}") from None
    return day.toordinal() - _EPOCH_DAY


def millis_of_day(text: str) -> int:
    """Read a time as milliseconds of the day; seconds and fraction may be missing.

    Raises:
        FunctionError: the text is not a time.
    """
    found = _TIME.fullmatch(text.strip())
    millis = None if found is None else _clock(found)
    if millis is None:
        raise FunctionError(f"Failed to parse time '{text}': {_TIME_FORMAT}")
    return millis


def _clock(found: re.Match[str]) -> int | None:
    hour, minute, second = int(found[1] or 0), int(found[2] or 0), int(found[3] or 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return ((hour * 60 + minute) * 60 + second) * 1000 + int((found[4] or "").ljust(3, "0")[:3])


def millis_of(text: str) -> int:
    """Read a timestamp as milliseconds since the epoch; every part after the year may be missing.

    The zone is an offset (``+0100``, ``-05:00``) or ``Z``; without one the text is UTC.

    Raises:
        FunctionError: the text is not a timestamp.
    """
    day_text, separator, rest = text.strip().partition("T")
    clock_text, zone = _split_zone(rest)
    try:
        days = days_of(_within_month(day_text))
        found = _TIME_PART.fullmatch(clock_text)
        millis = None if found is None or (separator and not rest) else _clock(found)
        offset = zone_of(zone) if zone else None
    except FunctionError:
        days, millis, offset = 0, None, None
    if millis is None:
        raise FunctionError(f"Failed to parse timestamp '{text}': {_TIMESTAMP_FORMAT}")
    local = days * MILLIS_PER_DAY + millis
    if offset is None:
        return local
    return round_millis((_EPOCH + timedelta(milliseconds=local)).replace(tzinfo=offset))


def _within_month(text: str) -> str:
    """In a timestamp a month's last day stands for the days up to 31 that it has not."""
    found = _DATE_PART.fullmatch(text)
    if found is None or found[3] is None or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1:
        return text
    last = monthrange(int(found[1]), int(found[2]))[1]
    return f"{text[:8]}{last}" if last < int(found[3]) <= 31 else text


def _split_zone(text: str) -> tuple[str, str]:
    text = text.removesuffix("Z")
    place = next((index for index, character in enumerate(text) if character in "+-"), len(text))
    return text[:place], text[place:]


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
    """Print a TIME: ``10:15`` or ``10:15:30``, without its fraction of a second, as in ksqlDB."""
    minutes, second = divmod(millis // 1000, 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text}:{second:02d}" if second else text


def timestamp_text(millis: int) -> str:
    """Print a TIMESTAMP: ``2020-01-31T10:15:30.500``."""
    moment = moment_of(millis)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"
