"""Column form of sessions: one pass over the rows of a batch, with the open sessions of their keys in memory.

    keys, times, inputs of folds as columns ─▶ merge, fold ─▶ deletions and sessions as rows ─▶ results as columns

A row joins the sessions within the gap of it, so each depends on the one before it: the pass is over rows, but nothing
is decoded, encoded or looked up for one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pyarrow as pa

from kappaflow.kernel.fold_steps import start_of, step_of
from kappaflow.serde import WindowedKeySerde
from kappaflow.serde.arrow import array_to_values, rows_to_arrays
from kappaflow.serde.shape import Shape
from kappaflow.state import PackedStore, SessionStore
from kappaflow.streams.batch import Batch
from kappaflow.streams.columns.batches import both, plain, take
from kappaflow.streams.columns.operator import only
from kappaflow.streams.processors.base import NO_TIME, Expiry, TaskContext
from kappaflow.streams.topology import nodes as n

KEYS_MAX = 200_000
"""Beyond so many keys, those without a session that can still change are forgotten."""
State = tuple[Any, ...]


@dataclass(slots=True)
class Session:
    """An open session."""

    start: int
    end: int
    state: State


@dataclass(slots=True)
class _Results:
    """What a batch forwards: sessions that are, and sessions that are no more."""

    row: list[int] = field(default_factory=list[int])
    start: list[int] = field(default_factory=list[int])
    end: list[int] = field(default_factory=list[int])
    state: list[State] = field(default_factory=list[State])
    is_there: list[bool] = field(default_factory=list[bool])

    def add(self, row: int, session: Session, *, is_there: bool) -> None:
        """Forward a session, or that it is gone."""
        self.row.append(row)
        self.start.append(session.start)
        self.end.append(session.end)
        self.state.append(session.state)
        self.is_there.append(is_there)


class SessionColumns:
    """Folds rows per key into sessions.

    Attributes:
        observed_time: the operator's stream time.
    """

    def __init__(self, node: n.SessionAggregate, store: PackedStore, context: TaskContext, *, tracks_old: bool) -> None:
        self.node = node
        self.context = context
        self.observed_time = NO_TIME
        self._newest_end = NO_TIME
        self._tracks_old = tracks_old
        self._store = store
        self._sessions = SessionStore(store)
        self._retention_ms = node.store.retention_ms or node.gap_ms + node.grace_ms
        folds = node.aggregator.folds or ()
        self._folds = folds
        self._steps = [step_of(fold.kind, str(fold.type)) for fold in folds]
        self._start: State = tuple(start_of(fold.kind, str(fold.type)) for fold in folds)
        self._shape: Shape | None = getattr(node.aggregator, "shape", None)
        self._open: dict[bytes, list[Session]] = {}
        self._forget_at = KEYS_MAX
        self._is_loaded = False
        self._changed: dict[tuple[bytes, int, int], tuple[State | None, int]] = {}

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Return the changes of sessions."""
        batch = only(inputs)
        mask = both(batch.key_valid, None)
        if mask is not None:
            self.context.drop("null-key", int((~mask).sum()))
            batch = take(batch, mask)
        if not len(batch):
            return None
        if not self._is_loaded:
            self._is_loaded = True
            self._load()
        inner = cast("WindowedKeySerde", self.node.store.key_serde).inner
        if batch.key_bytes is None or batch.key_format != inner.name:
            batch.key_bytes, batch.key_format = inner.encode(batch.key, None, len(batch)), inner.name
        results = _Results()
        keys = plain(batch.key_bytes).cast(pa.binary()).to_pylist()
        for row, (key, timestamp, values) in enumerate(
            zip(keys, batch.timestamp.tolist(), self._inputs(batch), strict=True)
        ):
            self._take(row, key, timestamp, values, results)
        self._save()
        return self._batch(batch, results) if results.row else None

    def _inputs(self, batch: Batch) -> Sequence[State]:
        """Return the input of each fold for each row; of a count whether the row counts."""
        columns = self.node.aggregator.inputs(batch)
        ones = [True] * len(batch)
        listed: list[list[Any]] = []
        for fold in self._folds:
            if fold.input is None:
                listed.append(ones)
            elif fold.kind == "count":
                listed.append(columns[fold.input].is_valid().to_pylist())
            else:
                listed.append(array_to_values(plain(columns[fold.input]), fold.type))
        return list(zip(*listed, strict=True)) if listed else [()] * len(batch)

    def _take(self, row: int, key: bytes, timestamp: int, values: State, results: _Results) -> None:
        """Merge the sessions near a row and fold it in."""
        node = self.node
        self.observed_time = max(self.observed_time, timestamp)
        close_time = self.observed_time - node.grace_ms - node.gap_ms
        sessions = self._open.get(key)
        if sessions is None:
            sessions = self._open[key] = []
        # A session store shows nothing older than its retention, counted from the newest session it has taken.
        earliest = max(timestamp - node.gap_ms, 0, self._newest_end - self._retention_ms + 1)
        latest = timestamp + node.gap_ms
        found = [each for each in sessions if each.end >= earliest and each.start <= latest]
        start, end, state = timestamp, timestamp, self._start
        for old in found:
            start, end = min(start, old.start), max(end, old.end)
            state = old.state if state is self._start else self._merged(state, old.state)
        if end < close_time:
            self.context.drop("expired-window")
            return
        if found and (start, end) != (timestamp, timestamp):
            for old in found:
                self._changed[key, old.start, old.end] = (None, timestamp)
                results.add(row, old, is_there=False)
        state = tuple([step(before, value) for step, before, value in zip(self._steps, state, values, strict=True)])
        made = Session(start, end, state)
        self._changed[key, start, end] = (state, timestamp if node.keeps_record_time else end)
        results.add(row, made, is_there=True)
        if found:
            gone = set(map(id, found))
            sessions[:] = [each for each in sessions if id(each) not in gone]
        sessions.append(made)
        if len(sessions) > 1:
            oldest = self._newest_end - self._retention_ms
            sessions[:] = sorted(
                (each for each in sessions if each.end > oldest), key=lambda each: (each.end, each.start)
            )
        self._newest_end = max(self._newest_end, end)

    def _merged(self, left: State, right: State) -> State:
        aggregator, shape = self.node.aggregator, self._shape
        if shape is None:
            return aggregator.merge(None, left, right)
        return shape.row_of(aggregator.merge(None, shape.value_of(left), shape.value_of(right)))

    def _load(self) -> None:
        """Take the sessions of the store, which nobody else writes."""
        objects, shape, oldest = self.node.store.objects, self._shape, self._newest_end - self._retention_ms
        for key, (row, _) in self._store.range():
            start, end = int.from_bytes(key[-8:], "big"), int.from_bytes(key[-16:-8], "big")
            if end > oldest:
                state = row if objects is None or shape is None else shape.row_of(objects.deserialize(row[0]))
                self._open.setdefault(key[:-16], []).append(Session(start, end, tuple(state)))

    def _save(self) -> None:
        """Let the store take the changes."""
        changed, self._changed = self._changed, {}
        states = [state for state, _ in changed.values() if state is not None]
        objects: Any = self.node.store.objects
        rows: Any = iter(states)
        if objects is not None and states:
            data = objects.encode(rows_to_arrays(states, [fold.type for fold in self._folds]), None, len(states))
            rows = iter([(each,) for each in data.to_pylist()])
        for (key, start, end), (state, timestamp) in changed.items():
            self._sessions.put_session(key, start, end, None if state is None else next(rows), timestamp)
        if len(self._open) > self._forget_at:
            oldest = self._newest_end - self._retention_ms
            kept = {key: [each for each in sessions if each.end > oldest] for key, sessions in self._open.items()}
            self._open = {key: sessions for key, sessions in kept.items() if sessions}
            self._forget_at = max(KEYS_MAX, 2 * len(self._open))

    def _batch(self, batch: Batch, results: _Results) -> Batch:
        made = take(batch, np.array(results.row, np.int64))
        made.window_start = np.array(results.start, np.int64)
        made.window_end = np.array(results.end, np.int64)
        made.timestamp = made.window_end.copy()
        made.headers = None
        states = rows_to_arrays(results.state, [fold.type for fold in self._folds])
        values = self.node.aggregator.results(states)
        there = np.array(results.is_there, np.bool_)
        made.value, made.value_valid = values, None if there.all() else there
        if self._tracks_old:
            made.old, made.old_valid = list(values), ~there
        return made

    # ---- what a restart needs ----

    def progress(self) -> dict[str, int]:
        """Return the operator's time and the newest session's end."""
        observed = {} if self.observed_time == NO_TIME else {"observed": self.observed_time}
        return {**observed, "newest": self._newest_end}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on from what `progress` gave."""
        self.observed_time = progress.get("observed", NO_TIME)
        self._newest_end = progress.get("newest", NO_TIME)

    def expiries(self) -> list[Expiry]:
        """Return the sessions beyond the retention."""
        return [Expiry.of(self.node.store.name, 16, self._newest_end, self._retention_ms)]
