"""Wait for the hours of the day in which moves may begin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from kappaflow.ops.plans.action import Progress
from kappaflow.ops.reassignment import texts as _texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import text

assert _texts
PAUSE_S_MAX = 60.0
DAY_MINUTES = 1440


class HourWindow(NamedTuple):
    """Hours of the day in UTC, in minutes after midnight; one that ends before it begins goes over midnight.

    Attributes:
        begin: the first minute.
        end: the minute after the last.
        rate: records a second that came then, on average; -1 where that was not measured.
        usual: records a second over the whole day; -1 where that was not measured.
    """

    begin: int
    end: int
    rate: float = -1.0
    usual: float = -1.0

    def wait_ms(self, now_ms: int) -> int:
        """How long it is until the hours begin; 0 within them."""
        minute = now_ms // 60_000 % DAY_MINUTES
        length = (self.end - self.begin) % DAY_MINUTES
        if length == 0 or (minute - self.begin) % DAY_MINUTES < length:
            return 0
        return (self.begin - minute) % DAY_MINUTES * 60_000 - now_ms % 60_000

    def text(self, zone: tzinfo | None = None) -> str:
        """The hours as a clock shows them; in UTC where no other zone is given."""
        midnight = datetime(2026, 1, 1, tzinfo=UTC)
        zone = zone or UTC
        times = [(midnight + timedelta(minutes=m)).astimezone(zone) for m in (self.begin, self.end)]
        return f"{times[0]:%H:%M}-{times[1]:%H:%M} {times[0]:%Z}"


def window_of(arguments: Mapping[str, Any]) -> HourWindow | None:
    """The hours that a step names; None where it may begin at once."""
    return HourWindow(*arguments["hours"]) if "hours" in arguments else None


def wait_for_hours(session: OpsSession, arguments: Mapping[str, Any], progress: Progress) -> bool:
    """Wait until a step may begin; returns whether there was anything to wait for.

    Args:
        session: whose time passes.
        arguments: of the step.
        progress: told how long it is.
    """
    window = window_of(arguments)
    if window is None or not window.wait_ms(session.clock.time_ms()):
        return False
    while left_ms := window.wait_ms(session.clock.time_ms()):
        progress(text("reassign.waiting", hours=window.text(), minutes=-(-left_ms // 60_000)))
        session.pause(min(PAUSE_S_MAX, left_ms / 1000))
    return True
