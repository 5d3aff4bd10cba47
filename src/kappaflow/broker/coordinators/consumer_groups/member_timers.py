"""Timers of members, one of a kind for each."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from kappaflow.broker.coordinators.group_members import Timer, Timers


class TimerKind(Enum):
    """What runs out."""

    SESSION = "the member session expired"
    REBALANCE = "the member did not revoke its partitions in time"
    JOIN = "the classic member failed to join within the rebalance timeout"
    SYNC = "the member failed to sync within timeout"


class MemberTimers:
    """Running timers by group, member and kind.

    Args:
        timers: where timers come from.
    """

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._running: dict[tuple[str, str, TimerKind], Timer] = {}

    def start(self, group_id: str, member_id: str, kind: TimerKind, delay_ms: int, action: Callable[[], None]) -> None:
        """Start, or start again."""
        key = (group_id, member_id, kind)
        self.stop(group_id, member_id, kind)

        def fire() -> None:
            self._running.pop(key, None)
            action()

        self._running[key] = self._timers.call_later(delay_ms, fire)

    def runs(self, group_id: str, member_id: str, kind: TimerKind) -> bool:
        """Whether such a timer is running."""
        return (group_id, member_id, kind) in self._running

    def stop(self, group_id: str, member_id: str, *kinds: TimerKind) -> None:
        """Stop timers of a member; all of them where no kind is named."""
        for kind in kinds or TimerKind:
            timer = self._running.pop((group_id, member_id, kind), None)
            if timer is not None:
                timer.cancel()
