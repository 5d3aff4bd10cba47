"""Column form of sessions.

    keys, times, inputs of folds ─┬─ rows in order ──▶ runs, folded as columns ─┬─▶ results as columns
                                  └─ all other rows ─▶ one after the other ─────┘       └─▶ store, changelog

The open sessions of keys are in memory: a row in order meets the newest of its key or none, any other row the sessions
within the gap of it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pyarrow as pa

from kappaflow.kernel.fold_steps import start_of, step_of
from kappaflow.serde import WindowedKeySerde
from kappaflow.serde.arrow import array_to_values, rows_to_arrays
from kappaflow.serde.shape import Shape
from kappaflow.state import PackedStore
from kappaflow.streams.batch import ArrowArray, Batch, Int64s
from kappaflow.streams.columns.batches import both, plain, take
from kappaflow.streams.columns.operator import only
from kappaflow.streams.columns.session_runs import (
    NEVER,
    RowTimes,
    Runs,
    Session,
    Spans,
    State,
    folded,
    runs_of,
    session_keys,
)
from kappaflow.streams.columns.store_changes import LoggedChanges, StoreChanges
from kappaflow.streams.processors.base import NO_TIME, Expiry, TaskContext
from kappaflow.streams.topology import nodes as n

KEYS_MAX = 200_000
"""Beyond so many keys, those without a session that can still change are forgotten."""


@dataclass(slots=True)
class _Results:
    """What rows forward one after the other: sessions that are, and sessions that are no more."""

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


@dataclass(frozen=True, slots=True)
class _Forwarded:
    """Sessions that are forwarded, or that are no more, as columns."""

    row: Int64s
    start: Int64s
    end: Int64s
    states: list[ArrowArray]
    is_there: Any


def _end_of(session: Session) -> int:
    return session.end


def _bounds_of(session: Session) -> tuple[int, int]:
    return session.end, session.start


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
        self._loaded_end = NO_TIME
        self._tracks_old = tracks_old
        self._store = store
        self._retention_ms = node.store.retention_ms or node.gap_ms + node.grace_ms
        self._spans = Spans(node.gap_ms, node.grace_ms, self._retention_ms)
        folds = node.aggregator.folds or ()
        self._folds = folds
        self._types = [fold.type for fold in folds]
        self._steps = [step_of(fold.kind, str(fold.type)) for fold in folds]
        self._start: State = tuple(start_of(fold.kind, str(fold.type)) for fold in folds)
        self._shape: Shape | None = getattr(node.aggregator, "shape", None)
        self._open: dict[bytes, list[Session]] = {}  # of each key in the order of their ends
        self._forget_at = KEYS_MAX
        self._is_loaded = False
        self._changed: dict[tuple[bytes, int, int], tuple[State | None, int]] = {}
        self._changes = StoreChanges(node.store, store, self._types)

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
        made = self._folded(batch)
        self._forget()
        return made

    def _folded(self, batch: Batch) -> Batch | None:
        coded = plain(batch.key_bytes).cast(pa.binary()).dictionary_encode()
        keys: list[bytes] = coded.dictionary.to_pylist()
        codes = coded.indices.to_numpy().astype(np.int64)
        times = RowTimes.of(batch.timestamp, self.observed_time, self._newest_end)
        rest = np.arange(len(batch))
        forwarded: list[_Forwarded] = []
        inputs = self._arguments(batch)
        # What others left in the store may be newer than anything that this operator has seen.
        if self._newest_end >= self._loaded_end:
            sessions = [self._open.get(key) for key in keys]
            last = [each[-1] if each else None for each in sessions]
            runs, rest = runs_of(codes, times, last, self._spans)
            if len(runs.row):
                forwarded += self._take_runs(runs, keys, last, inputs)
        if len(rest):
            forwarded.append(self._take_rows(rest, keys, codes, times, inputs))
        self.observed_time = int(times.observed[-1])
        return self._batch(batch, forwarded)

    def _arguments(self, batch: Batch) -> list[ArrowArray | None]:
        """Return the input of each fold."""
        columns = self.node.aggregator.inputs(batch)
        return [None if fold.input is None else columns[fold.input] for fold in self._folds]

    # ---- rows in order ----

    def _take_runs(
        self,
        runs: Runs,
        keys: Sequence[bytes],
        last: Sequence[Session | None],
        inputs: Sequence[ArrowArray | None],
    ) -> list[_Forwarded]:
        """Fold the rows of runs; return the sessions that are no more, and those that are."""
        earlier = [last[key] for key in runs.key[runs.goes_on].tolist()]
        output = folded(runs, inputs, self._folds, [each.state for each in earlier if each is not None])
        self._keep_runs(runs, keys, earlier, output.columns)
        self._newest_end = max(self._newest_end, int(runs.time.max()))
        gone = np.flatnonzero(runs.replaces)
        before = pa.array(gone)
        old = [plain(column).take(before) for column in (output.old_columns if self._tracks_old else output.columns)]
        return [
            _Forwarded(runs.row[gone], runs.start[gone], runs.before[gone], old, np.zeros(len(gone), np.bool_)),
            _Forwarded(runs.row, runs.start, runs.time, output.columns, np.ones(len(runs.row), np.bool_)),
        ]

    def _keep_runs(
        self, runs: Runs, keys: Sequence[bytes], earlier: Sequence[Session | None], columns: Sequence[ArrowArray]
    ) -> None:
        """Remember the last session of each run, and let the store have it."""
        tail = pa.array(runs.tail)
        states = [plain(column).take(tail) for column in columns]
        starts, ends = runs.start[runs.tail], runs.time[runs.tail]
        keys_of_runs = [keys[key] for key in runs.key.tolist()]
        there = [each for each in earlier if each is not None]
        moved = np.array([each.end for each in there], np.int64) != ends[runs.goes_on]
        if moved.any():
            runs_moved = np.flatnonzero(runs.goes_on)[moved]
            old = [each for each, is_moved in zip(there, moved.tolist(), strict=True) if is_moved]
            self._changes.delete(
                session_keys(
                    [keys_of_runs[run] for run in runs_moved.tolist()],
                    np.array([each.start for each in old], np.int64),
                    np.array([each.end for each in old], np.int64),
                ),
                runs.time[runs.head[runs_moved]],
            )
        self._changes.put(session_keys(keys_of_runs, starts, ends), states, ends)
        values = zip(*(array_to_values(c, of) for c, of in zip(states, self._types, strict=True)), strict=True)
        rows = list(values) if states else [()] * len(ends)
        oldest = self._newest_end - self._retention_ms
        opened = self._open
        for key, start, end, state, goes_on in zip(
            keys_of_runs, starts.tolist(), ends.tolist(), rows, runs.goes_on.tolist(), strict=True
        ):
            sessions = opened.get(key)
            if goes_on and sessions:
                sessions[-1] = Session(start, end, state)
            elif sessions:
                sessions.append(Session(start, end, state))
            else:
                opened[key] = [Session(start, end, state)]
                continue
            if sessions[0].end <= oldest:
                sessions[:] = [each for each in sessions if each.end > oldest]

    # ---- rows one after the other ----

    def _take_rows(
        self,
        rows: Int64s,
        keys: Sequence[bytes],
        codes: Int64s,
        times: RowTimes,
        inputs: Sequence[ArrowArray | None],
    ) -> _Forwarded:
        results, chosen = _Results(), pa.array(rows)
        listed: list[list[Any]] = []
        for fold, column in zip(self._folds, inputs, strict=True):
            if column is None:
                listed.append([True] * len(rows))
            elif fold.kind == "count":
                listed.append(column.take(chosen).is_valid().to_pylist())
            else:
                listed.append(array_to_values(plain(column).take(chosen), fold.type))
        values: Sequence[State] = list(zip(*listed, strict=True)) if listed else [()] * len(rows)
        follows = self._newest_end >= self._loaded_end
        newest = self._newest_end
        columns = (codes, times.time, times.observed, times.newest)
        for row, code, time, observed, newest_before, value in zip(
            rows.tolist(), *(column[rows].tolist() for column in columns), values, strict=True
        ):
            known = newest_before if follows else newest
            end = self._take(row, keys[code], time, observed, known, value, results)
            newest = max(newest, end)
        self._newest_end = newest
        self._save()
        states = rows_to_arrays(results.state, self._types)
        row, start, end = (np.array(each, np.int64) for each in (results.row, results.start, results.end))
        return _Forwarded(row, start, end, states, np.array(results.is_there, np.bool_))

    def _take(
        self, row: int, key: bytes, timestamp: int, observed: int, newest: int, values: State, results: _Results
    ) -> int:
        """Merge the sessions near a row and fold it in; return the end of its session, or `NEVER`."""
        node = self.node
        sessions = self._open.get(key)
        if sessions is None:
            sessions = self._open[key] = []
        # A session store shows nothing older than its retention, counted from the newest session it has taken.
        earliest = max(timestamp - node.gap_ms, 0, newest - self._retention_ms + 1)
        latest = timestamp + node.gap_ms
        nearest = bisect_left(sessions, earliest, key=_end_of)
        found = [each for each in sessions[nearest:] if each.start <= latest]
        start, end, state = timestamp, timestamp, self._start
        for old in found:
            start, end = min(start, old.start), max(end, old.end)
            state = old.state if state is self._start else self._merged(state, old.state)
        if end < observed - node.grace_ms - node.gap_ms:
            self.context.drop("expired-window")
            return NEVER
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
            sessions[nearest:] = [each for each in sessions[nearest:] if id(each) not in gone]
        insort(sessions, made, key=_bounds_of)
        if sessions[0].end <= newest - self._retention_ms:
            sessions[:] = [each for each in sessions if each.end > newest - self._retention_ms]
        return end

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
            self._loaded_end = max(self._loaded_end, end)
            if end > oldest:
                state = row if objects is None or shape is None else shape.row_of(objects.deserialize(row[0]))
                self._open.setdefault(key[:-16], []).append(Session(start, end, tuple(state)))

    def _save(self) -> None:
        """Let the store take the changes of rows one after the other."""
        changed, self._changed = self._changed, {}
        gone = [(*session, at) for session, (state, at) in changed.items() if state is None]
        made = [(*session, at) for session, (state, at) in changed.items() if state is not None]
        for rows in filter(None, (gone, made)):
            keys = [row[0] for row in rows]
            starts, ends, stamps = (np.array([row[at] for row in rows], np.int64) for at in (1, 2, 3))
            full = session_keys(keys, starts, ends)
            if rows is gone:
                self._changes.delete(full, stamps)
            else:
                states = [state for state, _ in changed.values() if state is not None]
                self._changes.put(full, rows_to_arrays(states, self._types), stamps)

    def _forget(self) -> None:
        """Forget keys without a session that can still change, where there are many."""
        if len(self._open) > self._forget_at:
            oldest = self._newest_end - self._retention_ms
            kept = {key: [each for each in sessions if each.end > oldest] for key, sessions in self._open.items()}
            self._open = {key: sessions for key, sessions in kept.items() if sessions}
            self._forget_at = max(KEYS_MAX, 2 * len(self._open))

    # ---- results ----

    def _batch(self, batch: Batch, forwarded: Sequence[_Forwarded]) -> Batch | None:
        """Return all that is forwarded, by row; of a row first what is no more."""
        row = np.concatenate([each.row for each in forwarded])
        if not len(row):
            return None
        order = np.argsort(row, kind="stable")
        made = take(batch, row[order])
        made.window_start = np.concatenate([each.start for each in forwarded])[order]
        made.window_end = np.concatenate([each.end for each in forwarded])[order]
        made.timestamp = made.window_end.copy()
        made.headers = None
        chosen = pa.array(order)
        states = [
            pa.concat_arrays([plain(part) for part in parts]).take(chosen)
            for parts in zip(*(each.states for each in forwarded), strict=True)
        ]
        values = self.node.aggregator.results(states)
        there = np.concatenate([each.is_there for each in forwarded])[order]
        made.value, made.value_valid = values, None if there.all() else there
        if self._tracks_old:
            made.old, made.old_valid = list(values), ~there
        return made

    # ---- what a restart needs ----

    def logged(self) -> list[tuple[n.StoreSpec, LoggedChanges | None]]:
        """Return what the changelog gets."""
        return [(self.node.store, self._changes.drain())]

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
