"""Aggregations of streams: per key, and per key and time window."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Any

from kappaflow.state import OrderedStore
from kappaflow.streams.functions import Aggregator
from kappaflow.streams.processors.base import NO_TIME, Expiry, RowStore, TaskContext
from kappaflow.streams.processors.emit_throttle import EmitThrottle
from kappaflow.streams.processors.keys import KeyReader, KeyWriter
from kappaflow.streams.processors.put_results import is_kept, is_latest
from kappaflow.streams.processors.result_cache import CachingProcessor, holds_back
from kappaflow.streams.record import Change, Record, Windowed
from kappaflow.streams.topology import nodes as n


class StreamAggregateProcessor(CachingProcessor):
    """Folds the records of each key.

    Null keys and null values are dropped.  The result's time is the largest of the key's records.
    """

    def __init__(self, node: n.StreamAggregate, context: TaskContext, store: RowStore) -> None:
        super().__init__(node.name, context)
        self.node = node
        self.store = store
        self.aggregator = node.aggregator
        self.write_key = KeyWriter(node.store.key_serde)
        if holds_back(context, node.store):
            self.hold_back(node.store)

    def process(self, record: Record, port: int = 0) -> None:
        """Fold the record in and forward the change of the result."""
        if record.key is None or record.value is None:
            self.context.drop("null-key-or-value")
            return
        aggregator = self.aggregator
        key = self.write_key(record.key)
        before = self.store.get(key)
        state, timestamp = before if before is not None else (aggregator.initial(), record.timestamp)
        old = _old(aggregator, state, known=before is not None or (self.node.initial_is_old and self.cache is None))
        timestamp = max(timestamp, record.timestamp)
        new_state = aggregator.add(record.key, record, state)
        result = self.store.put(key, new_state, timestamp)
        if not is_kept(result):
            return
        changed = record.with_value(Change(aggregator.result(new_state), old, is_latest(result)))
        changed.timestamp = timestamp
        self.send(key, changed, old, record.timestamp)


def _old(aggregator: Aggregator, state: Any, *, known: bool) -> Any:
    """The result before a record; what has no first aggregate (a reduction) has none before its first record."""
    return aggregator.result(state) if known and state is not None else None


def windows_of(timestamp: int, size_ms: int, advance_ms: int) -> range:
    """Return the starts of the windows that contain a time, ascending.

    >>> list(windows_of(25, 20, 10))
    [10, 20]
    """
    first = max(0, timestamp - size_ms + advance_ms) // advance_ms * advance_ms
    return range(first, timestamp + 1, advance_ms)


class WindowedAggregateProcessor(CachingProcessor):
    """Folds the records of each key and time window.

    A window takes records while its end is later than the operator's stream time less the grace period.  Null keys
    are dropped; null values reach the aggregator.
    """

    def __init__(self, node: n.WindowedAggregate, context: TaskContext, store: OrderedStore) -> None:
        super().__init__(node.name, context)
        self.node = node
        self.store = store
        self.aggregator = node.aggregator
        self.write_key = KeyWriter(node.store.key_serde)
        if holds_back(context, node.store):
            retention_ms = node.size_ms + node.grace_ms
            self.hold_back(node.store, forwards=not node.emit_final, retention_ms=retention_ms)
        self.observed_time = NO_TIME
        self._open: dict[bytes, Windowed] = {}
        self._by_start: list[tuple[int, bytes]] = []
        self._retention_ms = node.store.retention_ms or node.size_ms + node.grace_ms
        self._throttle = EmitThrottle(context)

    def process(self, record: Record, port: int = 0) -> None:
        """Fold the record into each of its open windows, in ascending order of their starts."""
        if record.key is None:
            self.context.drop("null-key")
            return
        node = self.node
        self.observed_time = max(self.observed_time, record.timestamp)
        close_time = self.observed_time - node.grace_ms
        for start in windows_of(record.timestamp, node.size_ms, node.advance_ms):
            end = start + node.size_ms
            if end > close_time:
                self._fold(record, Windowed(record.key, start, end))
            else:
                self.context.drop("expired-window")
        if node.emit_final:
            self._emit_closed(record, close_time)

    def _fold(self, record: Record, window: Windowed) -> None:
        aggregator = self.aggregator
        key = self.write_key(window)
        # What another operator put may be so new that the store shows this window no more.
        is_shown = self.is_cached(key) or window.start > self.newest_in(self.node.store) - self._retention_ms
        before = self.store.get(key) if is_shown else None
        state, timestamp = before if before is not None else (aggregator.initial(), record.timestamp)
        old = _old(aggregator, state, known=before is not None or (self.node.initial_is_old and self.cache is None))
        timestamp = max(timestamp, record.timestamp)
        new_state = aggregator.add(window, record, state)
        self.store.put(key, new_state, timestamp)
        self.has_put(self.node.store, window.start)
        if self.node.emit_final:
            self._wait(key, window, record)
            return
        changed = Record(window, Change(aggregator.result(new_state), old), timestamp, record.headers)
        self.send(key, changed, old, record.timestamp)

    def _wait(self, key: bytes, window: Windowed, record: Record) -> None:
        if self.cache is not None:
            self.cache.note(key, record.headers)
        self._watch(key, window)

    def _watch(self, key: bytes, window: Windowed) -> None:
        if key not in self._open:
            heappush(self._by_start, (window.start, key))
        self._open[key] = window

    def _emit_closed(self, record: Record, close_time: int) -> None:
        """Forward the results of windows that closed, ordered by start, then key; looked for once an interval."""
        if not self._throttle.is_due(close_time):
            return
        oldest = self.newest_in(self.node.store) - self._retention_ms if self.context.hides_expired else NO_TIME
        while self._by_start and self._by_start[0][0] + self.node.size_ms <= close_time:
            start, key = heappop(self._by_start)
            window = self._open.pop(key)
            found = self.store.get(key) if start >= oldest or self.is_cached(key) else None
            if found is not None:
                state, timestamp = found
                change = Change(self.aggregator.result(state), None)
                self.forward(Record(window, change, timestamp, record.headers))

    def progress(self) -> dict[str, int]:
        """Return the operator's time and how far windows were forwarded."""
        closed = {"closed": self._throttle.last_close_time, "newest": self.newest_in(self.node.store)}
        return {**super().progress(), **(closed if self.node.emit_final else {})}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on; windows that were not forwarded yet are in the store."""
        super().resume(progress)
        if not self.node.emit_final:
            return
        newest = max(self.newest_in(self.node.store), progress.get("newest", NO_TIME))
        self.context.newest[self.node.store.name] = newest
        self._throttle.last_close_time = closed = progress.get("closed", NO_TIME)
        read_key = KeyReader(self.node.store.key_serde)
        for key, _ in self.store.range():
            window: Windowed = read_key(key)
            if window.end > closed:
                self._watch(key, window)

    def expiries(self) -> list[Expiry]:
        """Return the windows beyond the retention; those that wait for their end stay."""
        time_ms = self.observed_time
        if self._by_start:
            time_ms = min(time_ms, self._by_start[0][0] + self._retention_ms)
        return [Expiry.of(self.node.store.name, 8, time_ms, self._retention_ms)]
