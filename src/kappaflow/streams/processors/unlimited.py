"""Aggregation of a stream in one window that never ends."""

from __future__ import annotations

from kappaflow.streams.processors.aggregate import WindowedAggregateProcessor
from kappaflow.streams.record import Record, Windowed

WINDOW_END = 2**63 - 1


class UnlimitedAggregateProcessor(WindowedAggregateProcessor):
    """Folds the records of each key from a time on.

    Attributes:
        start_ms: of the window; earlier records are left out.
    """

    start_ms = 0

    def process(self, record: Record, port: int = 0) -> None:
        """Fold the record in."""
        if record.key is None:
            self.context.drop("null-key")
            return
        self.observed_time = max(self.observed_time, record.timestamp)
        if record.timestamp >= self.start_ms:
            self._fold(record, Windowed(record.key, self.start_ms, WINDOW_END))
