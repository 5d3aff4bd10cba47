"""Join of a stream with itself over one store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kappaflow.state import ARRIVAL_BYTES, JoinWindowStore
from kappaflow.streams.processors.base import Expiry, Processor, TaskContext
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.record import Record
from kappaflow.streams.topology.nodes import StoreSpec


class SelfJoinProcessor(Processor):
    """Joins each record with the near ones before it, these with it, and it with itself, as an inner join would.

    Args:
        before_ms, after_ms: how far back and ahead the right record may be of the left one.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        joiner: Callable[[Any, Any, Any], Any],
        spec: StoreSpec,
        store: JoinWindowStore,
        before_ms: int,
        after_ms: int,
    ) -> None:
        super().__init__(name, context)
        self._joiner = joiner
        self._spec = spec
        self._store = store
        self._before, self._after = before_ms, after_ms
        self._write_key = KeyWriter(spec.key_serde)

    def process(self, record: Record, port: int = 0) -> None:
        """Emit the pairs and remember the record."""
        if record.key is None or record.value is None:
            self.context.drop("null-key-or-value")
            if record.key is not None:
                self._keep(record)
            return
        at, key = record.timestamp, self._write_key(record.key)
        self.observed_time = max(self.observed_time, at)
        alone = at > self.observed_time - self._store.retention_ms + 1
        for time, other in self._near(key, at, self._before, self._after):
            self._emit(record, record.value, other, max(at, time))
        for time, other in self._near(key, at, self._after, self._before):
            if time > at and alone:
                alone = False
                self._emit(record, record.value, record.value, at)
            self._emit(record, other, record.value, max(at, time))
        if alone:
            self._emit(record, record.value, record.value, at)
        self._store.observe(at)  # what is near is looked for in the store as it was before
        self._keep(record)

    def _keep(self, record: Record) -> None:
        self.context.headers = record.headers
        self._store.add(self._write_key(record.key), record.timestamp, record.value)

    def _near(self, key: bytes, at: int, before: int, after: int) -> list[tuple[int, Any]]:
        return list(self._store.fetch(key, max(0, at - before), max(0, at + after)))

    def _emit(self, record: Record, left: Any, right: Any, timestamp: int) -> None:
        joined = record.with_value(self._joiner(record.key, left, right))
        joined.timestamp = timestamp
        self.forward(joined)

    def progress(self) -> dict[str, int]:
        """Return the operator's time and the store's numbers."""
        return {**super().progress(), **self._store.progress()}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on."""
        super().resume(progress)
        self._store.resume(progress)

    def expiries(self) -> list[Expiry]:
        """Return the records beyond the window."""
        return [Expiry.of(self._spec.name, 8 + ARRIVAL_BYTES, self._store.observed, self._store.retention_ms)]
