"""A task in column form: whole chunks of fetched records through the operators of a subtopology."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError, SerializationError
from kappaflow.runtime.clock import SYSTEM_CLOCK
from kappaflow.state import OrderedStore
from kappaflow.state.database import DurableStore
from kappaflow.streams.batch import Batch, Int64s
from kappaflow.streams.columns import ColumnSubtopology
from kappaflow.streams.columns.batches import cut, take
from kappaflow.streams.columns.merging import merged
from kappaflow.streams.execution.changelogs import ChangelogWriter, with_suffix
from kappaflow.streams.execution.column_group import ColumnGroup, Taken
from kappaflow.streams.execution.error_handling import CONTINUE, ErrorHandler
from kappaflow.streams.execution.fetched_columns import decode_fetched
from kappaflow.streams.execution.outputs import OutputBuffer
from kappaflow.streams.execution.row_task import DROPPED, NEWEST, OPERATOR, STREAM_TIME, RawRecord, of_operator
from kappaflow.streams.execution.sensors import Sensor, record_times
from kappaflow.streams.execution.sink_columns import by_topic, encode_columns
from kappaflow.streams.execution.source_columns import decode_columns, report_bad
from kappaflow.streams.execution.task_assignor import TaskId
from kappaflow.streams.processors.base import NO_TIME, TaskContext
from kappaflow.streams.processors.build import open_objects
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n

OnError = Callable[[str, KappaError], None]


class ColumnarTask:
    """Runs a subtopology that has a column form.

    The same face as `RunningTask`; see there for the arguments.

    Attributes:
        joins: whether its rows may pass the operators of another task of the subtopology, as no state is kept.
    """

    def __init__(
        self,
        topology: Topology,
        subtopology: Subtopology,
        task_id: TaskId,
        stores: Mapping[str, DurableStore],
        outputs: OutputBuffer,
        positions: dict[TopicPartition, int],
        has_more: Callable[[TopicPartition], bool],
        on_error: OnError,
        caching: bool = False,
        errors: ErrorHandler | None = None,
        shared_stores: Mapping[str, OrderedStore] | None = None,
        emit_interval_ms: int = 1000,
        outer_interval_ms: int = 1000,
    ) -> None:
        self.id = task_id
        self.sensor, self.latency, self.lateness = Sensor(), Sensor(), Sensor()
        self._newest_seen = NO_TIME
        self.topology = topology
        self.subtopology = subtopology
        self.stores = stores
        self.positions = positions
        self.records_processed = 0
        self._outputs = outputs
        self._errors = errors or ErrorHandler(CONTINUE, outputs, on_error)
        self._keeps_records = self._errors.policy.needs_sources
        self._parts: list[Taken] = []
        self._context = TaskContext(lambda _node, _record: None, SYSTEM_CLOCK.time_ms, caching=caching)
        self._context.emit_interval_ms, self._context.outer_interval_ms = emit_interval_ms, outer_interval_ms
        self._context.application_id, self._context.task_id = topology.application_id, str(task_id)
        seen: Mapping[str, Any] = {**(shared_stores or {}), **stores}
        self._columns = ColumnSubtopology(topology, subtopology, seen, self._context, self._write)
        self._changelogs = ChangelogWriter(
            topology, subtopology, stores, self._context, outputs, task_id.partition, every=False
        )
        self._sources = {topic: source_of(nodes) for topic, nodes in subtopology.sources.items()}
        topics = [partition.topic for partition in self.inputs]
        self._group = ColumnGroup(topics, lambda topic: has_more(TopicPartition(topic, task_id.partition)))
        sinks = [node for node in topology.nodes.values() if isinstance(node, n.Sink)]
        self._with_headers = (
            self._errors.policy.dead_letter_topic is not None
            or any(sink.carries_headers for sink in sinks)
            or any(isinstance(source, n.Source) and source.reads_headers for source in self._sources.values())
        )
        self._keeps_rows = any(node.stores for node in subtopology.nodes if keeps_whole_rows(node))
        self._joined: list[tuple[int, ColumnarTask, Int64s]] = []
        self.joins = is_stateless(subtopology)

    @property
    def inputs(self) -> list[TopicPartition]:
        """The partitions that the task reads; not all topics need have one of its number."""
        found = (TopicPartition(topic, self.id.partition) for topic in self.subtopology.sources)
        return [partition for partition in found if partition in self.positions]

    @property
    def buffered(self) -> int:
        """Records that wait for others to come first."""
        return len(self._group)

    @property
    def dropped(self) -> dict[str, int]:
        """Counts of dropped records by reason."""
        return self._context.dropped

    def waiting(self, partition: TopicPartition) -> int:
        """How many records of a partition wait."""
        return self._group.waiting(partition.topic)

    def add(self, chunk: FetchedChunk) -> None:
        """Decode a chunk and buffer its records.

        Raises:
            CorruptRecordError: a batch is damaged.
        """
        records = decode_fetched(chunk, with_headers=self._with_headers)
        source = self._sources[chunk.partition.topic]
        projection = source.projection if isinstance(source, n.Source) and not self._keeps_rows else None
        decoded = decode_columns(
            source, records, chunk.partition.partition, projection, keep_records=self._keeps_records
        )
        self._group.add(chunk.partition.topic, decoded, records.next_offset)

    def run(self) -> int:
        """Process what is ready and return the number of records."""
        self.process(self.take())
        return self.passed()

    def take(self) -> dict[str, list[Batch]]:
        """Take what is ready, and return the rows of each topic that go on."""
        inputs: dict[str, list[Batch]] = {}
        self._parts = self._group.take()
        for part in self._parts:
            batch = self._usable(part)
            if len(batch):
                record_times(self.latency, self.lateness, batch.timestamp, self._newest_seen)
                self._newest_seen = max(self._newest_seen, int(batch.timestamp.max()))
                inputs.setdefault(part.topic, []).append(batch)
        return inputs

    def process(self, inputs: Mapping[str, list[Batch]]) -> None:
        """Run the rows that `take` gave through the operators."""
        if len(inputs) == 1:
            ((topic, batches),) = inputs.items()
            for batch in batches:
                self._columns.process({topic: batch})
        else:
            self._process_together(inputs)

    def process_joined(self, batches: Sequence[tuple[ColumnarTask, Batch]]) -> None:
        """Run rows of several tasks that `joins`, this one's among them, through the operators as one batch."""
        first = 0
        for task, batch in batches:
            self._joined.append((first, task, batch.ord))
            batch.ord = np.arange(first, first + len(batch))
            first += len(batch)
            context = task._context
            context.stream_time = max(context.stream_time, int(batch.timestamp.max()))
        own = self._context.stream_time
        (topic,) = self._sources
        try:
            self._columns.process({topic: merged([batch for _, batch in batches])})
        finally:
            self._joined = []
        self._context.stream_time = own

    def passed(self) -> int:
        """Go on behind what was taken, and return how many records it was."""
        count = 0
        for part in self._parts:
            count += part.end - part.start
            self.positions[TopicPartition(part.topic, self.id.partition)] = part.next_offset
        self._parts = []
        self.records_processed += count
        return count

    def _process_together(self, inputs: Mapping[str, list[Batch]]) -> None:
        """Run the batches of several topics; those that follow each other in a topic go one after the other."""
        while any(inputs.values()):
            ends = [int(batches[0].ord[-1]) for batches in inputs.values() if len(batches) > 1]
            end = min(ends, default=None)
            given: dict[str, Batch] = {}
            for topic, batches in inputs.items():
                if not batches:
                    continue
                first = batches[0]
                rows = len(first) if end is None else int(np.searchsorted(first.ord, end, "right"))
                if rows:
                    given[topic] = cut(first, 0, rows)
                if rows == len(first):
                    batches.pop(0)
                else:
                    batches[0] = cut(first, rows, len(first))
            self._columns.process(given)

    def _usable(self, part: Taken) -> Batch:
        """Return the rows of a part that go on; the others are counted and told about."""
        source = part.source
        report_bad(source, part.start, part.end, part.topic, self._context, self._errors.deserialization)
        batch = cut(source.batch, part.start, part.end)
        if batch is source.batch:
            batch = cut(batch, 0, len(batch))
        batch.ord = part.ord
        return batch if source.bad is None else take(batch, ~source.bad[part.start : part.end])

    def _write(self, node: n.Sink | n.Repartition, batch: Batch) -> None:
        if isinstance(node, n.Sink) and node.topic_of is not None:
            for sink, rows in by_topic(node, batch, lambda error: self._errors.report(node.name, error)):
                self._write(sink, rows)
            return
        assert node.topic is not None
        left_out: list[KappaError] = []
        try:
            encoded = encode_columns(node, batch, left_out.append)
        except SerializationError as error:
            self._write_apart(node, batch, error)
            return
        for error in left_out:
            self._errors.report(node.topic, error)
        self._outputs.send_columns(
            node.topic,
            encoded.keys,
            encoded.values,
            encoded.timestamps,
            encoded.headers,
            window_bytes=encoded.window_bytes,
            chosen=encoded.partition,
            source=lambda row: self._source_of(int(encoded.ord[row])),
        )

    def _write_apart(self, node: n.Sink | n.Repartition, batch: Batch, error: KappaError) -> None:
        """Halve a batch of which a row cannot be written until the row stands alone."""
        if len(batch) == 1:
            self._context.drop("production")
            self._errors.production(node.topic or "", self._source_of(int(batch.ord[0])), error)
            return
        half = len(batch) // 2
        self._write(node, cut(batch, 0, half))
        self._write(node, cut(batch, half, len(batch)))

    def _source_of(self, ord_: int) -> RawRecord | None:
        """The record of this run that a row was made of; None where it was held back from an earlier one."""
        if self._joined:
            first, task, ords = next(each for each in reversed(self._joined) if each[0] <= ord_)
            return task._source_in_parts(int(ords[ord_ - first]))
        return self._source_in_parts(ord_)

    def _source_in_parts(self, ord_: int) -> RawRecord | None:
        for part in self._parts:
            at = int(np.searchsorted(part.ord, ord_))
            if at < len(part.ord) and part.ord[at] == ord_ and part.source.records is not None:
                return part.source.raw(part.start + at, part.topic)
        return None

    # ---- commit ----

    @property
    def delta_bytes(self) -> int:
        """About what the changes since the last commit take in memory."""
        return self._columns.delta_bytes + sum(store.delta_bytes for store in self.stores.values())

    @property
    def wants_commit(self) -> bool:
        """Columns have no processors of users, who could ask for one."""
        return False

    def close(self) -> None:
        """Columns hold nothing that has to be closed."""

    def open_store(self, spec: n.StoreSpec) -> Any:
        """Return a store as operators in row form would see it."""
        return open_objects(spec, self.stores[spec.name], self._context)

    def newest(self, store: str) -> int:
        """Return the greatest time that processors of the program have put to a store; -1 where they have not."""
        return self._context.newest.get(store, NO_TIME)

    def sync_stores(self) -> None:
        """Let the stores show what was folded so far."""
        self._columns.sync()

    def before_commit(self) -> None:
        """Forward what caches hold back and write changelogs; afterwards the producer is flushed."""
        for spec, changed in self._columns.drain():
            if spec.logged:
                topic = self.topology.changelog_topic(spec)
                values = spec.value_serde.encode(changed.columns, changed.valid, len(changed.timestamps))
                keys = with_suffix(changed.keys, spec.key_suffix)
                self._outputs.send_columns(topic, keys, values, changed.timestamps, partition=self.id.partition)
        self._changelogs.commit(without=self._columns.folded_stores)
        self._outputs.send_rows()
        self._expire()

    def committed(self) -> dict[str, int]:
        """Return what the local batch keeps beside the stores: positions, times and drop counts, by name."""
        found = {f"{p.topic}-{p.partition}": offset for p, offset in self.positions.items()}
        found[STREAM_TIME] = self._context.stream_time
        found.update({DROPPED + reason: count for reason, count in self._context.dropped.items()})
        found.update({NEWEST + name: number for name, number in self._columns.newest().items()})
        for name, numbers in self._columns.progress().items():
            found.update({f"{OPERATOR}{name}/{what}": number for what, number in numbers.items()})
        return found

    def _expire(self) -> None:
        """Let the commit remove rows that no record can reach any more."""
        for expiry in self._columns.expiries():
            self.stores[expiry.store].expire(expiry.time_at, expiry.before, expiry.interval_ms)

    def resume(self, committed: Mapping[str, int]) -> None:
        """Take over times and drop counts of the last commit."""
        self._context.stream_time = committed.get(STREAM_TIME, self._context.stream_time)
        for name, number in committed.items():
            if name.startswith(DROPPED):
                self._context.dropped[name.removeprefix(DROPPED)] = number
        newest = {name.removeprefix(NEWEST): at for name, at in committed.items() if name.startswith(NEWEST)}
        self._columns.resume_newest(newest)
        self._columns.resume(lambda name: of_operator(name, committed))


def source_of(nodes: tuple[n.Node, ...]) -> n.Source | n.Repartition:
    """Return the one node that reads a topic."""
    (node,) = nodes
    assert isinstance(node, n.Source | n.Repartition)
    return node


def is_stateless(subtopology: Subtopology) -> bool:
    """Tell whether it makes no difference which task's operators a row of the one topic passes."""
    kinds = (n.Source, n.Filter, n.MapValues, n.Sink)
    return len(subtopology.sources) == 1 and all(
        type(node) in kinds and not (isinstance(node, n.Source) and node.reads_position) for node in subtopology.nodes
    )


def keeps_whole_rows(node: n.Node) -> bool:
    """Tell whether an operator stores rows as they come, so that no column may be left out."""
    return not isinstance(node, n.StreamAggregate | n.WindowedAggregate | n.SessionAggregate)
