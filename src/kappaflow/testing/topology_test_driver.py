"""Run a topology of the streams library in-process, record by record, without a broker.

    driver = TopologyTestDriver(topology)
    orders = driver.create_input_topic("orders", Serdes.string(), Serdes.json())
    totals = driver.create_output_topic("totals", Serdes.string(), Serdes.long())
    orders.pipe_input("anna", {"price": 3}, timestamp=1000)
    totals.read_key_values_to_list() -> [("anna", 3)]

As in Kafka Streams' own driver there is one partition a topic, and all that a record causes is done when it was piped;
the wall clock stands still until `advance_wall_clock_time`.  Changelogs are among the topics that are written, with
every change of their stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kappaflow.errors import KappaError, UsageError
from kappaflow.serde import Serde, WindowedKeySerde
from kappaflow.state import PackedMemoryStore, Row, Stored
from kappaflow.streams.dsl.stores import store_for_processor
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.execution.changelogs import changelog_record
from kappaflow.streams.execution.encode import encode_record, has_topic, partitions_of
from kappaflow.streams.execution.error_handling import ErrorHandler, ErrorPolicy, failed_in, failing_node, place_of
from kappaflow.streams.execution.row_task import DecodedRecord, RawRecord, RowTask, read_key, write_key
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.processors.build import open_objects
from kappaflow.streams.processors.cache_entries import CacheBudget
from kappaflow.streams.processors.keys import KeyReader
from kappaflow.streams.processors.result_cache import ResultCache, waiting_in
from kappaflow.streams.record import Headers, Record
from kappaflow.streams.topology import Repartition, Sink, StoreSpec, Subtopology
from kappaflow.streams.topology import Topology as BoundTopology
from kappaflow.streams.topology.nodes import KeySerde
from kappaflow.testing.partition_queues import PartitionQueues

APPLICATION_ID = "topology-test"


class TopologyTestDriver:
    """Drives a topology.

    Args:
        application_id: prefix of internal topics.
        start_time_ms: what the wall clock shows.
        on_error: told about records that cannot be read or written, which are dropped then; without it the error is
            raised.
        errors: what to do with records that cannot be read, processed or written, as an application does it; dead
            letters are among the topics that are written.
        app_configs: what processors see as ``context.app_configs``.
        topics: that there are, for sources that read by a pattern.
        caching: what tables and aggregations give waits for a commit, where their stores allow it.
        cache_max_bytes: results that take more in the cache do not wait for the commit; None lets all wait.
        commit_every: after so many records there is a commit, and whenever `commit` is called.
        emit_interval_ms, outer_interval_ms: throttles of final results and of unmatched records, in wall-clock time.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        application_id: str = APPLICATION_ID,
        start_time_ms: int = 0,
        on_error: Callable[[str, KappaError], None] | None = None,
        errors: ErrorPolicy | None = None,
        app_configs: Mapping[str, Any] | None = None,
        emit_interval_ms: int = 0,
        outer_interval_ms: int = 0,
        topics: Sequence[str] = (),
        caching: bool = False,
        commit_every: int = 1,
        cache_max_bytes: int | None = None,
    ) -> None:
        if not isinstance(topology, Topology):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError(f"The driver runs a Topology, not a {type(topology).__name__}: call build() first.")
        self._caching, self._commit_every, self._processed = caching, commit_every, 0
        self._cache_max_bytes = cache_max_bytes
        self._bound: BoundTopology = topology.bind(application_id, topics)
        self.outputs: dict[str, list[RawRecord]] = {}
        self._now = start_time_ms
        self._on_error = on_error
        self._errors = None if errors is None else ErrorHandler(errors, _Letters(self.outputs), lambda *_: None)
        self._source: RawRecord | None = None
        self._app_configs = app_configs or {}
        self._offsets: dict[str, int] = {}
        self._queues = PartitionQueues[DecodedRecord]()
        self._specs = {spec.name: spec for spec in self._bound.stores}
        self._stores: dict[str, Any] = {name: self._make_store(spec) for name, spec in self._specs.items()}
        self._uncommitted: dict[tuple[str, bytes], tuple[Stored | None, int]] = {}
        self._internal = {node.topic for node in self._bound.repartition_nodes}
        self._intervals = (emit_interval_ms, outer_interval_ms)
        parts = self._bound.subtopologies
        self._parts = [part for part in parts if not part.is_global]
        self._global = self._task_of([part for part in parts if part.is_global], TaskContext(_nothing, lambda: 0))
        self._global.resume({})
        self._start({})

    def _start(self, progress: Mapping[str, int]) -> None:
        emit, outer = self._intervals
        self.context = TaskContext(
            self._written,
            lambda: self._now,
            emit_interval_ms=emit,
            outer_interval_ms=outer,
            application_id=self._bound.application_id,
            caching=self._caching,
            app_configs=self._app_configs,
            hides_expired=True,
        )
        if self._cache_max_bytes is not None:
            self.context.cache_budget = CacheBudget(self._cache_max_bytes)
            self.context.on_flushed = self._flushed
        if self._errors is not None and self._errors.policy.processing != "fail":
            self.context.on_failure = self._processing_failed
        self._task = self._task_of(self._parts, self.context)
        for name, store in self.context.versioned.items():
            store.journal = self._journal_of(self._specs[name])
        self._task.resume(progress)

    def _journal_of(self, spec: StoreSpec) -> Callable[[bytes, bytes | None, int], None]:
        def journal(key: bytes, data: bytes | None, time_ms: int) -> None:
            if spec.logged:
                self._log(spec, key, None if data is None else ((data,), time_ms), time_ms)

        return journal

    def _make_store(self, spec: StoreSpec) -> Any:
        return _LoggedStore(spec, self._changed)

    def restart(self) -> None:
        """Go on as a task does that was committed, closed and opened again, here or elsewhere.

        Processors of users are made anew; what they scheduled begins anew as well.
        """
        if self._caching:
            self._commit()
        progress = self._task.progress()
        self._task.close()
        self._start(progress)

    def _task_of(self, parts: Sequence[Subtopology], context: TaskContext) -> RowTask:
        """All parts as one task, as Kafka Streams' driver has it."""
        names = {node.name for part in parts for node in part.nodes}
        nodes = {name: node for name, node in self._bound.nodes.items() if name in names}
        sources = {topic: read for part in parts for topic, read in part.sources.items()}
        whole = Subtopology(0, tuple(nodes.values()), sources)
        return RowTask(self._bound, whole, self._stores, context.emit, self._unreadable, context)

    # ---- records ----

    def create_input_topic(
        self, topic: str, key_serde: KeySerde, value_serde: Serde, *, start_time_ms: int = 0, advance_ms: int = 0
    ) -> TestInputTopic:
        """Return what pipes records into a topic.

        Args:
            start_time_ms: of the first record that is given no time.
            advance_ms: from one such record to the next.

        Raises:
            UsageError: the topology does not read the topic.
        """
        known = [*self._task.subtopology.sources, *self._global.subtopology.sources]
        if topic not in known:
            raise UsageError(f"The topology does not read {topic}; it reads {', '.join(sorted(known)) or 'nothing'}.")
        return TestInputTopic(self, topic, key_serde, value_serde, start_time_ms, advance_ms)

    def create_output_topic(self, topic: str, key_serde: KeySerde, value_serde: Serde) -> TestOutputTopic:
        """Return what reads the records written to a topic."""
        return TestOutputTopic(self, topic, key_serde, value_serde)

    def pipe(self, *records: RawRecord) -> None:
        """Process records and all that they cause, one after the other."""
        for record in records:
            offset = self._offsets.get(record.topic, 0)
            self._offsets[record.topic] = offset + 1
            raw = RawRecord(record.topic, record.key, record.value, record.timestamp, record.headers, 0, offset)
            if record.topic in self._global.subtopology.sources:
                self._global.process(raw)
                continue
            self._enqueue(raw)
            self._settle()

    def advance_wall_clock_time(self, milliseconds: int) -> None:
        """Let the wall clock go on and do what is due by it."""
        if milliseconds < 0:
            raise UsageError("The wall clock goes forward only.")
        self._now += milliseconds
        self.context.punctuate(wall_clock=True)
        self._commit()
        self._settle()

    def _enqueue(self, raw: RawRecord) -> None:
        decoded = self._task.decode(raw)
        self._queues.add(raw.topic, -1 if decoded.time is None else decoded.time, decoded)

    def _settle(self) -> None:
        """Do all that is left to do, calls of asynchronous functions included."""
        self._work()
        while self.context.in_flight:
            self._task.flush_caches()
            self._work()

    def _work(self) -> None:
        while (decoded := self._queues.take()) is not None:
            self._source = decoded.raw
            try:
                self._task.run(decoded)
            except Exception as error:
                error.add_note(f"While {failing_node(error) or 'the task'} processed {place_of(decoded.raw)}.")
                raise
            self._source = None
            self._processed += 1
            if self._processed % self._commit_every == 0:
                self._commit()

    def _flushed(self, spec: StoreSpec, key: bytes, changes: bool) -> None:
        """A cache puts a row into the store below it, whose changelog gets it."""
        found = self._uncommitted.pop((spec.name, key), None)
        if found is not None and changes and spec.logged:
            self._log(spec, key, *found)

    def _changed(self, spec: StoreSpec, key: bytes, stored: Stored | None, time_ms: int) -> None:
        if not spec.logged or spec.history_ms is not None:
            return
        if spec.logged_at_commit or waiting_in(self.context, spec) is not None:
            self._uncommitted.pop((spec.name, key), None)
            self._uncommitted[spec.name, key] = (stored, time_ms)
        else:
            self._log(spec, key, stored, time_ms)

    def _log(self, spec: StoreSpec, key: bytes, stored: Stored | None, time_ms: int) -> None:
        topic = self._bound.changelog_topic(spec)
        self.outputs.setdefault(topic, []).append(
            changelog_record(topic, spec, key, stored, max(0, time_ms), self.context.headers)
        )

    def commit(self) -> None:
        """Forward what waits for a commit, and do what that causes, until nothing waits."""
        self._commit()
        while len(self._queues):
            self._work()
            self._commit()

    def _commit(self) -> None:
        if self._caching:
            self._task.flush_caches()
        changed, self._uncommitted = self._uncommitted, {}
        for (name, key), (stored, time_ms) in changed.items():
            cache = waiting_in(self.context, self._specs[name])
            if cache is None or key not in cache.skipped:
                self._log(self._specs[name], key, stored, time_ms)

    def _written(self, node: Sink | Repartition, record: Record) -> None:
        if not has_topic(node):
            return
        try:
            if not partitions_of(node, record, lambda: 1):
                return
            raw = encode_record(node, record)
        except KappaError as error:
            if self._errors is not None:
                self.context.drop("production")
                self._errors.production(node.topic or node.name, self._source, error)
                return
            self._failed(node.topic or node.name, error)
            return
        self.outputs.setdefault(raw.topic, []).append(raw)
        if raw.topic in self._internal:
            offset = self._offsets.get(raw.topic, 0)
            self._offsets[raw.topic] = offset + 1
            self._enqueue(RawRecord(raw.topic, raw.key, raw.value, raw.timestamp, raw.headers, 0, offset))

    def _unreadable(self, raw: RawRecord, error: KappaError) -> None:
        if self._errors is not None:
            self._errors.deserialization(raw, error)
            return
        self._failed(raw.topic, error)

    def _processing_failed(self, node: str, error: Exception) -> None:
        assert self._errors is not None
        self.context.drop("processing")
        place = "a scheduled call" if self._source is None else place_of(self._source)
        problem = error if isinstance(error, KappaError) else failed_in(error, place, node)
        self._errors.processing(self._source, problem, node)

    def _failed(self, topic: str, error: KappaError) -> None:
        if self._on_error is None:
            raise error
        self._on_error(topic, error)

    def take(self, topic: str) -> list[RawRecord]:
        """Return and forget what was written to a topic, as bytes."""
        return self.outputs.pop(topic, [])

    @property
    def produced_topic_names(self) -> set[str]:
        """The topics that something was written to, internal ones included."""
        return set(self.outputs)

    # ---- state ----

    def get_state_store(self, name: str) -> Any:
        """Return a store to look into, or to put rows into before a test.

        Raises:
            UsageError: there is no such store.
        """
        if name not in self._specs:
            raise UsageError(f"There is no store {name}; there are {', '.join(sorted(self._specs)) or 'none'}.")
        return store_for_processor(self._opened(name), self._specs[name], self.context)

    def get_all_state_stores(self) -> dict[str, Any]:
        """Return all stores by name."""
        return {name: self.get_state_store(name) for name in self._specs}

    def rows_of(self, name: str) -> list[tuple[Any, Any, int]]:
        """Return keys, values and their times of a store, in the order of key bytes."""
        read = KeyReader(self._specs[name].key_serde)
        return [(read(key), value, time) for key, (value, time) in self._opened(name).range()]

    def _opened(self, name: str) -> Any:
        spec, store = self._specs[name], self._stores[name]
        return open_objects(spec, store, self.context)

    @property
    def dropped(self) -> Mapping[str, int]:
        """Counts of records that operators left out, by reason."""
        return self.context.dropped

    @property
    def evicted_under_scans(self) -> int:
        """How many entries of bounded caches were evicted before a scan that was under way came to them.

        Kafka Streams' scan passes such a window over, and its aggregate begins anew; ours is complete.
        """
        caches = (each for each in self.context.shared.values() if isinstance(each, ResultCache))
        return sum(each.entries.left_under_scans for each in caches if each.entries is not None)

    @property
    def metrics(self) -> dict[str, int]:
        """Figures by Kafka Streams' names, as `KafkaStreams.metrics` has them."""
        return {"process-total": self._processed, "dropped-records-total": sum(self.context.dropped.values())}

    def close(self) -> None:
        """End the processors."""
        self._task.close()
        self._global.close()

    def __enter__(self) -> TopologyTestDriver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Letters:
    """Takes dead letters as what was written."""

    def __init__(self, outputs: dict[str, list[RawRecord]]) -> None:
        self._outputs = outputs

    def add(self, record: RawRecord) -> None:
        """Keep one."""
        self._outputs.setdefault(record.topic, []).append(record)


