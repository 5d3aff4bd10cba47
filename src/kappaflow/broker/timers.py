"""Timers of the coordinators on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class LoopTimers:
    """Timers of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call_later(self, delay_ms: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back once, after the delay."""
        return self._loop.call_later(delay_ms / 1000, callback)
