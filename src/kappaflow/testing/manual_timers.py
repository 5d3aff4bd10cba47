"""Timers that a test moves by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class ManualTimer:
    """One timer of `ManualTimers`."""

    at_ms: int
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """Never call back."""
        self.cancelled = True


class ManualTimers:
    """Timers that fire, in order, when `advance` passes them.

    Attributes:
        now_ms: the time, from 0 on.
    """

    def __init__(self) -> None:
        self.now_ms = 0
        self._timers: list[ManualTimer] = []

    def call_later(self, delay_ms: int, callback: Callable[[], None]) -> ManualTimer:
        """Call back once, after the delay."""
        timer = ManualTimer(self.now_ms + delay_ms, callback)
        self._timers.append(timer)
        return timer

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        end = self.now_ms + milliseconds
        while due := [timer for timer in self._timers if not timer.cancelled and timer.at_ms <= end]:
            first = min(due, key=lambda timer: timer.at_ms)
            self._timers.remove(first)
            self.now_ms = first.at_ms
            first.callback()
        self._timers = [timer for timer in self._timers if not timer.cancelled]
        self.now_ms = end

    def running(self) -> int:
        """How many will fire."""
        return sum(not timer.cancelled for timer in self._timers)
