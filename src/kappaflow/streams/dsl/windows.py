"""Windows over event time: how records are grouped by when they happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from kappaflow.errors import UsageError

Span = int | float | timedelta
"""Milliseconds, or a timedelta."""


def milliseconds(span: Span, what: str, least: int = 0) -> int:
    """Return a span in whole milliseconds.

    Raises:
        UsageError: it is shorter than `least`.
    """
    found = round(span.total_seconds() * 1000) if isinstance(span, timedelta) else int(span)
    if found < least:
        raise UsageError(f"The {what} is at least {least} ms, not {found}.")
    return found


@dataclass(frozen=True, slots=True)
class TimeWindows:
    """Windows of one size, aligned to the epoch: ``[start, start + size)``.

    >>> from datetime import timedelta
    >>> TimeWindows.of(timedelta(minutes=5), grace=timedelta(seconds=30)).advance_by(timedelta(minutes=1))
    TimeWindows(size_ms=300000, advance_ms=60000, grace_ms=30000)
    """

    size_ms: int
    advance_ms: int
    grace_ms: int

    @classmethod
    def of(cls, size: Span, *, grace: Span = 0) -> TimeWindows:
        """Tumbling windows; records later than the grace period behind a window's end are dropped."""
        size_ms = milliseconds(size, "size of a window", 1)
        return cls(size_ms, size_ms, milliseconds(grace, "grace period"))

    def advance_by(self, advance: Span) -> TimeWindows:
        """Hopping windows: a new one begins each `advance`.

        Raises:
            UsageError: the advance is longer than the window.
        """
        advance_ms = milliseconds(advance, "advance of windows", 1)
        if advance_ms > self.size_ms:
            raise UsageError(
                f"Windows of {self.size_ms} ms cannot advance by {advance_ms} ms: records between them would be lost."
            )
        return replace(self, advance_ms=advance_ms)


@dataclass(frozen=True, slots=True)
class SlidingWindows:
    """Windows that end or begin with a record; both bounds belong to them."""

    difference_ms: int
    grace_ms: int

    @classmethod
    def of(cls, difference: Span, *, grace: Span = 0) -> SlidingWindows:
        """Windows of records that are at most `difference` apart."""
        return cls(milliseconds(difference, "time difference"), milliseconds(grace, "grace period"))


@dataclass(frozen=True, slots=True)
class SessionWindows:
    """Windows of activity, separated by gaps without any."""

    gap_ms: int
    grace_ms: int

    @classmethod
    def of(cls, gap: Span, *, grace: Span = 0) -> SessionWindows:
        """Sessions that end when nothing comes for `gap`."""
        return cls(milliseconds(gap, "inactivity gap", 1), milliseconds(grace, "grace period"))


@dataclass(frozen=True, slots=True)
class UnlimitedWindows:
    """One window without an end; earlier records are dropped."""

    start_ms: int = 0

    @classmethod
    def of(cls, start: Span = 0) -> UnlimitedWindows:
        """The window from a time on."""
        return cls(milliseconds(start, "start of the window"))


@dataclass(frozen=True, slots=True)
class JoinWindows:
    """How near in time the records of two streams are that belong together.

    Attributes:
        before_ms, after_ms: the other side's record is within ``[time - before, time + after]``.
        grace_ms: how long unmatched records of left and outer joins wait for late partners.
    """

    before_ms: int
    after_ms: int
    grace_ms: int

    @classmethod
    def of(cls, difference: Span, *, grace: Span = 0) -> JoinWindows:
        """Records at most `difference` apart, whichever comes first."""
        span = milliseconds(difference, "time difference")
        return cls(span, span, milliseconds(grace, "grace period"))

    def before(self, span: Span) -> JoinWindows:
        """How much earlier the other side's record may be."""
        return self._checked(replace(self, before_ms=int(milliseconds(span, "time before", -self.after_ms))))

    def after(self, span: Span) -> JoinWindows:
        """How much later the other side's record may be."""
        return self._checked(replace(self, after_ms=int(milliseconds(span, "time after", -self.before_ms))))

    @staticmethod
    def _checked(windows: JoinWindows) -> JoinWindows:
        if windows.before_ms + windows.after_ms < 0:
            raise UsageError("The window of a join cannot end before it begins.")
        return windows

    @property
    def size_ms(self) -> int:
        """How far apart the bounds are."""
        return self.before_ms + self.after_ms
