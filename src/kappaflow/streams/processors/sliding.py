"""Aggregation of a stream in sliding windows.

A window of a record ends at it, another begins right behind it; both bounds belong to it.  So the windows that exist
are those whose content can differ.  Source: KIP-450.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kappaflow.state import OrderedStore
from kappaflow.streams.functions import Aggregator
from kappaflow.streams.processors.base import NO_TIME, Expiry, TaskContext
from kappaflow.streams.processors.emit_throttle import EmitThrottle
from kappaflow.streams.processors.keys import KeyReader, KeyWriter
from kappaflow.streams.processors.result_cache import CachingProcessor, table_holds_back
from kappaflow.streams.record import Change, Record, Windowed
from kappaflow.streams.topology.nodes import StoreSpec

Window = tuple[int, Any, int]  # start, state, time of the newest record
SEGMENT_MS_MIN = 60_000
"""A segment of a store of Kafka Streams is half of its retention long, and no less than this."""


class SlidingAggregateProcessor(CachingProcessor):
    """Folds the records of each key into the sliding windows that hold them.

    Args:
        difference_ms: between the bounds of a window.
        emit_final: results are forwarded when their window closes.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        aggregator: Aggregator,
        spec: StoreSpec,
        store: OrderedStore,
        *,
        difference_ms: int,
        grace_ms: int,
        emit_final: bool = False,
    ) -> None:
        super().__init__(name, context)
        self._aggregator = aggregator
        self._spec = spec
        self._store = store
        self._difference = difference_ms
        self._grace = grace_ms
        self._emit_final = emit_final
        self._write_key = KeyWriter(spec.key_serde)
        self._throttle = EmitThrottle(context)
        self.observed_time = NO_TIME
        if table_holds_back(context, spec) and not emit_final:
            self.hold_back(spec)

    def process(self, record: Record, port: int = 0) -> None:
        """Fold the record in; windows that it makes new begin with what lies in them already."""
        if record.key is None or record.value is None:
            self.context.drop("null-key-or-value")
            return
        self.observed_time = max(self.observed_time, record.timestamp)
        close_time = self.observed_time - self._grace
        if record.timestamp + self._difference < close_time:
            self.context.drop("expired-window")
            return
        if record.timestamp < self._difference:
            self._fold_early(record, close_time)
        elif self._fold(record, close_time):
            pass
        if record.timestamp >= self._difference and self._emit_final:
            self._emit_closed(record, close_time)

    def _is_kept(self, start: int) -> bool:
        """Tell whether the store still has windows of that start, or takes them.

        It counts from the newest window that it has taken; the store of final results keeps one millisecond more.
        """
        newest = self.newest_in(self._spec)
        oldest = newest - (self._spec.retention_ms or 0)
        return newest == NO_TIME or start > oldest or (self._emit_final and start == oldest)

    def _windows(self, key: Any, low: int, high: int, *, backward: bool = False) -> Iterator[Window]:
        """The windows of a key that start within [low, high], ascending or descending; they may change meanwhile."""
        start = self._write_key(Windowed(key, max(0, low), 0))
        end = self._write_key(Windowed(key, high, 0))
        inner = len(start) - 8
        found: list[tuple[bytes, Window]] = []
        for full, (state, timestamp) in list(self._store.range(start, end + b"\x00")):
            if len(full) == len(start) and full[:inner] == start[:inner]:
                at = int.from_bytes(full[inner:], "big")
                if self._is_kept(at) or self.is_cached(full):
                    found.append((full, (at, state, timestamp)))
        if backward and self.cache is not None and self.cache.entries is not None:
            start = self._write_key(Windowed(key, self._scanned_from(low, self.cache.newest), 0))
        return (window for _, window in self.visited(found, start, end, backward=backward))

    def _scanned_from(self, low: int, newest: int) -> int:
        """Where a scan of a cache begins that descends to a window: at the begin of its segment.

        Where no window was put that late, the scan is one of the last segment that has any.  Those of a store in memory
        pass the windows of all keys.  Source: ``CachingWindowStore.CacheIteratorWrapper`` of Apache Kafka 4.3
        """
        if self._spec.in_memory:
            return 0
        segment_ms = max((self._spec.retention_ms or 0) // 2, SEGMENT_MS_MIN)
        return max(0, min(low, newest)) // segment_ms * segment_ms

    def _fold(self, record: Record, close_time: int) -> bool:
        """Fold a record whose windows do not begin before time 0; newest windows first."""
        at, size = record.timestamp, self._difference
        starts: set[int] = set()
        right: Window | None = None
        left: Window | None = None
        has_left = has_right = False
        previous: int | None = None
        for window in self._windows(record.key, at - 2 * size, at + 1, backward=True):
            start, _, newest = window
            starts.add(start)
            end = start + size
            if start == at + 1:
                has_right = True
            elif end > at:
                right = right or window
                self._update(start, window[1], newest, record, close_time)
            elif end == at:
                has_left = True
                self._update(start, window[1], newest, record, close_time)
                if newest >= at:
                    return True
                previous = newest
            else:
                left, previous = window, newest
                break
        if previous is not None and previous + 1 not in starts and previous + 1 + size >= at:
            self._update(previous + 1, None, at, record, close_time)
        if not has_left:
            held = left[1] if left is not None and previous is not None and at - size <= previous else None
            self._update(at - size, held, at, record, close_time)
        if not has_right and right is not None and right[2] > at:
            self._begin_right(record, right)
        return True

    def _fold_early(self, record: Record, close_time: int) -> None:
        """Fold a record whose left window would begin before time 0: all such share the window from 0."""
        at = record.timestamp
        starts: set[int] = set()
        combined: Window | None = None
        right: Window | None = None
        has_right = False
        previous: int | None = None
        for window in self._windows(record.key, 0, at + 1):
            start, state, newest = window
            starts.add(start)
            if start == 0:
                combined = window
                previous = newest if newest < at else previous
            elif start <= at:
                right = window
                self._update(start, state, newest, record, close_time)
            else:
                has_right = True
        if right is None and combined is not None and combined[2] > at:
            right = combined
        if not has_right and right is not None and right[2] > at:
            self._begin_right(record, right)
        if previous is not None and previous + 1 not in starts:
            self._update(previous + 1, None, at, record, close_time)
        if combined is None:
            self._update(0, None, at, record, close_time)
        else:
            self._update(0, combined[1], combined[2], record, close_time)

    def _begin_right(self, record: Record, held: Window) -> None:
        """Let the window behind a record begin with what lies in it already."""
        start = record.timestamp + 1
        window = Windowed(record.key, start, start + self._difference)
        before = self._put(window, held[1], held[2])
        if not self._emit_final:
            result = self._aggregator.result(held[1])
            self._send(record, window, Change(result, None), held[2], before)

    def _send(self, record: Record, window: Windowed, change: Change, timestamp: int, before: Any) -> None:
        changed = Record(window, change, timestamp, record.headers)
        self.send(self._write_key(window) if self.cache is not None else b"", changed, before, record.timestamp)

    def _update(self, start: int, state: Any, newest: int, record: Record, close_time: int) -> None:
        window = Windowed(record.key, start, start + self._difference)
        if window.end < close_time:
            self.context.drop("expired-window")
            return
        aggregator = self._aggregator
        before: Any = aggregator.initial() if state is None else state
        after: Any = aggregator.add(record.key, record, before)
        timestamp = record.timestamp if before is None else max(record.timestamp, newest)
        kept = self._put(window, after, timestamp)
        if not self._emit_final:
            old = None if before is None else aggregator.result(before)
            new = None if after is None else aggregator.result(after)
            self._send(record, window, Change(new, old), timestamp, kept)

    def _put(self, window: Windowed, state: Any, timestamp: int) -> Any:
        """Keep a window; return the result that it replaces, where results wait for a commit."""
        if self.cache is None:
            self._store.put(self._write_key(window), state, timestamp)
            self.has_put(self._spec, window.start)
            return None
        key = self._write_key(window)
        found = self._store.get(key) if self._is_kept(window.start) or key in self.cache else None
        self._store.put(key, state, timestamp)
        self.has_put(self._spec, window.start)
        return None if found is None else self._aggregator.result(found[0])

    def _emit_closed(self, record: Record, close_time: int) -> None:
        """Forward the windows that closed since the last look, by start, then key."""
        last = self._throttle.last_close_time
        if not self._throttle.is_due(close_time):
            return
        low = 0 if last == NO_TIME else max(0, last - self._difference)
        high = close_time - self._difference - 1
        read_key = KeyReader(self._spec.key_serde)
        closed: list[tuple[int, bytes, Any, int]] = []
        for full, (state, timestamp) in self._store.range():
            start = int.from_bytes(full[-8:], "big")
            if low <= start <= high and (not self.context.hides_expired or self._is_kept(start)):
                closed.append((start, full, state, timestamp))
        for start, full, state, timestamp in sorted(closed, key=lambda each: each[:2]):
            key = read_key(full).key
            window = Windowed(key, start, start + self._difference)
            self.forward(Record(window, Change(self._aggregator.result(state), None), timestamp, record.headers))

    def progress(self) -> dict[str, int]:
        """Return the operator's time and how far windows were forwarded."""
        return {
            **super().progress(),
            "newest": self.newest_in(self._spec),
            **({"closed": self._throttle.last_close_time} if self._emit_final else {}),
        }

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on."""
        super().resume(progress)
        self.context.newest[self._spec.name] = max(self.newest_in(self._spec), progress.get("newest", NO_TIME))
        self._throttle.last_close_time = progress.get("closed", NO_TIME)

    def expiries(self) -> list[Expiry]:
        """Return the windows beyond the retention; those that were not looked at since they closed stay."""
        retention_ms, time_ms = self._spec.retention_ms or 0, self.observed_time
        if self._emit_final:
            time_ms = min(time_ms, max(0, self._throttle.last_close_time - self._difference) + retention_ms)
        return [Expiry.of(self._spec.name, 8, time_ms, retention_ms)]
