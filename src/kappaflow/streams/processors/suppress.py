"""Results of windows held back until the window is final."""

from __future__ import annotations

from kappaflow.streams.processors.base import NO_TIME, Processor, TaskContext
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.record import Record, Windowed
from kappaflow.streams.topology import nodes as n


class SuppressProcessor(Processor):
    """Keeps the latest result of each window and forwards it once the operator's time reaches its end and grace period.

    Results leave in the order of window end, then key bytes; deletions of windows that were never forwarded vanish.
    """

    def __init__(self, node: n.Suppress, context: TaskContext) -> None:
        super().__init__(node.name, context)
        self.grace_ms = node.grace_ms
        self.write_key = KeyWriter(node.store.key_serde)
        self.observed_time = NO_TIME
        self._held: dict[bytes, tuple[int, Record]] = {}

    def process(self, record: Record, port: int = 0) -> None:
        """Hold the result, then forward those that became final."""
        window: Windowed = record.key
        self.observed_time = max(self.observed_time, record.timestamp)
        key = self.write_key(window)
        self._held[key] = (window.end, record)
        self.release()

    def release(self) -> None:
        """Forward what is final at the operator's time."""
        final = [(end, key) for key, (end, _) in self._held.items() if end + self.grace_ms <= self.observed_time]
        for _, key in sorted(final):
            _, record = self._held.pop(key)
            if record.value.new is not None:
                self.forward(record)
