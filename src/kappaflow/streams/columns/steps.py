"""Operators whose rows depend on the ones before them, within columns.

    batches ─▶ keys and values as objects, whole columns at once ─▶ the row form, row by row, over stores in memory
            ─▶ what it forwarded, as columns again ─▶ the next operator

The row form itself runs, so what it forwards and keeps is right by construction.  What a record costs in row form is
mostly reading and writing bytes; here that is done for a batch at once, and for a key once a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kappaflow.state import PackedStore, VersionedStore
from kappaflow.streams.batch import Batch, Int64s
from kappaflow.streams.columns.held_lookups import HeldLookUp, HeldVersions, VersionsBefore
from kappaflow.streams.columns.held_stores import (
    HeldGroups,
    HeldStore,
    VersionCodec,
    nothing_shared,
    without_times,
)
from kappaflow.streams.columns.step_rows import Collector, Columns, Steps, batch_of, in_order, records, together
from kappaflow.streams.processors.base import Expiry, Input, Processor, TaskContext
from kappaflow.streams.record import Record
from kappaflow.streams.topology import nodes as n

Make = Callable[[TaskContext, Mapping[str, Any]], Processor]
PLACES = "places"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the rows of a batch stood in their topics.

    Attributes:
        sources: topic, positions, partitions and offsets.
    """

    sources: Sequence[tuple[str, Int64s, Any, Any]]

    def record(self, ord_: int) -> Record:
        """Return the place of a position as a record without key and value."""
        for topic, positions, partitions, offsets in self.sources:
            at = int(np.searchsorted(positions, ord_))
            if at < len(positions) and positions[at] == ord_:
                return Record(None, None, -1, (), topic, int(partitions[at]), int(offsets[at]))
        return Record(None, None, -1)


def held_store(context: TaskContext, spec: n.StoreSpec, rows: PackedStore, suffix: int = 0) -> Any:
    """Return the store of a task as its row operators within columns share it; `finish` writes it."""
    name = f"held:{spec.name}"
    found = context.shared.get(name)
    if found is None:
        if spec.history_ms is not None:
            found = HeldGroups(rows, VersionCodec(spec.objects), without_times(8))
            context.versioned[spec.name] = HeldVersions(spec, found)
        elif suffix:
            found = HeldGroups(rows, spec.objects, nothing_shared if suffix < 0 else without_times(suffix))
        else:
            found = HeldStore(rows, spec.objects)
        context.shared[name] = found
        if spec.objects is not None and getattr(spec.objects, "shape", None) is not None:
            context.shared[f"table:{spec.name}"] = HeldLookUp(spec, found, context)
    return found


@dataclass(slots=True)
class Group:
    """Operators that share a store: the last of them runs the rows of all.

    Attributes:
        last: its name.
        waiting: operators and their batches, by port.
    """

    last: str
    waiting: list[tuple[StepColumns, int, Batch]] = field(default_factory=list["tuple[StepColumns, int, Batch]"])


