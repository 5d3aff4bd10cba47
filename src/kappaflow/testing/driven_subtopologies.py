"""Subtopologies of a topology test driver, one face for the row form and the column form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from kappaflow.errors import KappaError, SerializationError, TimestampError
from kappaflow.kernel import RecordColumns
from kappaflow.state import PackedMemoryStore
from kappaflow.streams.batch import Batch
from kappaflow.streams.columns import ColumnSubtopology
from kappaflow.streams.columns.batches import cut, take
from kappaflow.streams.execution.columnar_task import source_of
from kappaflow.streams.execution.encode import encode_record, has_topic
from kappaflow.streams.execution.row_task import RawRecord, RowTask
from kappaflow.streams.execution.sink_columns import by_topic, encode_columns
from kappaflow.streams.execution.source_columns import decode_columns, report_bad
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.record import Record
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n

OnWritten = Callable[[int, RawRecord], None]
OnFailed = Callable[[str, KappaError], None]

_HEADERS = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))


class Placed(NamedTuple):
    """A record on its way into a subtopology.

    Attributes:
        position: of the piped record that caused it.
        sequence: of its writing, among all records that were written.
    """

    position: int
    sequence: int
    raw: RawRecord


Order = tuple[int, int, int]


def _order(topics: Sequence[str], item: Placed) -> Order:
    """Where a record stands among those of all topics of a subtopology.

    What one piped record caused in several topics at once has no order among these topics: a task would go by times,
    and equal times are its own choice. Here the topics' order decides, whatever wrote them.
    """
    return item.position, topics.index(item.raw.topic), item.sequence


def _anew(context: TaskContext) -> TaskContext:
    """Return the context of a task that starts: what operators made and share in an earlier life is gone."""
    return replace(context, shared={}, versioned={}, pollers=[], in_flight=0)


class RowDriver:
    """A subtopology in row form."""

    def __init__(
        self,
        topology: Topology,
        sub: Subtopology,
        stores: Mapping[str, PackedMemoryStore],
        context: TaskContext,
        written: OnWritten,
        result: Callable[[Record], None],
        failed: OnFailed,
    ) -> None:
        self.topics = tuple(sub.sources)
        self._written = written
        self._result = result
        self._failed = failed
        self._position = 0
        self._make = lambda: RowTask(
            topology, sub, stores, self._produce, lambda raw, e: failed(raw.topic, e), _anew(context)
        )
        self._task = self._make()
        self._task.resume({})

    def restart(self) -> None:
        """Go on with what a commit keeps: stores and progress."""
        progress = self._task.progress()
        self._task = self._make()
        self._task.resume(progress)

    def commit(self) -> None:
        """Forward what is held back."""
        self._task.flush_caches()

    def process(self, inputs: Mapping[str, Sequence[Placed]]) -> None:
        """Process the records of all topics in the order of their positions."""
        placed = [item for items in inputs.values() for item in items]
        for item in sorted(placed, key=lambda item: _order(self.topics, item)):
            self._position = item.position
            self._task.process(item.raw)

    def _produce(self, node: n.Sink | n.Repartition, record: Record) -> None:
        if not has_topic(node):
            self._result(record)
            return
        try:
            raw = encode_record(node, record)
        except TimestampError:
            raise
        except KappaError as error:
            self._failed(node.topic or node.name, error)
            return
        self._written(self._position, raw)


class ColumnDriver:
    """A subtopology in column form."""

    def __init__(
        self,
        topology: Topology,
        sub: Subtopology,
        stores: Mapping[str, PackedMemoryStore],
        context: TaskContext,
        written: OnWritten,
        failed: OnFailed,
    ) -> None:
        self.topics = tuple(sub.sources)
        self._context = context
        self._written = written
        self._failed = failed
        self._positions: list[int] = []
        self._is_commit = False
        self._sources = {topic: source_of(nodes) for topic, nodes in sub.sources.items()}
        self._make = lambda: ColumnSubtopology(topology, sub, stores, _anew(context), self._write)
        self._columns = self._make()

    def restart(self) -> None:
        """Go on with what a commit keeps: stores and progress."""
        progress, newest = self._columns.progress(), self._columns.newest()
        self._columns = self._make()
        self._columns.resume_newest(newest)
        self._columns.resume(lambda name: progress.get(name, {}))

    def process(self, inputs: Mapping[str, Sequence[Placed]]) -> None:
        """Process the records of all topics as one batch."""
        order = sorted(_order(self.topics, item) for items in inputs.values() for item in items)
        self._positions = [position for position, _, _ in order]
        rank = {place: ord_ for ord_, place in enumerate(order)}
        batches = {topic: self._batch(topic, placed, rank) for topic, placed in inputs.items() if placed}
        self._columns.process(batches)
        if not self._context.caching:
            self._columns.drain()

    def commit(self) -> None:
        """Forward what is held back; what it writes comes behind everything that was written before."""
        self._is_commit = True
        self._columns.drain()
        self._is_commit = False

    def _batch(self, topic: str, placed: Sequence[Placed], rank: Mapping[Order, int]) -> Batch:
        decoded = decode_columns(self._sources[topic], _columns_of([item.raw for item in placed]), 0, None)
        report_bad(decoded, 0, len(placed), topic, self._context, lambda raw, e: self._failed(raw.topic, e))
        decoded.batch.ord = np.array([rank[_order(self.topics, item)] for item in placed], np.int64)
        return decoded.batch if decoded.bad is None else take(decoded.batch, ~decoded.bad)

    def _write(self, node: n.Sink | n.Repartition, batch: Batch) -> None:
        if isinstance(node, n.Sink) and node.topic_of is not None:
            for sink, rows_of_topic in by_topic(node, batch, lambda error: self._failed(node.name, error)):
                self._write(sink, rows_of_topic)
            return
        topic = node.topic or ""
        left_out: list[KappaError] = []
        try:
            encoded = encode_columns(node, batch, left_out.append)
        except SerializationError as error:
            self._write_apart(node, batch, error)
            return
        for error in left_out:
            self._failed(topic, error)
        headers: list[Any] = [None] * len(encoded.ord) if encoded.headers is None else encoded.headers.to_pylist()
        rows = zip(
            encoded.ord.tolist(),
            encoded.keys.to_pylist(),
            encoded.values.to_pylist(),
            encoded.timestamps.tolist(),
            headers,
            strict=True,
        )
        for ord_, key, value, timestamp, listed in rows:
            named = tuple((header["key"], header["value"]) for header in listed or ())
            position = self._positions[-1] if self._is_commit and self._positions else self._positions[ord_]
            self._written(position, RawRecord(topic, key, value, timestamp, named))

    def _write_apart(self, node: n.Sink | n.Repartition, batch: Batch, error: KappaError) -> None:
        """Halve a batch of which a row cannot be written until the row stands alone."""
        if len(batch) == 1:
            self._failed(node.topic or "", error)
            return
        half = len(batch) // 2
        self._write(node, cut(batch, 0, half))
        self._write(node, cut(batch, half, len(batch)))


def _columns_of(records: Sequence[RawRecord]) -> RecordColumns:
    headers = None
    if any(record.headers for record in records):
        listed = [[{"key": key, "value": value} for key, value in record.headers] for record in records]
        headers = pa.array(listed, _HEADERS)
    offsets = np.array([record.offset for record in records], np.int64)
    return RecordColumns(
        key=pa.array([record.key for record in records], pa.binary()),
        value=pa.array([record.value for record in records], pa.binary()),
        timestamp=np.array([record.timestamp for record in records], np.int64),
        offset=offsets,
        headers=headers,
        next_offset=int(offsets[-1]) + 1,
        error=None,
    )
