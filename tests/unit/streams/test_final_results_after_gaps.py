"""A window that closes after a gap longer than its retention gives its result, whenever it is looked for."""

from __future__ import annotations

from typing import Any

import pytest

from kappaflow.state import PackedMemoryStore
from kappaflow.streams import Serdes, SessionWindows, SlidingWindows, StreamsBuilder, TimeWindows
from kappaflow.streams.execution.row_task import RawRecord, RowTask
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.record import Record

TEXT = Serdes.string()
DAY_MS = 86_400_000
WINDOWS: dict[str, Any] = {
    "time": TimeWindows.of(10, grace=5),
    "session": SessionWindows.of(4, grace=3),
    "sliding": SlidingWindows.of(10, grace=5),
}


class Task:
    """A task that counts in windows, whose wall clock stands still until it is moved."""

    def __init__(self, windows: Any, *, hides_expired: bool = False) -> None:
        builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
        counted = builder.stream("in").group_by_key().windowed_by(windows).emit_strategy("on_window_close").count()
        counted.to_stream(lambda key, _: key.key).to("out", key_serde=TEXT, value_serde=Serdes.long())
        topology = builder.build().bind("app")
        (part,) = topology.subtopologies
        self.written: list[tuple[int, int]] = []
        self.wall_ms = 0
        self.stores: dict[str, Any] = {spec.name: PackedMemoryStore(spec.types) for spec in topology.stores}
        context = TaskContext(self._write, lambda: self.wall_ms, emit_interval_ms=1000, hides_expired=hides_expired)
        self._task = RowTask(topology, part, self.stores, self._write, lambda *_: None, context)
        self._task.resume({})

    def _write(self, _node: Any, record: Record) -> None:
        self.written.append((record.timestamp, record.value))

    def take(self, at_ms: int) -> None:
        self._task.process(RawRecord("in", b"k", b"v", at_ms))

    def commit(self) -> None:
        """As a task does: rows that nothing can reach any more go."""
        for expiry in self._task.expiries():
            store = self.stores[expiry.store]
            for key in [key for key, _ in store.range()]:
                at = len(key) - expiry.time_at
                if int.from_bytes(key[at : at + 8], "big") < expiry.before:
                    store.put(key, None, 0)


@pytest.mark.parametrize("kind", WINDOWS)
def test_the_last_window_before_a_gap_is_there_at_the_next_look(kind: str) -> None:
    task = Task(WINDOWS[kind])
    task.take(100)  # looks, and uses the interval up
    task.take(DAY_MS)
    task.commit()
    assert task.written == []
    task.wall_ms = 1000
    task.take(DAY_MS + 1)
    assert task.written[0] == (100, 1)
    task.wall_ms = 2000
    task.take(2 * DAY_MS)
    task.commit()
    task.commit()
    assert all(len(list(store.range())) <= 3 for store in task.stores.values()), "what was emitted goes"


@pytest.mark.parametrize("kind", ["time", "sliding"])
def test_drivers_that_do_as_kafka_streams_does_lose_it(kind: str) -> None:
    task = Task(WINDOWS[kind], hides_expired=True)
    task.take(100)
    task.wall_ms = 1000
    task.take(DAY_MS)
    assert task.written == []
