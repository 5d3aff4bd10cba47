"""A task of a running query: operators, stores, buffered input, positions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import FunctionError, KappaError, SerializationError, StreamsError, TimestampError
from kappaflow.runtime.clock import SYSTEM_CLOCK
from kappaflow.state import OrderedStore
from kappaflow.state.database import DurableStore
from kappaflow.streams.columns.coverage import may_hold
from kappaflow.streams.execution.changelogs import ChangelogWriter
from kappaflow.streams.execution.encode import encode_record, has_topic, partitions_of
from kappaflow.streams.execution.error_handling import CONTINUE, ErrorHandler, failed_in, failing_node, place_of
from kappaflow.streams.execution.outputs import OutputBuffer
from kappaflow.streams.execution.partition_group import PartitionGroup
from kappaflow.streams.execution.raw_records import decode_chunk
from kappaflow.streams.execution.row_task import DecodedRecord, RawRecord, RowTask
from kappaflow.streams.execution.sensors import Sensor, record_times
from kappaflow.streams.execution.sink_columns import window_bytes
from kappaflow.streams.execution.task_assignor import TaskId
from kappaflow.streams.processors.base import NO_TIME, TaskContext
from kappaflow.streams.processors.build import open_objects
from kappaflow.streams.processors.cache_entries import CacheBudget
from kappaflow.streams.record import Record
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n

OnError = Callable[[str, KappaError], None]
RUN_RECORDS_MAX = 5_000


class RunningTask:
    """Runs chunks of fetched bytes through a task in row form.

    Args:
        positions: the next offset of each input partition; moves as records are processed.
        has_more: tells whether a partition is known to have records that were not fetched yet.
        on_error: told about records that are dropped.
        errors: decides about bad records; None has them dropped.
        results: takes the records of sinks without a topic.
        every_change: changelogs get each change of a store instead of the last ones of a commit.
        shared_stores: stores that all tasks see, by name.
        app_configs: what processors of the program see.
        cache_budget: what the caches of the thread may take; without one they take all until the next commit.
        punctuations: told how many milliseconds each scheduled call took.

    Attributes:
        sensor: how many milliseconds a record takes.
        latency: how old records are when they are taken, in milliseconds.
        lateness: how far they are behind the stream's time.
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
        results: Callable[[Record], None] | None = None,
        caching: bool = False,
        every_change: bool = False,
        errors: ErrorHandler | None = None,
        shared_stores: Mapping[str, OrderedStore] | None = None,
        emit_interval_ms: int = 1000,
        outer_interval_ms: int = 1000,
        app_configs: Mapping[str, Any] | None = None,
        punctuations: Sensor | None = None,
        cache_budget: CacheBudget | None = None,
    ) -> None:
        self.id = task_id
        self.sensor, self.latency, self.lateness = Sensor(), Sensor(), Sensor()
        self.topology = topology
        self.subtopology = subtopology
        self.stores = stores
        self.positions = positions
        self.records_processed = 0
        self._outputs = outputs
        self._errors = errors or ErrorHandler(CONTINUE, outputs, on_error)
        self._results = results
        self._source: RawRecord | None = None
        seen = {**(shared_stores or {}), **stores}
        passes = self._errors.policy.processing != "fail"
        context = TaskContext(
            self._produce,
            SYSTEM_CLOCK.time_ms,
            emit_interval_ms=emit_interval_ms,
            outer_interval_ms=outer_interval_ms,
            caching=caching,
            application_id=topology.application_id,
            task_id=str(task_id),
            may_hold=not passes and may_hold(topology, subtopology),
            on_failure=self._processing_failed if passes else None,
            app_configs=app_configs or {},
        )
        context.punctuations.sensor, context.cache_budget = punctuations, cache_budget
        self._task = RowTask(topology, subtopology, seen, self._produce, self._errors.deserialization, context)
        self._changelogs = ChangelogWriter(
            topology, subtopology, stores, context, outputs, task_id.partition, every=every_change
        )
        topics = [partition.topic for partition in self.inputs]
        self._group = PartitionGroup[DecodedRecord](
            topics, lambda topic: has_more(TopicPartition(topic, task_id.partition))
        )
        keeps = self._errors.policy.dead_letter_topic is not None
        self._with_headers = {
            topic: keeps or _reads_headers(topology, nodes) for topic, nodes in subtopology.sources.items()
        }

    @property
    def inputs(self) -> list[TopicPartition]:
        """The partitions that the task reads; not all topics need have one of its number."""
        found = (TopicPartition(topic, self.id.partition) for topic in self.subtopology.sources)
        return [partition for partition in found if partition in self.positions]

    @property
    def buffered(self) -> int:
        """Records that wait for others to come first, or for results of calls."""
        return len(self._group) + self._task.context.in_flight

    @property
    def dropped(self) -> dict[str, int]:
        """Counts of dropped records by reason."""
        return self._task.context.dropped

    @property
    def delta_bytes(self) -> int:
        """About what the changes since the last commit take in memory."""
        return sum(store.delta_bytes for store in self.stores.values())

    def waiting(self, partition: TopicPartition) -> int:
        """How many records of a partition wait."""
        return self._group.waiting(partition.topic)

    def add(self, chunk: FetchedChunk) -> None:
        """Decode a chunk and buffer its records.

        Raises:
            CorruptRecordError: a batch is damaged.
        """
        topic = chunk.partition.topic
        rows = decode_chunk(chunk, with_headers=self._with_headers[topic])
        decoded = [self._task.decode(raw) for raw in rows]
        self._group.add(topic, ((record.time, record, record.raw.offset + 1) for record in decoded))
        if not rows or rows[-1].offset + 1 < chunk.next_offset:
            # Behind its last record a chunk may have markers of transactions, which are passed in their turn.
            self._group.add(topic, [(None, None, chunk.next_offset)])

    def run(self) -> int:
        """Process what is ready and return the number of records."""
        count = 0
        times: list[int] = []
        before = self._task.context.stream_time
        for entry in self._group.take():
            if entry.item is not None:
                self._source = entry.item.raw
                if entry.item.time is not None:
                    times.append(entry.item.time)
                try:
                    self._task.run(entry.item)
                except TimestampError:
                    raise
                except FunctionError as error:  # it would fail again after every restart
                    self._processing_failed("", error)
                except Exception as error:
                    if isinstance(error, KappaError) and not isinstance(error, SerializationError):
                        raise
                    raise failed_in(error, place_of(entry.item.raw)) from error
                count += 1
            self.positions[TopicPartition(entry.topic, self.id.partition)] = entry.next_offset
            if count >= RUN_RECORDS_MAX:
                break
        self._source = None
        self.records_processed += count
        if times:
            record_times(self.latency, self.lateness, np.array(times, np.int64), before)
        if self._task.context.pollers and self._task.context.poll():
            count = max(count, 1)
        if self._task.context.punctuations and self._task.context.punctuate(wall_clock=True):
            return max(count, 1)
        return count

    @property
    def wants_commit(self) -> bool:
        """Whether a processor asked for a commit."""
        return self._task.context.commit_requested

    def close(self) -> None:
        """End the processors."""
        self._task.close()

    def committed(self) -> dict[str, int]:
        """Return what the local batch keeps beside the stores: positions, times and drop counts, by name."""
        return {f"{p.topic}-{p.partition}": offset for p, offset in self.positions.items()} | self._task.progress()

    def _expire(self) -> None:
        """Let the commit remove rows that no record can reach any more."""
        for expiry in self._task.expiries():
            self.stores[expiry.store].expire(expiry.time_at, expiry.before, expiry.interval_ms)

    def resume(self, committed: Mapping[str, int]) -> None:
        """Take over times and drop counts of the last commit."""
        self._task.resume(committed)

    def open_store(self, spec: n.StoreSpec) -> Any:
        """Return a store as the operators see it."""
        return open_objects(spec, self.stores[spec.name], self._task.context)

    def newest(self, store: str) -> int:
        """Return the greatest time that processors of the program have put to a store; -1 where they have not."""
        return self._task.context.newest.get(store, NO_TIME)

    def sync_stores(self) -> None:
        """The stores of the row form are always current."""

    def before_commit(self) -> None:
        """Forward what caches hold back and write changelogs; afterwards the producer is flushed."""
        self._task.context.commit_requested = False
        self._task.flush_caches()
        self._changelogs.commit()
        self._outputs.send_rows()
        self._expire()

    def _processing_failed(self, node: str, error: Exception) -> None:
        """An operator failed for the record that was taken."""
        source = self._source
        self._task.context.drop("processing")
        place = "a scheduled call" if source is None else place_of(source)
        problem = error if isinstance(error, KappaError) else failed_in(error, place, node)
        self._errors.processing(source, problem, node or failing_node(error))

    def _produce(self, node: n.Sink | n.Repartition, record: Record) -> None:
        if not has_topic(node):
            if self._results is not None:
                self._results(record)
            return
        place = node.topic or node.name
        try:
            window = 0 if node.key_serde is None else window_bytes(node.key_serde)
            raw = encode_record(node, record)
        except SerializationError as error:
            self._not_written(place, error)
            return
        except TimestampError:
            raise
        except KappaError as error:
            self._errors.report(place, error)
            return
        try:
            for partition in partitions_of(node, record, lambda: self._outputs.partitions(raw.topic)):
                self._outputs.add(raw, partition, window_bytes=window, source=self._source)
        except StreamsError as error:  # the program's partitioner chose one that there is not
            self._not_written(place, error)

    def _not_written(self, place: str, error: KappaError) -> None:
        self._task.context.drop("production")
        self._errors.production(place, self._source, error)


def _reads_headers(topology: Topology, nodes: tuple[n.Node, ...]) -> bool:
    """Headers are carried from a source record to the sink, so they are decoded unless nothing writes them."""
    sinks = [node for node in topology.nodes.values() if isinstance(node, n.Sink)]
    return any(sink.carries_headers for sink in sinks) or any(
        isinstance(node, n.Source) and node.reads_headers for node in nodes
    )
