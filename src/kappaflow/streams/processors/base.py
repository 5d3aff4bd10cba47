"""What all operators share: children, the context of their task, counters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kappaflow.state import VersionedStore
from kappaflow.streams.processors.cache_entries import CacheBudget
from kappaflow.streams.processors.time_heap import TimeHeap
from kappaflow.streams.record import Headers, Record
from kappaflow.streams.topology.nodes import StoreSpec

NO_TIME = -1


class RowStore(Protocol):
    """State in row form: serialised keys to (row, timestamp)."""

    def get(self, key: bytes) -> tuple[Any, int] | None:
        """Return the row and its timestamp, or None."""
        ...

    def put(self, key: bytes, row: Any, timestamp: int) -> int | None:
        """Set a row; None deletes.  Versioned stores tell when the row ends, others nothing."""
        ...


class Punctuation:
    """A function that is called once an interval.  Intervals that were missed count as one.

    Args:
        start_ms: of the first interval's end; the first call comes when time reaches it.
        callback: takes the time.
    """

    def __init__(self, start_ms: int, interval_ms: int, callback: Callable[[int], None], *, wall_clock: bool) -> None:
        self.next_ms = start_ms
        self.interval_ms = interval_ms
        self.wall_clock = wall_clock
        self.cancelled = False
        self._callback = callback

    def cancel(self) -> None:
        """Call the function no more."""
        self.cancelled = True

    def call(self, now_ms: int) -> None:
        """Call the function and set the next time."""
        self._callback(now_ms)
        self.next_ms += (max(0, now_ms - self.next_ms) // self.interval_ms + 1) * self.interval_ms


class CallSensor(Protocol):
    """Keeps how long calls took."""

    def record(self, value: float) -> None:
        """Keep a duration."""
        ...


class Punctuations:
    """The functions that a task calls as time passes.

    Attributes:
        sensor: told how many milliseconds each call took.
    """

    def __init__(self) -> None:
        self.sensor: CallSensor | None = None
        self._queues = {False: TimeHeap[Punctuation](), True: TimeHeap[Punctuation]()}

    def add(self, punctuation: Punctuation) -> None:
        """Add one."""
        self._queues[punctuation.wall_clock].add(punctuation.next_ms, punctuation)

    def call_due(self, now_ms: int, *, wall_clock: bool) -> bool:
        """Call what is due, and tell whether anything was."""
        queue, called = self._queues[wall_clock], False
        while (first := queue.first_time) is not None and first <= now_ms:
            punctuation = queue.take()
            if not punctuation.cancelled:
                began = time.perf_counter()
                punctuation.call(now_ms)
                if self.sensor is not None:
                    self.sensor.record((time.perf_counter() - began) * 1000)
                called = True
            if not punctuation.cancelled:
                queue.add(punctuation.next_ms, punctuation)
        return called

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())


@dataclass(slots=True)
class TaskContext:
    """What a task offers to its operators.

    Attributes:
        emit: called for every record of a sink: (sink node name, record).
        wall_clock_ms: the time used by throttles.
        stream_time: largest timestamp that the task has taken; -1 before the first record.
        dropped: counts of dropped records by reason.
        emit_interval_ms: how often emit-final operators look for closed windows, in wall-clock time.
        caching: aggregations and tables forward the last change per key at each commit instead of every one.
        outer_interval_ms: how often stream-stream joins look for unmatched records, in wall-clock time.
        application_id, task_id: of the task.
        app_configs: settings of the application, for processors of the program.
        shared: what operators of one task share, by name.
        punctuations: what is called as time passes.
        commit_requested: a processor asked for a commit.
        record_time: of what a processor of a user works on; -1 outside of them.
        source: the record that the task has taken.
        versioned: the versioned stores of the task, by name.
        newest: the greatest times in stores of windows and sessions that processors of users have put to.
        headers: of the record that an operator works on, where changelogs have them.
        pollers: called when what was fetched is processed; each forwards what an operator has held back until then and
            tells whether there was anything.
        in_flight: calls whose results operators wait for.
        may_hold: whether operators may hold records back until then, because nothing else could see it.
        cache_budget: what caches may take; without one they hold everything until the next commit.
        on_flushed: told the store and the key of what leaves a cache, and whether it changes the store below.
        hides_expired: windows that are older than the retention when they close are not emitted, as by Kafka Streams
            without a cache: the last one before a long gap in time is lost.  Test drivers do as Kafka Streams does.
        on_failure: told the operator that failed for a record, and why; what is behind it does not get the record. None
            lets the task fail.
    """

    emit: Callable[[Any, Record], None]
    wall_clock_ms: Callable[[], int]
    stream_time: int = NO_TIME
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    emit_interval_ms: int = 1000
    outer_interval_ms: int = 1000
    caching: bool = False
    application_id: str = ""
    task_id: str = "0_0"
    shared: dict[str, Any] = field(default_factory=dict[str, Any])
    punctuations: Punctuations = field(default_factory=Punctuations)
    commit_requested: bool = False
    record_time: int = NO_TIME
    source: Record | None = None
    headers: Headers = ()
    versioned: dict[str, VersionedStore] = field(default_factory=dict[str, VersionedStore])
    newest: dict[str, int] = field(default_factory=dict[str, int])
    pollers: list[Callable[[], bool]] = field(default_factory=list[Callable[[], bool]])
    in_flight: int = 0
    may_hold: bool = False
    app_configs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cache_budget: CacheBudget | None = None
    on_flushed: Callable[[StoreSpec, bytes, bool], None] | None = None
    on_failure: Callable[[str, Exception], None] | None = None
    hides_expired: bool = False

    def poll(self) -> bool:
        """Let operators forward what they have held back; tell whether there was anything."""
        found = False
        for poll in self.pollers:
            found = poll() or found
        return found

    def punctuate(self, *, wall_clock: bool) -> bool:
        """Call what is due by stream time or by the wall clock; tell whether anything was."""
        now = self.wall_clock_ms() if wall_clock else self.stream_time
        return self.punctuations.call_due(now, wall_clock=wall_clock)

    def now(self) -> int:
        """Return the time of what is processed."""
        if self.record_time != NO_TIME:
            return self.record_time
        return self.stream_time if self.source is None else self.source.timestamp

    def drop(self, reason: str, count: int = 1) -> None:
        """Count records that an operator leaves out."""
        self.dropped[reason] = self.dropped.get(reason, 0) + count


@dataclass(frozen=True, slots=True)
class Expiry:
    """Rows of a store that no record can reach any more.

    Attributes:
        store: its name.
        time_at: where a key holds its time, 8 bytes, counted from the key's end.
        before: rows of earlier times are gone.
        interval_ms: how far `before` moves on until it is worth looking for such rows again.
    """

    store: str
    time_at: int
    before: int
    interval_ms: int

    @classmethod
    def of(cls, store: str, time_at: int, observed_time: int, retention_ms: int) -> Expiry:
        """Return the expiry of a store that keeps rows for some time; as often as Kafka Streams drops segments."""
        return cls(store, time_at, observed_time - retention_ms, max(60_000, retention_ms // 2))


class Processor:
    """An operator of a running task.

    Attributes:
        observed_time: the largest timestamp that the operator has taken, where it closes windows by it.
    """

    observed_time: int = NO_TIME

    def __init__(self, name: str, context: TaskContext) -> None:
        self.name = name
        self.context = context
        self.children: list[Input] = []

    def process(self, record: Record, port: int = 0) -> None:
        """Take one record; `port` is the position of the parent it comes from."""
        raise TypeError(f"{type(self).__name__} does not process records")

    def forward(self, record: Record) -> None:
        """Hand a record to all children in order."""
        for child in self.children:
            child.processor.process(record, child.port)

    def flush_cache(self) -> None:
        """Forward what is held back until a commit; most operators hold nothing back."""

    def close(self) -> None:
        """End; most operators hold nothing that has to be closed."""

    def progress(self) -> dict[str, int]:
        """Return the numbers that a restart must find again beside the stores, by name."""
        return {} if self.observed_time == NO_TIME else {"observed": self.observed_time}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on from what `progress` gave; called before the first record, also with nothing."""
        self.observed_time = progress.get("observed", self.observed_time)

    def expiries(self) -> list[Expiry]:
        """Return what its stores need not keep."""
        return []


@dataclass(frozen=True, slots=True)
class Input:
    """A child and the port at which it takes records."""

    processor: Processor
    port: int = 0
