"""Dates and times: text both ways by patterns, time zones, days and milliseconds."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.times import (
    MILLIS_PER_DAY,
    date_of,
    moment_of,
    round_millis,
    time_text,
    zone_of,
)
from kappaflow.sql.functions.java_time import DATE_LETTERS, TIME_LETTERS, time_pattern
from kappaflow.sql.functions.lenient_dates import lenient_pattern
from kappaflow.sql.functions.registry import scalar
from kappaflow.sql.functions.time_fields import Fields

_CATEGORY = "DATE / TIME"


def _parsed(kind: str, text: str, pattern: str) -> Fields:
    try:
        return time_pattern(pattern).parse(text)
    except FunctionError as error:
        raise FunctionError(f"Failed to parse {kind} '{text}' with formatter '{pattern}': {error}") from None


def _millis(fields: Fields, zone: tzinfo) -> int:
    return round_millis(fields.moment().replace(tzinfo=fields.zone or zone))


def _formatted(kind: str, shown: Any, moment: datetime, pattern: str, letters: frozenset[str] | None = None) -> str:
    try:
        return time_pattern(pattern).format(moment, letters)
    except FunctionError as error:
        raise FunctionError(f"Failed to format {kind} {shown} with formatter '{pattern}': {error}") from None


_format_timestamp = scalar(
    "format_timestamp",
    _CATEGORY,
    "A TIMESTAMP as text, by a pattern, in a time zone (default GMT).",
    ("FORMAT_TIMESTAMP(CAST('2020-01-31T10:15:00' AS TIMESTAMP), 'yyyy-MM-dd HH:mm')",),
)
_timestamp_to_string = scalar(
    "timestamptostring",
    _CATEGORY,
    "Milliseconds since the epoch as text, by a pattern. Deprecated: use FORMAT_TIMESTAMP.",
    ("TIMESTAMPTOSTRING(1580465700000, 'yyyy-MM-dd HH:mm', 'UTC')",),
)


@_format_timestamp("(timestamp TIMESTAMP, formatPattern STRING) -> STRING")
def _timestamp_text_in_gmt(millis: int, pattern: str) -> str:
    return _timestamp_text_in(millis, pattern, "GMT")


@_timestamp_to_string("(epochMilli BIGINT, formatPattern STRING) -> STRING")
def _timestamp_text(millis: int, pattern: str) -> str:
    return _formatted("timestamp", millis, moment_of(millis), pattern)


@_format_timestamp("(timestamp TIMESTAMP, formatPattern STRING, timeZone STRING) -> STRING")
@_timestamp_to_string("(epochMilli BIGINT, formatPattern STRING, timeZone STRING) -> STRING")
def _timestamp_text_in(millis: int, pattern: str, zone: str) -> str:
    return _formatted("timestamp", millis, moment_of(millis).astimezone(zone_of(zone)), pattern)


_parse_timestamp = scalar(
    "parse_timestamp",
    _CATEGORY,
    "Text as a TIMESTAMP, by a pattern, in a time zone (default UTC).",
    ("PARSE_TIMESTAMP('2020-01-31 10', 'yyyy-MM-dd HH')",),
)
_string_to_timestamp = scalar(
    "stringtotimestamp",
    _CATEGORY,
    "Text as milliseconds since the epoch, by a pattern. Deprecated: use PARSE_TIMESTAMP.",
    ("STRINGTOTIMESTAMP('2020-01-31 10', 'yyyy-MM-dd HH', 'UTC')",),
)


@_parse_timestamp("(formattedTimestamp STRING, formatPattern STRING) -> TIMESTAMP")
@_string_to_timestamp("(formattedTimestamp STRING, formatPattern STRING) -> BIGINT")
def _timestamp_of(text: str, pattern: str) -> int:
    return _millis(_parsed("timestamp", text, pattern), UTC)


@_parse_timestamp("(formattedTimestamp STRING, formatPattern STRING, timeZone STRING) -> TIMESTAMP")
@_string_to_timestamp("(formattedTimestamp STRING, formatPattern STRING, timeZone STRING) -> BIGINT")
def _timestamp_of_in(text: str, pattern: str, zone: str) -> int:
    return _millis(_parsed("timestamp", text, pattern), zone_of(zone))


_format_date = scalar(
    "format_date",
    _CATEGORY,
    "A DATE as text, by a pattern.",
    ("FORMAT_DATE(CAST('2020-01-31' AS DATE), 'dd.MM.yyyy')",),
)
_parse_date = scalar(
    "parse_date", _CATEGORY, "Text as a DATE, by a pattern.", ("PARSE_DATE('31.01.2020', 'dd.MM.yyyy')",)
)
_date_to_string = scalar(
    "datetostring",
    _CATEGORY,
    "Days since the epoch as text, by a pattern. Deprecated: use FORMAT_DATE.",
    ("DATETOSTRING(18292, 'dd.MM.yyyy')",),
)
_string_to_date = scalar(
    "stringtodate",
    _CATEGORY,
    "Text as days since the epoch, by a pattern. Deprecated: use PARSE_DATE.",
    ("STRINGTODATE('31.01.2020', 'dd.MM.yyyy')",),
)


@_format_date("(date DATE, formatPattern STRING) -> STRING")
@_date_to_string("(epochDays INT, formatPattern STRING) -> STRING")
def _date_text(days: int, pattern: str) -> str:
    day = date_of(days)
    return _formatted("date", day, datetime(day.year, day.month, day.day, tzinfo=UTC), pattern, DATE_LETTERS)


@_parse_date("(formattedDate STRING, formatPattern STRING) -> DATE")
def _date_of_text(text: str, pattern: str) -> int:
    try:
        return lenient_pattern(pattern).days(text)
    except FunctionError as error:
        raise FunctionError(f"Failed to parse date '{text}' with formatter '{pattern}': {error}") from None


@_string_to_date("(formattedDate STRING, formatPattern STRING) -> INT")
def _days_of_text(text: str, pattern: str) -> int:
    fields = _parsed("date", text, pattern)
    if not fields.has_day:
        raise FunctionError(f"Failed to parse date '{text}' with formatter '{pattern}': no complete date")
    return round_millis(fields.moment().replace(tzinfo=UTC)) // MILLIS_PER_DAY


_format_time = scalar(
    "format_time", _CATEGORY, "A TIME as text, by a pattern.", ("FORMAT_TIME(CAST('10:15:30' AS TIME), 'HH:mm')",)
)
_parse_time = scalar("parse_time", _CATEGORY, "Text as a TIME, by a pattern.", ("PARSE_TIME('10:15', 'HH:mm')",))


@_format_time("(time TIME, formatPattern STRING) -> STRING")
def _time_text(millis: int, pattern: str) -> str:
    return _formatted("time", time_text(millis), moment_of(millis), pattern, TIME_LETTERS)


@_parse_time("(formattedTime STRING, formatPattern STRING) -> TIME")
def _time_of_text(text: str, pattern: str) -> int:
    fields = _parsed("time", text, pattern)
    if fields.has_part_of_day or not fields.has_time:
        wrong = "the pattern has a date" if fields.has_part_of_day else "no time of the day"
        raise FunctionError(f"Failed to parse time '{text}' with formatter '{pattern}': {wrong}")
    return round_millis(fields.moment().replace(tzinfo=UTC)) % MILLIS_PER_DAY


_convert_tz = scalar(
    "convert_tz",
    _CATEGORY,
    "A TIMESTAMP read in one time zone, as the clock of another shows it.",
    ("CONVERT_TZ(CAST('2020-01-31T10:15:00' AS TIMESTAMP), 'Asia/Seoul', 'UTC')",),
)


@_convert_tz("(col TIMESTAMP, fromTimeZone STRING, toTimeZone STRING) -> TIMESTAMP")
def _converted(millis: int, source: str, target: str) -> int:
    """Both offsets are those at the TIMESTAMP as a moment, as in ksqlDB."""
    moment = moment_of(millis)
    earlier, later = (moment.astimezone(zone_of(zone)).utcoffset() or timedelta(0) for zone in (source, target))
    return millis + (later - earlier) // timedelta(milliseconds=1)


_from_days = scalar("from_days", _CATEGORY, "Days since 1970-01-01 as a DATE.", ("FROM_DAYS(1) -> 1970-01-02",))
_from_unixtime = scalar(
    "from_unixtime", _CATEGORY, "Milliseconds since the epoch as a TIMESTAMP.", ("FROM_UNIXTIME(1580465700000)",)
)
_unix_date = scalar(
    "unix_date", _CATEGORY, "Days since 1970-01-01, of a DATE or of today.", ("UNIX_DATE(CAST('2020-01-31' AS DATE))",)
)
_unix_timestamp = scalar(
    "unix_timestamp",
    _CATEGORY,
    "Milliseconds since the epoch, of a TIMESTAMP or of now.",
    ("UNIX_TIMESTAMP(CAST('2020-01-31T10:15:00' AS TIMESTAMP))",),
)


@_from_days("(days INT) -> DATE", total=True)
@_from_unixtime("(epochMilli BIGINT) -> TIMESTAMP", total=True)
@_unix_date("(date DATE) -> INT", total=True)
@_unix_timestamp("(timestamp TIMESTAMP) -> BIGINT", total=True)
def _same(value: int) -> int:
    return value


@_unix_date("() -> INT", total=True)
def _today() -> int:
    return int(time.time() * 1000) // MILLIS_PER_DAY


@_unix_timestamp("() -> BIGINT", total=True)
def _now() -> int:
    return int(time.time() * 1000)
