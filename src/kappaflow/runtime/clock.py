"""Time behind a small protocol, so that a test decides what time it is."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the rest of the program gets the time from."""

    def time_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds on a clock that never goes back; only differences mean something."""
        ...


class SystemClock:
    """The clock of the machine."""

    def time_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved.

    >>> clock = ManualClock(1_000)
    >>> clock.advance(250)
    >>> clock.time_ms()
    1250
    """

    def __init__(self, time_ms: int = 0) -> None:
        self._time_ms = time_ms

    def time_ms(self) -> int:
        """The time it was set to."""
        return self._time_ms

    def monotonic_s(self) -> float:
        """The same time in seconds."""
        return self._time_ms / 1000

    def advance(self, milliseconds: int) -> None:
        """Move the clock on."""
        self._time_ms += milliseconds


SYSTEM_CLOCK = SystemClock()
