"""Results of windows held back until the window is final."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

from kappaflow.state import OrderedStore
from kappaflow.streams.processors.base import NO_TIME, Processor, TaskContext
from kappaflow.streams.processors.keys import KeyReader, KeyWriter
from kappaflow.streams.record import Change, Headers, Record, Windowed
from kappaflow.streams.topology import nodes as n


class SuppressProcessor(Processor):
    """Keeps the latest result of each window and forwards it once the operator's time reaches its end and grace period.

    Results leave in the order of window end, then key bytes; deletions of windows that were never forwarded vanish.
    """

    def __init__(self, node: n.Suppress, context: TaskContext, store: OrderedStore) -> None:
        super().__init__(node.name, context)
        self.grace_ms = node.grace_ms
        self.store = store
        self.write_key = KeyWriter(node.store.key_serde)
        self.read_key = KeyReader(node.store.key_serde)
        self.observed_time = NO_TIME
        self._headers: dict[bytes, Headers] = {}
        self._by_end: list[tuple[int, bytes]] = []

    def process(self, record: Record, port: int = 0) -> None:
        """Hold the result, then forward those that became final."""
        window: Windowed = record.key
        change: Change = record.value
        self.observed_time = max(self.observed_time, record.timestamp)
        key = self.write_key(window)
        if key not in self._headers:
            heappush(self._by_end, (window.end, key))
        self._headers[key] = record.headers
        self.store.put(key, change.new, record.timestamp)
        self.release()

    def release(self) -> None:
        """Forward what is final at the operator's time."""
        while self._by_end and self._by_end[0][0] + self.grace_ms <= self.observed_time:
            _, key = heappop(self._by_end)
            headers = self._headers.pop(key)
            found = self.store.get(key)
            if found is not None:
                row, timestamp = found
                self.store.put(key, None, timestamp)
                self.forward(Record(self.read_key(key), Change(row, None), timestamp, headers))

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on with the results in the store; their headers are lost."""
        super().resume(progress)
        for key, _ in self.store.range():
            window: Windowed = self.read_key(key)
            heappush(self._by_end, (window.end, key))
            self._headers[key] = ()