class StepColumns:
    """Runs the row form of an operator.

    Args:
        make: makes it from the context of the task and the stores.
        specs: of its stores, with how many bytes of times end their keys; others are those of the task.
        given: how the columns of its inputs lie, by port.
        group: of operators that share stores.
        looked_up: the stores of versions in which it looks rows up.

    Attributes:
        given: how the columns of its inputs lie.
        made: how those of what it forwards lie.
        held: its stores.
    """

    def __init__(
        self,
        name: str,
        make: Make,
        specs: Sequence[tuple[n.StoreSpec, int]],
        stores: Mapping[str, PackedStore],
        given: Sequence[Columns],
        steps: Steps,
        context: TaskContext,
        group: Group | None = None,
        looked_up: Sequence[n.StoreSpec] = (),
    ) -> None:
        self.name = name
        self.context = context
        self.given = given
        self._steps = steps
        self.made = Columns(steps.key or given[0].key, steps.value or given[0].value)
        self._group = group or Group(name)
        self.held: list[HeldStore] = []
        self._noting: list[tuple[HeldStore, VersionedStore | None]] = []
        opened: dict[str, Any] = dict(stores)
        for spec, suffix in specs:
            held = held_store(context, spec, stores[spec.name], suffix)
            self.held.append(held)
            if held.undo is not None:
                self._noting.append((held, context.versioned.get(spec.name)))
            opened[spec.name] = held if spec.history_ms is None else context.versioned[spec.name]
        self._versions = [self._looked_up(each, opened) for each in looked_up]
        self.collector = Collector(context)
        self.processor = make(context, opened)
        self.processor.children = [Input(self.collector)]

    @property
    def pending(self) -> bool:
        """Whether rows of others wait for this one."""
        return self._group.last == self.name and bool(self._group.waiting)

    def run(self, inputs: Sequence[Batch | None]) -> Batch | None:
        """Run the rows, and return what was forwarded."""
        group = self._group
        group.waiting += [(self, port, batch) for port, batch in enumerate(inputs) if batch is not None and len(batch)]
        if group.last != self.name or not group.waiting:
            return None
        waiting, group.waiting = group.waiting, []
        return self.process_all(waiting)

    def process_all(self, waiting: Sequence[tuple[StepColumns, int, Batch]]) -> Batch | None:
        """Run the rows of all operators that share stores, and return what was forwarded."""
        rows = [member.records(port, batch) for member, port, batch in waiting]
        batches = [batch for _, _, batch in waiting]
        places: Places | None = self.context.shared.get(PLACES) if self._steps.reads_place else None
        self.collector.emitted = []
        for member, _, _ in waiting:
            member.begin()
        for position, (at, row) in enumerate(in_order(list(enumerate(batches)))):
            member, port, batch = waiting[at]
            member.collector.row = position
            member.collector.emitted = self.collector.emitted
            member.note(int(batch.ord[row]))
            if places is not None:
                self.context.source = places.record(int(batch.ord[row]))
            member.processor.process(next(rows[at]), port)
        return self._batch(together(batches))

    def records(self, port: int, batch: Batch) -> Any:
        """Return the rows of an input as records."""
        steps = self._steps
        return records(batch, self.given[port], changes=steps.takes_changes, headers=self._reads_headers)

    def _looked_up(self, spec: n.StoreSpec, opened: dict[str, Any]) -> VersionsBefore:
        versions = opened[spec.name] = VersionsBefore(spec, self.context.shared[f"held:{spec.name}"], self.context)
        return versions

    def begin(self) -> None:
        """Begin a batch."""
        for versions in self._versions:
            versions.begin()

    @property
    def _reads_headers(self) -> bool:
        """What waits for a commit goes on with the headers of its last record."""
        return not self._steps.keeps_record or self.context.caching

    def note(self, ord_: int) -> None:
        """Let the stores that note their changes, and those that are looked up, know the position of the next row."""
        for versions in self._versions:
            versions.move(ord_)
        for held, versions in self._noting:
            held.position = ord_
            if versions is not None:
                held.observed.append((ord_, versions.observed))

    def _batch(self, source: Batch) -> Batch | None:
        emitted, self.collector.emitted = self.collector.emitted, []
        return batch_of(source, emitted, self._steps, self.made) if emitted else None

    def flush(self) -> Batch | None:
        """Return what was held back until a commit."""
        self.collector.emitted = []
        self.processor.flush_cache()
        emitted = [(row, record) for row, (_, record) in enumerate(self.collector.emitted)]
        self.collector.emitted = []
        if not emitted:
            return None
        count = np.arange(len(emitted), dtype=np.int64)
        apart = replace(self._steps, keeps_key=False, keeps_record=False)
        return batch_of(Batch(ord=count, timestamp=count, key=[], value=[]), emitted, apart, self.made)

    def finish(self) -> None:
        """Let the stores take the changes of the batch."""
        for held in self.held:
            held.finish()

    def progress(self) -> dict[str, int]:
        """Return the operator's numbers."""
        return self.processor.progress()

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on from what `progress` gave."""
        self.processor.resume(progress)

    def expiries(self) -> list[Expiry]:
        """Return what its stores need not keep."""
        return self.processor.expiries()