class _LoggedStore(PackedMemoryStore):
    """Tells about each change."""

    def __init__(self, spec: StoreSpec, changed: Callable[[StoreSpec, bytes, Stored | None, int], None]) -> None:
        super().__init__(spec.types)
        self._spec = spec
        self._changed = changed

    def put(self, key: bytes, row: Row | None, timestamp: int) -> None:
        """Set the row of a key; None deletes it."""
        super().put(key, row, timestamp)
        self._changed(self._spec, key, None if row is None else (row, timestamp), timestamp)


@dataclass(slots=True)
class TestInputTopic:
    """Pipes records into a topic."""

    __test__ = False

    driver: TopologyTestDriver
    topic: str
    key_serde: KeySerde
    value_serde: Serde
    next_time_ms: int
    advance_ms: int

    def pipe_input(self, key: Any, value: Any, *, timestamp: int | None = None, headers: Headers = ()) -> None:
        """Pipe one record; without a time it gets that of the last one and the topic's advance."""
        at = timestamp
        if at is None:
            at, self.next_time_ms = self.next_time_ms, self.next_time_ms + self.advance_ms
        data = None if value is None else self.value_serde.serialize(value)
        self.driver.pipe(RawRecord(self.topic, write_key(self.key_serde, key), data, at, headers))

    def pipe_key_values(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Pipe records of keys and values."""
        for key, value in pairs:
            self.pipe_input(key, value)

    def pipe_records(self, records: Iterable[Record]) -> None:
        """Pipe records with their times and headers."""
        for record in records:
            self.pipe_input(record.key, record.value, timestamp=record.timestamp, headers=record.headers)

    def pipe_values(self, values: Iterable[Any]) -> None:
        """Pipe records without keys."""
        for value in values:
            self.pipe_input(None, value)

    def advance_time(self, milliseconds: int) -> None:
        """Move the time of the next record that is given none."""
        self.next_time_ms += milliseconds


@dataclass(slots=True)
class TestOutputTopic:
    """Reads the records of a topic, each once."""

    __test__ = False

    driver: TopologyTestDriver
    topic: str
    key_serde: KeySerde
    value_serde: Serde

    def read_records_to_list(self) -> list[Record]:
        """Return all records."""
        return [self._read(raw) for raw in self.driver.take(self.topic)]

    def read_record(self) -> Record:
        """Return the next record.

        Raises:
            UsageError: there is none.
        """
        waiting = self.driver.outputs.get(self.topic)
        if not waiting:
            raise UsageError(f"There is no record in {self.topic}.")
        return self._read(waiting.pop(0))

    def read_key_value(self) -> tuple[Any, Any]:
        """Return key and value of the next record."""
        record = self.read_record()
        return record.key, record.value

    def read_value(self) -> Any:
        """Return the value of the next record."""
        return self.read_record().value

    def read_key_values_to_list(self) -> list[tuple[Any, Any]]:
        """Return keys and values of all records."""
        return [(record.key, record.value) for record in self.read_records_to_list()]

    def read_key_values_to_map(self) -> dict[Any, Any]:
        """Return the last value of each key."""
        return dict(self.read_key_values_to_list())

    def read_values_to_list(self) -> list[Any]:
        """Return the values of all records."""
        return [record.value for record in self.read_records_to_list()]

    @property
    def is_empty(self) -> bool:
        """Whether there is no record."""
        return not self.driver.outputs.get(self.topic)

    @property
    def queue_size(self) -> int:
        """How many records there are."""
        return len(self.driver.outputs.get(self.topic, ()))

    def _read(self, raw: RawRecord) -> Record:
        key = read_key(self.key_serde, raw.key)
        return Record(key, self.value_serde.deserialize(raw.value), raw.timestamp, raw.headers, raw.topic)


def _nothing(_node: Any, _record: Record) -> None:
    """Global tables write nothing."""


__all__ = ["TestInputTopic", "TestOutputTopic", "TopologyTestDriver", "WindowedKeySerde"]
