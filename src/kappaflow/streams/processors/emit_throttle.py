"""When operators that emit final results look for windows that closed."""

from __future__ import annotations

from kappaflow.streams.processors.base import NO_TIME, TaskContext


class EmitThrottle:
    """Lets an operator look once an interval of wall-clock time, and only where time has moved on.

    The first look uses the interval up even when nothing can have closed yet, as in Kafka Streams.

    Attributes:
        last_close_time: the close time of the last look; windows that end up to it were forwarded.
    """

    def __init__(self, context: TaskContext) -> None:
        self._context = context
        self._next_wall_ms: int | None = None
        self.last_close_time = NO_TIME

    def is_due(self, close_time: int) -> bool:
        """Tell whether to look now for windows that end up to `close_time`."""
        interval = self._context.emit_interval_ms
        if interval:
            now = self._context.wall_clock_ms()
            if self._next_wall_ms is not None and now < self._next_wall_ms:
                return False
            self._next_wall_ms = now + interval
        if self.last_close_time != NO_TIME and close_time <= self.last_close_time:
            return False
        self.last_close_time = close_time
        return True
