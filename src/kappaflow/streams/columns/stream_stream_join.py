"""Column form of the inner join of two streams within a window of time.

All rows of both sides, those of the batch and those kept from before, are candidates: equal keys, times that are near,
and the partner came first.  The pairs are found by sorting one side by key and time and searching for each row of the
other; they come in the order of the later row, then of the partner's time, then of its arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.serde.arrow import rows_to_arrays
from kappaflow.serde.types import DataType
from kappaflow.state import PackedStore
from kappaflow.state.windows import ARRIVAL_BYTES, TIME_MAX
from kappaflow.streams.batch import ArrowArray, Batch, Int64s, Mask
from kappaflow.streams.columns.batches import both, plain, serialised_keys, take, valid_rows
from kappaflow.streams.columns.merging import merged
from kappaflow.streams.columns.store_changes import LoggedChanges, StoreChanges
from kappaflow.streams.processors.base import NO_TIME, Expiry, TaskContext
from kappaflow.streams.topology import nodes as n

LEFT, RIGHT = 0, 1
_ARRIVALS = 1 << (8 * ARRIVAL_BYTES - 1)
BEFORE = -1
"""The position of rows from before the batch."""


@dataclass(slots=True)
class _Kept:
    """Rows of one side that can still find partners, in the order of their arrival."""

    keys: ArrowArray
    time: Int64s
    ord: Int64s
    columns: list[ArrowArray]

    def __len__(self) -> int:
        return len(self.time)

    def joined(self, other: _Kept) -> _Kept:
        """Return these rows and the others behind them."""
        if not len(self):
            return other
        columns = [
            pa.concat_arrays([one, two.cast(one.type)]) for one, two in zip(self.columns, other.columns, strict=True)
        ]
        keys = pa.concat_arrays([self.keys, other.keys])
        return _Kept(keys, np.append(self.time, other.time), np.append(self.ord, other.ord), columns)

    def taken(self, rows: Any) -> _Kept:
        """Return the rows of a mask, all of them from before the next batch."""
        mask = pa.array(rows)
        time = self.time[rows]
        return _Kept(
            self.keys.filter(mask),
            time,
            np.full(len(time), BEFORE, np.int64),
            [column.filter(mask) for column in self.columns],
        )


class _Side:
    """The recent rows of one side: in memory as columns, and in the store for the next start."""

    def __init__(self, spec: n.StoreSpec, store: PackedStore, retention_ms: int) -> None:
        self.spec = spec
        self.retention_ms = retention_ms
        self.observed = -1
        self._store = store
        self._objects: Any = spec.objects
        self.types: Sequence[DataType] = (
            spec.types if self._objects is None else [column.type for column in self._objects.columns]
        )
        self.changes = StoreChanges(spec, store, self.types)
        self._arrived: int | None = None
        self._kept: _Kept | None = None

    @property
    def kept(self) -> _Kept:
        """The rows from before the batch."""
        if self._kept is None:
            self._kept = self._loaded()
        return self._kept

    @property
    def arrived(self) -> int:
        """The number of the last row."""
        if self._arrived is None:
            numbers = (int.from_bytes(key[-ARRIVAL_BYTES:], "big") for key, _ in self._store.range())
            self._arrived = max(numbers, default=0)
        return self._arrived

    def _loaded(self) -> _Kept:
        suffix = 8 + ARRIVAL_BYTES
        found = sorted(self._store.range(), key=lambda each: each[0][-ARRIVAL_BYTES:])
        rows = [row for _, (row, _) in found]
        if self._objects is None:
            columns = rows_to_arrays(rows, self.types)
        else:
            data = pa.array([row[0] for row in rows], pa.binary())
            columns = [plain(column) for column in self._objects.decode(data).columns]
        time = np.array([timestamp for _, (_, timestamp) in found], np.int64)
        keys = pa.array([key[:-suffix] for key, _ in found], pa.binary())
        return _Kept(keys, time, np.full(len(time), BEFORE, np.int64), columns)

    def resume(self, observed: int, arrived: int) -> None:
        """Go on behind a time and a number, or behind what the store has."""
        self.observed = max(self.observed, observed)
        self._arrived = max(self.arrived, arrived)

    def keep(self, keys: ArrowArray, time: Int64s, columns: Sequence[ArrowArray], there: Mask) -> None:
        """Store rows; a row without a value only takes a number."""
        count = len(time)
        numbers = (self.arrived + 1 + np.arange(count)) % _ARRIVALS
        if count:
            self._arrived = int(numbers[-1])
        times, arrivals = time.astype(">i8").tobytes(), numbers.astype(f">i{ARRIVAL_BYTES}").tobytes()
        full = [
            key + times[8 * at : 8 * at + 8] + arrivals[ARRIVAL_BYTES * at : ARRIVAL_BYTES * (at + 1)]
            for at, key in enumerate(keys.to_pylist())
        ]
        if there.all():
            self.changes.put(full, columns, time)
            return
        mask = pa.array(there)
        self.changes.put(
            [key for key, ok in zip(full, there.tolist(), strict=True) if ok],
            [plain(column).filter(mask) for column in columns],
            time[there],
        )
        self.changes.delete([key for key, ok in zip(full, there.tolist(), strict=True) if not ok], time[~there])

    def remember(self, all_rows: _Kept) -> None:
        """Keep what can still find a partner."""
        self._kept = all_rows.taken(all_rows.time > self.observed - self.retention_ms)


class StreamStreamJoinColumns:
    """Joins the rows of two streams; ports are the sides.

    Attributes:
        observed_time: the greatest time of both sides.
    """

    def __init__(self, node: n.StreamStreamJoin, context: TaskContext, left: PackedStore, right: PackedStore) -> None:
        self.node = node
        self.context = context
        self.observed_time = NO_TIME
        kept = node.before_ms + node.after_ms + (node.grace_ms or 0)
        self._sides = (
            _Side(node.left_store, left, node.left_store.retention_ms or kept),
            _Side(node.right_store, right, node.right_store.retention_ms or kept),
        )

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Return the joined rows of both sides in the order of their positions."""
        kept = [side.kept for side in self._sides]  # from before the batch, so before the stores take it
        given = [self._usable(side, batch) for side, batch in enumerate(inputs)]
        rows = [self._rows(side, batch) for side, batch in enumerate(given)]
        everything = [before if now is None else before.joined(now) for before, now in zip(kept, rows, strict=True)]
        times = [self._times(side, batch) for side, batch in enumerate(given)]
        made = [
            self._joined(side, batch, rows[side], everything[1 - side], times[1 - side])
            for side, batch in enumerate(given)
            if batch is not None and rows[side] is not None
        ]
        for side, all_rows in enumerate(everything):
            batch = given[side]
            if batch is not None and len(batch):
                self._sides[side].observed = max(self._sides[side].observed, int(batch.timestamp.max()))
            self._sides[side].remember(all_rows)
        found = [batch for batch in made if batch is not None]
        return None if not found else merged(found) if len(found) > 1 else found[0]

    def _usable(self, side: int, batch: Batch | None) -> Batch | None:
        """Return the rows that can be joined; all that have a key are kept in the store."""
        if batch is None or not len(batch):
            return None
        self.observed_time = max(self.observed_time, int(batch.timestamp.max()))
        mask = both(batch.key_valid, batch.value_valid)
        if batch.key_valid is not None:
            self._keep(side, take(batch, batch.key_valid))
        else:
            self._keep(side, batch)
        if mask is None:
            return batch
        self.context.drop("null-key-or-value", int((~mask).sum()))
        return take(batch, mask)

    def _keep(self, side: int, batch: Batch) -> None:
        spec = self._sides[side].spec
        self._sides[side].keep(
            plain(serialised_keys(spec.key_serde, batch)).cast(pa.binary()),
            batch.timestamp,
            batch.value,
            valid_rows(batch.value_valid, len(batch)),
        )

    def _rows(self, side: int, batch: Batch | None) -> _Kept | None:
        if batch is None or not len(batch):
            return None
        keys = plain(serialised_keys(self._sides[side].spec.key_serde, batch)).cast(pa.binary())
        return _Kept(keys, batch.timestamp, batch.ord, [plain(column) for column in batch.value])

    def _times(self, side: int, batch: Batch | None) -> tuple[Int64s, Int64s]:
        """Return positions and a side's time from each of them on; its store shows nothing that is too old by it."""
        observed = self._sides[side].observed
        if batch is None or not len(batch):
            return np.array([BEFORE]), np.array([observed])
        times = np.maximum.accumulate(np.append(observed, batch.timestamp))
        return np.append(BEFORE, batch.ord), times

    def _joined(
        self, side: int, batch: Batch, rows: _Kept | None, other: _Kept, other_times: tuple[Int64s, Int64s]
    ) -> Batch | None:
        if rows is None or not len(other):
            return None
        node = self.node
        before, after = (node.before_ms, node.after_ms) if side == LEFT else (node.after_ms, node.before_ms)
        low, high = np.maximum(0, rows.time - before), np.maximum(0, rows.time + after)
        own, partner = _pairs(rows, low, high, other)
        places, times = other_times
        observed = times[np.searchsorted(places, rows.ord[own], "left") - 1]
        shown = (other.ord[partner] < rows.ord[own]) & (
            other.time[partner] > observed - self._sides[1 - side].retention_ms
        )
        own, partner = own[shown], partner[shown]
        if not len(own):
            return None
        joined = take(batch, own)
        joined.timestamp = np.maximum(joined.timestamp, other.time[partner])
        others = [column.take(pa.array(partner)) for column in other.columns]
        if side == LEFT:
            joined.value, joined.value_valid = node.joiner.column(joined, others, None)
        else:
            mine, joined.value = joined.value, others
            joined.value, joined.value_valid = node.joiner.column(joined, mine, None)
        return joined

    # ---- what a restart needs ----

    def logged(self) -> list[tuple[n.StoreSpec, LoggedChanges | None]]:
        """Return what the changelogs get."""
        return [(side.spec, side.changes.drain()) for side in self._sides]

    def progress(self) -> dict[str, int]:
        """Return the operator's time and the numbers of its stores, as the row form names them."""
        found = {} if self.observed_time == NO_TIME else {"observed": self.observed_time}
        for number, side in enumerate(self._sides):
            found[f"side-{number}-time"], found[f"side-{number}-arrived"] = side.observed, side.arrived
        return {**found, "earliest": TIME_MAX}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on from what `progress` gave."""
        self.observed_time = progress.get("observed", NO_TIME)
        for number, side in enumerate(self._sides):
            side.resume(progress.get(f"side-{number}-time", -1), progress.get(f"side-{number}-arrived", 0))

    def expiries(self) -> list[Expiry]:
        """Return the rows beyond the window."""
        return [Expiry.of(side.spec.name, 8 + ARRIVAL_BYTES, side.observed, side.retention_ms) for side in self._sides]


def _pairs(rows: _Kept, low: Int64s, high: Int64s, other: _Kept) -> tuple[Int64s, Int64s]:
    """Return the rows and their partners: of the same key, at times within [low, high]; by row, time, arrival."""
    coded = pa.concat_arrays([other.keys, rows.keys]).dictionary_encode().indices.to_numpy()
    codes, own_codes = coded[: len(other)].astype(np.int64), coded[len(other) :].astype(np.int64)
    order = np.lexsort((other.time, codes))  # stable: equal times stay in the order of their arrival
    first = int(min(other.time.min(), low.min()))
    width = int(max(other.time.max(), high.max())) - first + 2
    place = codes[order] * width + (other.time[order] - first)
    begin = np.searchsorted(place, own_codes * width + (low - first), "left")
    end = np.searchsorted(place, own_codes * width + (high - first), "right")
    counts = end - begin
    own = np.repeat(np.arange(len(rows)), counts)
    starts = np.cumsum(counts) - counts
    partner = order[np.repeat(begin - starts, counts) + np.arange(len(own))]
    return own, partner


class JoinSideColumns:
    """One side of a join as an operator of its own: the left one hands its rows over, the right one joins.

    Args:
        join: both share.
    """

    def __init__(self, join: StreamStreamJoinColumns, side: int, waiting: list[Batch | None]) -> None:
        self._join = join
        self._side = side
        self._waiting = waiting

    @property
    def pending(self) -> bool:
        """Whether there is something to do without rows of this side."""
        return self._side == RIGHT and self._waiting[0] is not None

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Return the joined rows of both sides."""
        (batch,) = inputs
        if self._side == LEFT:
            self._waiting[0] = batch
            return None
        left, self._waiting[0] = self._waiting[0], None
        return self._join.run([left, batch])

    def logged(self) -> list[tuple[n.StoreSpec, LoggedChanges | None]]:
        """Return what the join's changelogs get, once."""
        return self._join.logged() if self._side == LEFT else []

    def progress(self) -> dict[str, int]:
        """Return the join's numbers, once."""
        return self._join.progress() if self._side == LEFT else {}

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on, once."""
        if self._side == LEFT:
            self._join.resume(progress)

    def expiries(self) -> list[Expiry]:
        """Return the join's rows beyond the window, once."""
        return self._join.expiries() if self._side == LEFT else []
