"""Join of two streams within a time window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.state.windows import ARRIVAL_BYTES, TIME_MAX, JoinWindowStore, Unmatched
from kappaflow.streams.processors.base import NO_TIME, Expiry, Processor, TaskContext
from kappaflow.streams.processors.keys import KeyReader, KeyWriter
from kappaflow.streams.record import Record
from kappaflow.streams.topology import nodes as n

LEFT, RIGHT = 0, 1
_SIDE = (1, 0)  # unmatched records of the right side come before those of the left


class StreamStreamJoinProcessor(Processor):
    """Joins each record with the near records of the other side, in the order of their times, then of arrival.

    Outer joins: without a grace period an unmatched record is emitted at once; with one it waits until no partner can
    come any more, and is looked for when stream time advances and the throttle's interval is over.
    """

    def __init__(
        self,
        node: n.StreamStreamJoin,
        context: TaskContext,
        left: JoinWindowStore,
        right: JoinWindowStore,
        outer: Unmatched | None,
    ) -> None:
        super().__init__(node.name, context)
        self.node = node
        self.stores = (left, right)
        self.outer = outer
        self.write_keys = (KeyWriter(node.left_store.key_serde), KeyWriter(node.right_store.key_serde))
        self.read_keys = (KeyReader(node.left_store.key_serde), KeyReader(node.right_store.key_serde))
        self.keeps = (node.keep_left, node.keep_right)
        self.observed_time = NO_TIME
        self._next_flush_wall_ms: int | None = None
        self._earliest = TIME_MAX

    def _reach(self, port: int) -> tuple[int, int]:
        """Return how far back and ahead the other side's records may be."""
        node = self.node
        return (node.before_ms, node.after_ms) if port == LEFT else (node.after_ms, node.before_ms)

    def process(self, record: Record, port: int = 0) -> None:
        """Emit matches, remember the record for later ones, flush unmatched records that timed out."""
        self.observed_time = max(self.observed_time, record.timestamp)
        if record.value is None or (record.key is None and not self.keeps[port]):
            self.context.drop("null-key-or-value")
            if record.key is not None:
                self._keep(record, port)  # for the changelog, which shows that there was a record
            return
        if record.key is None:
            self._emit(record, port, record.value, None, record.timestamp)
            return
        key = self.write_keys[port](record.key)
        if self.outer is not None and record.timestamp == self.observed_time:
            self._flush_unmatched(self.outer, record, port)
        before, after = self._reach(port)
        low, high = max(0, record.timestamp - before), max(0, record.timestamp + after)
        matched = False
        self.stores[port].observe(record.timestamp)
        for other_time, other in self.stores[1 - port].fetch(key, low, high):
            matched = True
            if self.outer is not None:
                self.outer.discard(other_time, _SIDE[1 - port], key, record.timestamp)
            self._emit(record, port, record.value, other, max(record.timestamp, other_time))
        if not matched and self.keeps[port]:
            self._unmatched(record, port, key, high)
        self._keep(record, port)

    def _keep(self, record: Record, port: int) -> None:
        self.context.headers = record.headers
        self.stores[port].add(self.write_keys[port](record.key), record.timestamp, record.value)

    def _unmatched(self, record: Record, port: int, key: bytes, window_end: int) -> None:
        if self.outer is None or window_end < self.observed_time:
            self._emit(record, port, record.value, None, record.timestamp)
            return
        self.outer.add(record.timestamp, _SIDE[port], key, record.value)
        self._earliest = min(self._earliest, record.timestamp)

    def _emit(self, record: Record, port: int, own: Any, other: Any, timestamp: int) -> None:
        left, right = (own, other) if port == LEFT else (other, own)
        joined = record.with_value(self.node.joiner.row(record.key, left, right))
        joined.timestamp = timestamp
        self.forward(joined)

    def _flush_unmatched(self, outer: Unmatched, record: Record, port: int) -> None:
        """Emit unmatched records whose window and grace period ended, ordered by time, side and key.

        The earliest time that may still wait is a bound that this look moves to the last record it visits, as in
        Kafka Streams.
        """
        wait = self._waits(port)
        # Without a waiting record the bound is the greatest time, and only a wait of zero does not overflow it.
        if self._earliest + wait >= self.observed_time and (self._earliest < TIME_MAX or wait == 0):
            return
        now = self.context.wall_clock_ms()
        if self.context.outer_interval_ms:
            if self._next_flush_wall_ms is not None and now < self._next_flush_wall_ms:
                return
            self._next_flush_wall_ms = now + self.context.outer_interval_ms
        self._earliest = TIME_MAX
        waiting: set[int] = set()
        for full, value in outer.waiting():
            timestamp, byte, key = full
            side = _SIDE[byte]
            self._earliest = timestamp
            if len(waiting) == 2:
                break
            if timestamp + self._waits(side) >= self.observed_time:
                waiting.add(side)
                continue
            unmatched = Record(self.read_keys[side](key), value, timestamp, record.headers)
            self._emit(unmatched, side, value, None, timestamp)
            outer.discard(timestamp, byte, key, record.timestamp)

    def _waits(self, port: int) -> int:
        _, after = self._reach(port)
        return after + (self.node.grace_ms or 0)

    def progress(self) -> dict[str, int]:
        """Return the operator's time, the numbers of its stores, and the earliest unmatched record."""
        sides = enumerate(self.stores)
        stores = {f"side-{side}-{what}": number for side, store in sides for what, number in store.progress().items()}
        return {**super().progress(), **stores, "earliest": self._earliest}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on; without an earliest unmatched record it is looked up."""
        super().resume(progress)
        for side, store in enumerate(self.stores):
            prefix = f"side-{side}-"
            store.resume(
                {name.removeprefix(prefix): number for name, number in progress.items() if name.startswith(prefix)}
            )
        earliest = self.outer.earliest() if self.outer is not None else None
        self._earliest = progress.get("earliest", TIME_MAX if earliest is None else earliest)

    def expiries(self) -> list[Expiry]:
        """Return the records beyond the window."""
        specs = (self.node.left_store, self.node.right_store)
        return [
            Expiry.of(spec.name, 8 + ARRIVAL_BYTES, store.observed, store.retention_ms)
            for spec, store in zip(specs, self.stores, strict=True)
        ]
