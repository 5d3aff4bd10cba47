"""Aggregation of a stream into sessions."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Any

from kappaflow.state import SessionStore
from kappaflow.streams.processors.base import NO_TIME, Expiry, TaskContext
from kappaflow.streams.processors.emit_throttle import EmitThrottle
from kappaflow.streams.processors.keys import KeyReader, KeyWriter
from kappaflow.streams.processors.result_cache import CachingProcessor, table_holds_back
from kappaflow.streams.record import Change, Record, Windowed
from kappaflow.streams.topology import nodes as n


class SessionAggregateProcessor(CachingProcessor):
    """Folds the records of each key into sessions.

    A record joins all sessions within the gap of it and merges them: their old results are deleted, in the order of
    the store, before the merged one is forwarded.  The result's time is the session's end.
    """

    def __init__(self, node: n.SessionAggregate, context: TaskContext, store: SessionStore) -> None:
        super().__init__(node.name, context)
        self.node = node
        self.store = store
        self.aggregator = node.aggregator
        self.write_key = KeyWriter(node.store.key_serde)
        self.observed_time = NO_TIME
        self._retention_ms = node.store.retention_ms or node.gap_ms + node.grace_ms
        self._throttle = EmitThrottle(context)
        self._closing: dict[bytes, Windowed] = {}
        self._by_end: list[tuple[int, int, bytes]] = []
        if table_holds_back(context, node.store) and not node.emit_final:
            self.hold_back(node.store)

    def process(self, record: Record, port: int = 0) -> None:
        """Merge the sessions near the record and fold it in."""
        if record.key is None:
            self.context.drop("null-key")
            return
        node, timestamp = self.node, record.timestamp
        self.observed_time = max(self.observed_time, timestamp)
        close_time = self.observed_time - node.grace_ms - node.gap_ms
        inner = self.write_key(Windowed(record.key, 0, 0))[:-16]
        # A session store shows nothing older than its retention, counted from the newest session it has taken.
        oldest = self.newest_in(node.store) - self._retention_ms + 1
        near = self.store.sessions(inner, timestamp - node.gap_ms, timestamp + node.gap_ms)
        found = [each for each in near if each[1] >= oldest or self._is_cached(record.key, each)]
        first = max(0, timestamp - node.gap_ms).to_bytes(8, "big") + bytes(8)
        self.scanned(inner + first, inner + b"\x7f" + b"\xff" * 15)
        start, end = timestamp, timestamp
        state = self.aggregator.initial()
        for old_start, old_end, old_state in found:
            start, end = min(start, old_start), max(end, old_end)
            state = self.aggregator.merge(record.key, state, old_state)
        if end < close_time:
            self.context.drop("expired-window")
            return
        merged, before = Windowed(record.key, start, end), None
        if (start, end) != (timestamp, timestamp):
            for old_start, old_end, old_state in found:
                self._remove(inner, record, Windowed(record.key, old_start, old_end), old_state)
        elif found:
            before = self.aggregator.result(found[0][2])
        state = self.aggregator.add(merged, record, state)
        self.store.put_session(inner, start, end, state, timestamp if node.keeps_record_time else end)
        self.has_put(node.store, end)
        if node.emit_final:
            self._wait(merged)
            self._emit_closed(record, close_time)
            return
        change = Change(self.aggregator.result(state), None)
        self._send(record, merged, change, before)

    def _is_cached(self, key: Any, session: tuple[int, int, Any]) -> bool:
        return self.cache is not None and self.is_cached(self.write_key(Windowed(key, session[0], session[1])))

    def _remove(self, inner: bytes, record: Record, window: Windowed, state: Any) -> None:
        self.store.put_session(inner, window.start, window.end, None, record.timestamp)
        self._closing.pop(self.write_key(window), None)
        if not self.node.emit_final:
            before = self.aggregator.result(state)
            self._send(record, window, Change(None, before), before)

    def _send(self, record: Record, window: Windowed, change: Change, before: Any) -> None:
        if self.cache is None:
            self.forward(Record(window, change, window.end))
        else:
            changed = Record(window, change, window.end, record.headers)
            self.cache.hold(self.write_key(window), changed, before, sends_old=True)

    def _emit_closed(self, record: Record, close_time: int) -> None:
        if not self._throttle.is_due(close_time):
            return
        while self._by_end and self._by_end[0][0] < close_time:
            _, _, key = heappop(self._by_end)
            window = self._closing.pop(key, None)  # a merged session is gone
            found = None if window is None else self.store.get(key)
            if found is not None and window is not None:
                change = Change(self.aggregator.result(found[0]), None)
                self.forward(Record(window, change, window.end, record.headers))

    def _wait(self, window: Windowed) -> None:
        key = self.write_key(window)
        if key not in self._closing:
            heappush(self._by_end, (window.end, window.start, key))
        self._closing[key] = window

    def progress(self) -> dict[str, int]:
        """Return the operator's time, the newest session's end, and how far sessions were forwarded."""
        newest = {"newest": self.newest_in(self.node.store)}
        closed = {"closed": self._throttle.last_close_time} if self.node.emit_final else {}
        return {**super().progress(), **newest, **closed}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on; sessions that were not forwarded yet are in the store."""
        super().resume(progress)
        newest = max(self.newest_in(self.node.store), progress.get("newest", NO_TIME))
        self.context.newest[self.node.store.name] = newest
        if not self.node.emit_final:
            return
        self._throttle.last_close_time = closed = progress.get("closed", NO_TIME)
        read_key = KeyReader(self.node.store.key_serde)
        for key, _ in self.store.rows.range():
            window: Windowed = read_key(key)
            if window.end >= closed:
                self._wait(window)

    def expiries(self) -> list[Expiry]:
        """Return the sessions beyond the retention; those that wait for their end stay."""
        time_ms = self.newest_in(self.node.store)
        if self._by_end:
            time_ms = min(time_ms, self._by_end[0][0] + self._retention_ms)
        return [Expiry.of(self.node.store.name, 16, time_ms, self._retention_ms)]
