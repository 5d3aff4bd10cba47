"""Changes of a table held back for a time, or until the buffer is full."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kappaflow.errors import StreamsError
from kappaflow.state import OrderedStore
from kappaflow.streams.processors.base import Processor, TaskContext
from kappaflow.streams.processors.buffered_changes import BufferedChange
from kappaflow.streams.processors.keys import KeyReader, KeyWriter
from kappaflow.streams.record import Change, Record
from kappaflow.streams.topology.nodes import KeySerde

_CONTEXT_BYTES = 8 + 8 + 4
_TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class BufferLimits:
    """When changes leave a buffer.

    Attributes:
        wait_ms: how long a change waits, in stream time.
        records, size_bytes: the most that the buffer holds; None is no limit.
        emits_early: a full buffer gives its oldest changes away; otherwise the application stops.
        drops_tombstones: deletions that were never forwarded as rows vanish (windows that are final).
    """

    wait_ms: int
    records: int | None = None
    size_bytes: int | None = None
    emits_early: bool = True
    drops_tombstones: bool = False


class SuppressBufferProcessor(Processor):
    """Keeps the latest change of each key and forwards it when its time has come.

    A later change of a key that waits takes its place, and its time.  Changes leave in the order of their times, then
    of key bytes.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        limits: BufferLimits,
        time_of: Callable[[Record], int],
        key_serde: KeySerde,
        store: OrderedStore,
    ) -> None:
        super().__init__(name, context)
        self._limits = limits
        self._time_of = time_of
        self._store: Any = store
        self._write_key = KeyWriter(key_serde)
        self._read_key = KeyReader(key_serde)
        self._order: list[tuple[int, bytes]] = []
        self._times: dict[bytes, int] = {}
        self._sizes: dict[bytes, int] = {}
        self._bytes = 0

    def process(self, record: Record, port: int = 0) -> None:
        """Hold the change, then forward those whose time has come."""
        self.observed_time = max(self.observed_time, record.timestamp)
        key = self._write_key(record.key)
        change: Change = record.value
        held = self._store.get(key) if key in self._times else None
        prior = change.old if held is None else held[0].prior
        at = record if record.topic or self.context.source is None else self.context.source
        self._hold(
            key,
            self._time_of(record),
            BufferedChange(
                self._times.get(key, self._time_of(record)),
                change.new,
                change.old,
                prior,
                record.timestamp,
                record.headers,
                at.topic,
                at.partition,
                at.offset,
            ),
        )
        self._release()

    def prior(self, key: Any) -> tuple[bool, Any]:
        """Return whether a change of the key waits, and what the key was before it."""
        data = self._write_key(key)
        if data not in self._times:
            return False, None
        found = self._store.get(data)
        return True, None if found is None else found[0].prior

    def _hold(self, key: bytes, time: int, buffered: BufferedChange) -> None:
        if key not in self._times:
            self._times[key] = time
            insort(self._order, (time, key))
        self._store.put(key, buffered, buffered.timestamp)
        self._bytes -= self._sizes.get(key, 0)
        self._sizes[key] = self._size(key, buffered)
        self._bytes += self._sizes[key]

    def _size(self, key: bytes, buffered: BufferedChange) -> int:
        if self._limits.size_bytes is None:
            return 0
        headers = sum(len(name.encode()) + len(value or b"") for name, value in buffered.headers)
        context = _CONTEXT_BYTES + len(buffered.topic) + headers
        stored = self._store.get(key)
        return _TIME_BYTES + len(key) + context + (0 if stored is None else stored[0].value_bytes)

    def _release(self) -> None:
        expiry = self.observed_time - self._limits.wait_ms
        while self._order and self._order[0][0] <= expiry:
            self._emit_first()
        while self._order and self._is_full():
            if not self._limits.emits_early:
                raise StreamsError(
                    f"The buffer of {self.name} is full: {len(self._order)} changes, {self._bytes} bytes. Give it "
                    "more room, or let it emit early when it is full."
                )
            self._emit_first()

    def _is_full(self) -> bool:
        records, size = self._limits.records, self._limits.size_bytes
        return (records is not None and len(self._order) > records) or (size is not None and self._bytes > size)

    def _emit_first(self) -> None:
        _, key = self._order[0]
        found = self._store.get(key)
        if found is not None:
            self._emit(key, found[0])
            self._store.put(key, None, found[1])
        # Until it is forwarded a change is still held: those that look the table up meanwhile see what was before.
        del self._order[0], self._times[key]
        self._bytes -= self._sizes.pop(key, 0)

    def _emit(self, key: bytes, buffered: BufferedChange) -> None:
        if buffered.new is None and self._limits.drops_tombstones:
            return
        self.forward(
            Record(
                self._read_key(key),
                Change(buffered.new, buffered.old),
                buffered.timestamp,
                buffered.headers,
                buffered.topic,
                buffered.partition,
                buffered.offset,
            )
        )

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on with the changes in the store."""
        super().resume(progress)
        for key, (buffered, _) in list(self._store.range()):
            self._times[key] = buffered.time
            insort(self._order, (buffered.time, key))
            self._sizes[key] = self._size(key, buffered)
            self._bytes += self._sizes[key]
