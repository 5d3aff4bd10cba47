"""Durations added to and taken from DATE, TIME and TIMESTAMP."""

from __future__ import annotations

from collections.abc import Callable

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.times import MILLIS_PER_DAY
from kappaflow.sql.functions.registry import scalar

_CATEGORY = "DATE / TIME"
_UNIT_MILLIS = {
    "MILLISECOND": 1,
    "SECOND": 1000,
    "MINUTE": 60_000,
    "HOUR": 3_600_000,
    "DAY": MILLIS_PER_DAY,
}


def unit_millis(unit: str) -> int:
    """Return the length of a unit in milliseconds.

    Raises:
        FunctionError: there is no such unit, or it has no fixed length.
    """
    millis = _UNIT_MILLIS.get(unit.upper().removesuffix("S"))
    if millis is None:
        raise FunctionError(f"Unknown time unit: '{unit}'. Units are {', '.join(f'{name}S' for name in _UNIT_MILLIS)}.")
    return millis


def _moved_date(days: int, millis: int) -> int:
    """Part of a day does not count: it is cut toward 1970-01-01."""
    moved = days * MILLIS_PER_DAY + millis
    return moved // MILLIS_PER_DAY if moved >= 0 else -(-moved // MILLIS_PER_DAY)


def _moved_time(millis_of_day: int, millis: int) -> int:
    return (millis_of_day + millis) % MILLIS_PER_DAY


def _moved_timestamp(timestamp: int, millis: int) -> int:
    return timestamp + millis


_EXAMPLES = {
    "DATE": "DAYS, 2, CAST('2020-01-31'",
    "TIME": "MINUTES, 90, CAST('10:15:30'",
    "TIMESTAMP": "HOURS, 2, CAST('2020-01-31T10:15:30'",
}


def _define(name: str, data_type: str, sign: int, move: Callable[[int, int], int]) -> None:
    verb = "added to" if sign > 0 else "taken from"
    example = f"{name.upper()}({_EXAMPLES[data_type]} AS {data_type}))"
    define = scalar(name, _CATEGORY, f"A duration {verb} a {data_type}.", (example,))

    @define(f"(unit UNIT, interval INT, {data_type.lower()} {data_type}) -> {data_type}")
    def _moved(unit: str, interval: int, value: int) -> int:
        return move(value, sign * interval * unit_millis(unit))


_define("dateadd", "DATE", 1, _moved_date)
_define("datesub", "DATE", -1, _moved_date)
_define("timeadd", "TIME", 1, _moved_time)
_define("timesub", "TIME", -1, _moved_time)
_define("timestampadd", "TIMESTAMP", 1, _moved_timestamp)
_define("timestampsub", "TIMESTAMP", -1, _moved_timestamp)
