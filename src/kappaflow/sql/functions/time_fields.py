"""What a text says of a date and a time, and the moment that comes of it."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from kappaflow.errors import FunctionError

MONTHS: Sequence[str] = "January February March April May June July August September October November December".split()
DAYS: Sequence[str] = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_DAY_MAX = 31
_EPOCH_DAY = date(1970, 1, 1)


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
