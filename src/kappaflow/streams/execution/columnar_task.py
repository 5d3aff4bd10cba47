"""A task in column form: whole chunks of fetched records through the operators of a subtopology."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from kappaflow import kernel
from kappaflow.client.fetch import FetchedChunk
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import CorruptRecordError, KappaError, SerializationError
from kappaflow.serde import Serde
from kappaflow.serde.arrow import arrow_type
from kappaflow.state.database import DurableStore
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.execution.columns import (
    AggregateStage,
    FilterStage,
    KeyStage,
    MapStage,
    serialised_keys,
    take,
)
from kappaflow.streams.execution.outputs import OutputBuffer
from kappaflow.streams.execution.row_task import DROPPED, OBSERVED, STREAM_TIME
from kappaflow.streams.execution.task_assignor import TaskId
from kappaflow.streams.processors.base import NO_TIME, TaskContext
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n

OnError = Callable[[str, KappaError], None]
Stage = FilterStage | MapStage | KeyStage | AggregateStage


class ColumnarTask:
    """Runs a subtopology with one source and only operators that have a column form.

    The same face as `RunningTask`; see there for the arguments.
    """

    def __init__(
        self,
        topology: Topology,
        subtopology: Subtopology,
        task_id: TaskId,
        stores: Mapping[str, DurableStore],
        outputs: OutputBuffer,
        positions: dict[TopicPartition, int],
        on_error: OnError,
        caching: bool = False,
    ) -> None:
        self.id = task_id
        self.topology = topology
        self.subtopology = subtopology
        self.stores = stores
        self.positions = positions
        self.records_processed = 0
        self._outputs = outputs
        self._on_error = on_error
        self._context = TaskContext(lambda _node, _record: None, caching=caching)
        self._chunks: deque[FetchedChunk] = deque()
        ((_, (source,)),) = subtopology.sources.items()
        assert isinstance(source, n.Source | n.Repartition)
        self._source = source
        self._stages = self._build()
        sinks = [node for node in topology.nodes.values() if isinstance(node, n.Sink)]
        self._with_headers = any(sink.carries_headers for sink in sinks)

    def _build(self) -> dict[str, Stage]:
        stages: dict[str, Stage] = {}
        for node in self.subtopology.nodes:
            match node:
                case n.Filter():
                    stages[node.name] = FilterStage(node)
                case n.MapValues() | n.TableMapValues():
                    stages[node.name] = MapStage(node)
                case n.SelectKey():
                    stages[node.name] = KeyStage(node, self._context)
                case n.StreamAggregate() | n.WindowedAggregate():
                    stages[node.name] = AggregateStage(node, self.stores[node.store.name], self._context)
                case _:
                    pass
        return stages

    @property
    def inputs(self) -> list[TopicPartition]:
        """The partitions that the task reads."""
        return [TopicPartition(topic, self.id.partition) for topic in self.subtopology.sources]

    @property
    def buffered(self) -> int:
        """Chunks that wait to be processed."""
        return len(self._chunks)

    @property
    def dropped(self) -> dict[str, int]:
        """Counts of dropped records by reason."""
        return self._context.dropped

    def add(self, chunk: FetchedChunk) -> None:
        """Buffer a chunk."""
        self._chunks.append(chunk)

    def run(self) -> int:
        """Process the buffered chunks and return the number of records.

        Raises:
            CorruptRecordError: a batch is damaged.
        """
        count = 0
        while self._chunks:
            count += self._process(self._chunks.popleft())
        self.records_processed += count
        return count

    def _process(self, chunk: FetchedChunk) -> int:
        records = kernel.decode_records(chunk.records, fetch_offset=chunk.fetch_offset, with_headers=self._with_headers)
        if records.error is not None:
            raise CorruptRecordError(f"{chunk.partition} at {records.next_offset}: {records.error.message}")
        if len(records):
            batch = self._decode(chunk, records)
            if len(batch):
                self._context.stream_time = max(self._context.stream_time, int(batch.timestamp.max()))
                self._forward(self._source, batch)
        self.positions[chunk.partition] = max(self.positions.get(chunk.partition, 0), records.next_offset)
        return len(records)

    def _decode(self, chunk: FetchedChunk, records: kernel.RecordColumns) -> Batch:
        source = self._source
        assert isinstance(source.key_serde, Serde)
        projection = source.projection if isinstance(source, n.Source) else None
        keys = source.key_serde.decode(records.key)
        values = source.value_serde.decode(records.value, projection)
        count = len(records)
        # Other formats may spell the same key in several ways; a sink writes the one spelling.
        canonical = source.key_serde.name == "KAFKA"
        value = values.columns if projection is None else self._spread(values.columns, projection, count)
        batch = Batch(
            ord=records.offset,
            timestamp=records.timestamp,
            key=keys.columns,
            value=value,
            key_valid=keys.valid,
            value_valid=values.valid,
            key_bytes=records.key if canonical else None,
            key_format=source.key_serde.name,
            partition=np.full(count, chunk.partition.partition, np.int32),
            offset=records.offset,
            headers=records.headers,
        )
        good = self._good(chunk, records, keys.errors, values.errors, {**values.messages, **keys.messages})
        return batch if good is None else take(batch, good)

    def _spread(self, columns: list[ArrowArray], projection: tuple[int, ...], count: int) -> list[ArrowArray]:
        """Put projected columns at their positions; nothing reads the others."""
        types = [column.type for column in self._source.value_serde.columns]
        placed = dict(zip(projection, columns, strict=True))
        return [placed[i] if i in placed else pa.nulls(count, arrow_type(t)) for i, t in enumerate(types)]

    def _good(
        self,
        chunk: FetchedChunk,
        records: kernel.RecordColumns,
        key_errors: Mask | None,
        value_errors: Mask | None,
        messages: Mapping[int, str],
    ) -> Mask | None:
        """Return the mask of rows that go on, None when all do; the others are told about and counted."""
        masks = [mask for mask in (key_errors, value_errors) if mask is not None]
        negative = records.timestamp < 0
        if not masks and not negative.any():
            return None
        bad = np.zeros(len(records), np.bool_)
        for mask in masks:
            bad |= mask
        for row in np.flatnonzero(bad).tolist():
            place = f"{chunk.partition}@{records.offset[row]}"
            self._on_error(place, SerializationError(messages.get(row, "The record cannot be decoded.")))
        if bad.any():
            self._context.drop("deserialization", int(bad.sum()))
        if negative.any():
            self._context.drop("negative-timestamp", int((negative & ~bad).sum()))
        return ~(bad | negative)

    # ---- operators ----

    def _forward(self, node: n.Node, batch: Batch) -> None:
        names = self.topology.children[node.name]
        members = {member.name for member in self.subtopology.nodes}
        targets = [self.topology.nodes[name] for name in names if name in members]
        for position, target in enumerate(targets):
            # Stages change their batch in place, so every child but the last gets columns of its own.
            own = batch if position == len(targets) - 1 else take(batch, np.ones(len(batch), np.bool_))
            self._run(target, own)

    def _run(self, node: n.Node, batch: Batch) -> None:
        if not len(batch):
            return
        if isinstance(node, n.Sink | n.Repartition):
            self._write(node, batch)
            return
        stage = self._stages.get(node.name)
        result = batch if stage is None else stage.run(batch)
        if result is not None and len(result):
            self._forward(node, result)

    def _write(self, node: n.Sink | n.Repartition, batch: Batch) -> None:
        assert node.topic is not None and node.key_serde is not None and node.value_serde is not None
        keys = serialised_keys(node.key_serde, batch)
        values = node.value_serde.encode(batch.value, batch.value_valid, len(batch))
        self._outputs.send_columns(node.topic, keys, values, batch.timestamp, batch.headers)

    # ---- commit ----

    def sync_stores(self) -> None:
        """Hand changed states over to the stores, with their changelog records and held back results."""
        for name, stage in self._stages.items():
            if not isinstance(stage, AggregateStage):
                continue
            drained = stage.drain()
            if drained is None:
                continue
            keys, columns, timestamps, results = drained
            spec = stage.node.store
            if spec.logged:
                topic = self.topology.changelog_topic(spec)
                values = spec.value_serde.encode(columns, None, len(timestamps))
                self._outputs.send_columns(topic, keys, values, timestamps, None, self.id.partition)
            if self._context.caching:
                self._forward(self.topology.nodes[name], results)

    def before_commit(self) -> None:
        """Forward what caches hold back and write changelogs; afterwards the producer is flushed."""
        self.sync_stores()

    def committed(self) -> dict[str, int]:
        """Return what the local batch keeps beside the stores: positions, times and drop counts, by name."""
        found = {f"{p.topic}-{p.partition}": offset for p, offset in self.positions.items()}
        found[STREAM_TIME] = self._context.stream_time
        found.update({DROPPED + reason: count for reason, count in self._context.dropped.items()})
        for name, stage in self._stages.items():
            if isinstance(stage, AggregateStage) and stage.observed_time != NO_TIME:
                found[OBSERVED + name] = stage.observed_time
        return found

    def resume(self, committed: Mapping[str, int]) -> None:
        """Take over times and drop counts of the last commit."""
        self._context.stream_time = committed.get(STREAM_TIME, self._context.stream_time)
        for name, number in committed.items():
            if name.startswith(DROPPED):
                self._context.dropped[name.removeprefix(DROPPED)] = number
            elif name.startswith(OBSERVED):
                stage = self._stages.get(name.removeprefix(OBSERVED))
                if isinstance(stage, AggregateStage):
                    stage.observed_time = number
