"""The thread that runs one query in a worker: join the group, fetch, process, commit.

    created ─start─▶ running ◀─resume/pause─▶ paused
                       │  ▲
                 error │  │ restart after a back-off
                       ▼  │
                      error ─stop─▶ stopped          (stop works in every state)

At-least-once: flush the producer, write the local batch (state and input positions), commit the group's offsets.  On
a restart local state that is at or beyond the group's offsets goes on from its own positions.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from kappaflow.client.admin import Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import EARLIEST, LATEST, Fetcher
from kappaflow.client.membership import GroupMembership
from kappaflow.client.offsets import GroupGeneration, GroupOffsets
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, KappaError, StreamsError
from kappaflow.runtime.crash_points import crash_point
from kappaflow.state.database import DurableStore, StateDatabase
from kappaflow.streams.columns import reason_for_rows
from kappaflow.streams.execution.columnar_task import ColumnarTask
from kappaflow.streams.execution.internal_topics import check_copartitioned, create_internal_topics
from kappaflow.streams.execution.outputs import OutputBuffer
from kappaflow.streams.execution.restore import is_ahead, restore_store
from kappaflow.streams.execution.running_task import RunningTask
from kappaflow.streams.execution.task_assignor import TaskAssignor, TaskId, decode_tasks
from kappaflow.streams.topology import Topology

Task = RunningTask | ColumnarTask
logger = logging.getLogger(__name__)
State = Literal["CREATED", "REBALANCING", "RUNNING", "PAUSED", "ERROR", "STOPPED"]
POLL_SECONDS = 0.1
POLL_BYTES = 4 << 20
RESTART_FIRST_SECONDS = 0.5
RESTART_MAX_SECONDS = 60.0
FORGIVEN_SECONDS = 3.0
FORGIVEN_RATIO = 5


@dataclass(frozen=True, slots=True)
class StreamsConfig:
    """How a topology runs.

    Attributes:
        instance_id: names this worker in the group, so that it gets its tasks back after a restart.
        caching: hold results of aggregations back and forward the last per key at each commit.
    """

    client: ClientConfig
    commit_interval_ms: int = 2000
    auto_offset_reset: Literal["earliest", "latest"] = "latest"
    instance_id: str | None = None
    caching: bool = True
    replication_factor: int = 1
    min_in_sync: int | None = None
    session_timeout_ms: int = 10_000


@dataclass(slots=True)
class QueryFigures:
    """Live figures of a query in one worker."""

    state: State = "CREATED"
    error: str = ""
    restarts: int = 0
    records: int = 0
    records_per_second: float = 0.0
    tasks: int = 0
    lag_records: int = 0
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    problems: list[str] = field(default_factory=list[str])


class StreamThread:
    """Runs one topology until it is stopped.

    Args:
        on_error: told where a record failed and why; the record is dropped.

    Attributes:
        generation_id: of the group, by which the tasks were assigned; tasks of one generation are disjoint and all.
    """

    def __init__(
        self,
        topology: Topology,
        config: StreamsConfig,
        database: StateDatabase,
        on_error: Callable[[str, KappaError], None] | None = None,
    ) -> None:
        self.topology = topology
        self.config = config
        self.database = database
        self.figures = QueryFigures()
        self.tasks: dict[TaskId, Task] = {}
        self._on_error = on_error
        self._stopping = threading.Event()
        self._paused = threading.Event()
        self._lock = threading.Lock()
        self._readers = 0
        self._turn = threading.Condition(threading.Lock())
        self._thread = threading.Thread(target=self._run, name=f"stream-{topology.application_id}", daemon=True)
        self.generation_id = GroupGeneration().generation_id
        self._rate_base = (time.monotonic(), 0)

    # ---- the owner's side ----

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Commit what is processed and end."""
        self._stopping.set()
        self._thread.join(timeout_seconds)

    def pause(self) -> None:
        """Stop processing; state can still be read."""
        self._paused.set()

    def resume(self) -> None:
        """Go on processing."""
        self._paused.clear()

    @contextmanager
    def reading(self, *, wait: bool = True) -> Generator[dict[TaskId, Task] | None]:
        """Hold the state still and give the tasks, between two steps of the loop.

        Args:
            wait: for the end of a step that goes on; without it None is given then.
        """
        with self._turn:
            self._readers += 1
        held = False
        try:
            held = self._lock.acquire(blocking=wait)
            if held:
                for task in self.tasks.values():
                    task.sync_stores()
            yield self.tasks if held else None
        finally:
            if held:
                self._lock.release()
            with self._turn:
                self._readers -= 1
                self._turn.notify_all()

    # ---- the thread's side ----

    def _run(self) -> None:
        backoff = RESTART_FIRST_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                _Session(self).run()
            except KappaError as error:
                self._failed(error)
            except Exception as error:
                logger.exception("Query %s failed", self.topology.application_id)
                self._failed(error)
            else:
                break
            # A session that lasted, measured by the wait, did not fail at its start.
            if time.monotonic() - started >= max(FORGIVEN_SECONDS, FORGIVEN_RATIO * backoff):
                backoff = RESTART_FIRST_SECONDS
            self._stopping.wait(backoff)
            backoff = min(backoff * 2, RESTART_MAX_SECONDS)
            self.figures.restarts += 1
        self.figures.state = "STOPPED"

    def _failed(self, error: Exception) -> None:
        self.figures.state = "ERROR"
        self.figures.tasks = 0
        self.figures.error = str(error)
        logger.warning("Query %s stopped and will restart: %s", self.topology.application_id, error)

    def report(self, place: str, error: KappaError) -> None:
        """Tell about a record that was dropped."""
        problems = self.figures.problems
        problems.append(f"{place}: {error}")
        del problems[:-20]
        if self._on_error is not None:
            self._on_error(place, error)

    @contextmanager
    def step(self) -> Generator[None]:
        """Take the state for one step of the loop; readers that wait go first."""
        with self._turn:
            self._turn.wait_for(lambda: self._readers == 0, 0.05)
        with self._lock:
            yield

    def measure(self) -> None:
        """Update the rate, about once a second."""
        now = time.monotonic()
        then, before = self._rate_base
        if now - then >= 1.0:
            self.figures.records_per_second = (self.figures.records - before) / (now - then)
            self._rate_base = (now, self.figures.records)

    @property
    def stopping(self) -> threading.Event:
        """Set when the thread is to end."""
        return self._stopping

    @property
    def paused(self) -> bool:
        """Whether processing is paused."""
        return self._paused.is_set()


class _Session:
    """One stay in the group: from connecting until an error or the end."""

    def __init__(self, thread: StreamThread) -> None:
        self.thread = thread
        self.config = thread.config
        self.topology = thread.topology
        self.admin = Admin(thread.config.client)
        self.assignor = TaskAssignor(thread.topology)
        self.generation = GroupGeneration()
        self.last_commit = time.monotonic()
        self.dirty = False
        self.fresh = False

    def run(self) -> None:
        """Run until the thread is stopped.

        Raises:
            KappaError: something that a restart may mend.
        """
        thread, config = self.thread, self.config
        counts = {topic: self.admin.partitions_for(topic) for topic in self.topology.source_topics}
        check_copartitioned(self.topology, counts)
        counts |= create_internal_topics(
            self.admin, self.topology, counts, config.replication_factor, config.min_in_sync
        )
        for node in self.topology.nodes.values():
            topic = getattr(node, "topic", None)
            if topic is not None and topic not in counts:
                counts[topic] = self.admin.partitions_for(topic)
        application = self.topology.application_id
        topics = [topic for sub in self.topology.subtopologies for topic in sub.sources]
        thread.figures.state = "REBALANCING"
        with (
            BatchProducer(config.client) as producer,
            Fetcher(config.client, offset_reset="earliest") as self.fetcher,
            GroupOffsets(config.client, application) as self.offsets,
        ):
            self.producer = producer
            self.outputs = OutputBuffer(producer, counts)
            with GroupMembership(
                config.client,
                application,
                list(dict.fromkeys(topics)),
                self.assignor,
                self._assigned,
                self._revoked,
                group_instance_id=config.instance_id,
                session_timeout_ms=config.session_timeout_ms,
            ) as membership:
                self.membership = membership
                try:
                    self._loop()
                finally:
                    with thread.step():
                        thread.tasks = {}
        self.admin.close()

    def _loop(self) -> None:
        thread = self.thread
        while not thread.stopping.is_set():
            self.membership.poll()
            if thread.paused or not thread.tasks:
                if thread.paused and thread.figures.state == "RUNNING":
                    self._commit()
                    thread.figures.state = "PAUSED"
                time.sleep(0.05)
                continue
            thread.figures.state = "RUNNING"
            chunks = self.fetcher.poll(self._wait_seconds(), POLL_BYTES)
            with thread.step():
                for chunk in chunks:
                    task = self._task_of(chunk.partition)
                    if task is not None:
                        task.add(chunk)
                count = sum(task.run() for task in thread.tasks.values())
                self.outputs.send_rows()
                self.dirty = self.dirty or count > 0 or bool(chunks)
                thread.figures.records += count
            if time.monotonic() - self.last_commit >= self.config.commit_interval_ms / 1000:
                self._commit()
            self.producer.poll()
            thread.measure()
        if thread.tasks:
            self._commit()

    def _wait_seconds(self) -> float:
        if any(task.buffered for task in self.thread.tasks.values()):
            return 0.01
        until_commit = self.last_commit + self.config.commit_interval_ms / 1000 - time.monotonic()
        return max(0.0, min(POLL_SECONDS, until_commit)) if self.dirty else POLL_SECONDS

    def _task_of(self, partition: TopicPartition) -> Task | None:
        for task in self.thread.tasks.values():
            if task.id.partition == partition.partition and partition.topic in task.subtopology.sources:
                return task
        return None

    def _has_more(self, partition: TopicPartition) -> bool:
        end = self.fetcher.high_watermark(partition)
        position = self.fetcher.position(partition)
        return end < 0 or position < 0 or position < end

    # ---- assignment ----

    def _assigned(self, assignment: bytes, generation: GroupGeneration) -> None:
        self.generation = generation
        start: dict[TopicPartition, int] = {}
        tasks: dict[TaskId, Task] = {}
        for task_id in decode_tasks(assignment):
            task, positions = self._open_task(task_id)
            tasks[task_id] = task
            start.update(positions)
        with self.thread.step():
            self.thread.tasks = tasks
            self.thread.generation_id = generation.generation_id
        self.thread.figures.tasks = len(tasks)
        if not tasks and not self.thread.paused:
            self.thread.figures.state = "RUNNING"  # it has no partition, and that is all there is to do
        self.fetcher.assign(start)
        if self.fresh:
            self._commit_start()

    def _commit_start(self) -> None:
        """Commit where new partitions begin before any of their records is processed.

        Without it a task that ends before its first commit would find its changelog, no position to go with it, and
        count what is in both twice.  And records that come while it is away would be skipped with ``latest``.
        """
        self.fresh = False
        tasks = self.thread.tasks.values()
        self.thread.database.commit([], {f"{self.topology.application_id}/{t.id}": t.committed() for t in tasks})
        offsets = {partition: offset for task in tasks for partition, offset in task.positions.items()}
        try:
            self.offsets.commit(offsets, self.generation)
        except BrokerError as error:
            logger.info("Start positions are kept here only, until the next commit: %s", error)

    def _open_task(self, task_id: TaskId) -> tuple[Task, dict[TopicPartition, int]]:
        sub = self.topology.subtopologies[task_id.subtopology]
        database, name = self.thread.database, f"{self.topology.application_id}/{task_id}"
        inputs = [TopicPartition(topic, task_id.partition) for topic in sub.sources]
        committed = {p: c.offset for p, c in self.offsets.fetch(inputs).items() if c.offset >= 0}
        local = database.positions(name)
        stores = {spec.name: database.store(name, spec.name, spec.types) for spec in sub.stores}
        by_name = {f"{p.topic}-{p.partition}": offset for p, offset in committed.items()}
        known: dict[TopicPartition, int]
        if is_ahead(local, by_name):
            known = {p: local[f"{p.topic}-{p.partition}"] for p in inputs if f"{p.topic}-{p.partition}" in local}
        else:
            known = dict(committed)
            if stores:
                self._restore(name, sub.stores, stores, task_id, committed)
        fresh = {p: self._reset_offset(p) for p in inputs if p not in known}
        if fresh:
            known.update({p: listed.offset for p, listed in self.admin.list_offsets(fresh).items()})
            self.fresh = True
        positions = {p: known[p] for p in inputs}
        caching, report = self.config.caching, self.thread.report
        form = RunningTask if reason_for_rows(self.topology, sub) else ColumnarTask
        task: Task = form(
            self.topology, sub, task_id, stores, self.outputs, dict(positions), self._has_more, report, caching=caching
        )
        task.resume(database.positions(name))
        return task, positions

    def _reset_offset(self, partition: TopicPartition) -> int:
        internal = {node.topic for node in self.topology.repartition_nodes}
        tables = {s.changelog_topic for s in self.topology.stores}
        earliest = partition.topic in internal or partition.topic in tables
        return EARLIEST if earliest or self.config.auto_offset_reset == "earliest" else LATEST

    def _restore(
        self,
        name: str,
        specs: Any,
        stores: dict[str, DurableStore],
        task_id: TaskId,
        committed: dict[TopicPartition, int],
    ) -> None:
        self.thread.database.drop_task(name)
        for spec in specs:
            changelog = TopicPartition(self.topology.changelog_topic(spec), task_id.partition)
            end = committed.get(changelog, 0) if not spec.logged else None
            try:
                restore_store(self.config.client, self.admin, spec, stores[spec.name], changelog, end)
            except BrokerError as error:
                if error.name != "UNKNOWN_TOPIC_OR_PARTITION":
                    raise
        positions = {f"{p.topic}-{p.partition}": offset for p, offset in committed.items()}
        self.thread.database.commit(list(stores.values()), {name: positions})

    def _revoked(self, lost: bool) -> None:
        if not lost and self.thread.tasks:
            try:
                self._commit()
            except BrokerError as error:
                logger.warning("Offsets were not committed before a rebalance: %s", error)
        with self.thread.step():
            self.thread.tasks = {}
        self.thread.figures.tasks = 0
        self.thread.figures.state = "REBALANCING"
        self.fetcher.assign({})

    # ---- commit ----

    def _commit(self) -> None:
        """Flush, write the local batch, commit offsets: in this order (at-least-once).

        Readers go on while the brokers are waited for.
        """
        thread = self.thread
        self.last_commit = time.monotonic()
        self._measure_lag()
        if not self.dirty:
            return
        with thread.step():
            for task in thread.tasks.values():
                task.before_commit()
        crash_point("before-flush")
        self.producer.flush()
        crash_point("after-flush")
        positions: dict[str, dict[str, int]] = {}
        offsets: dict[TopicPartition, int] = {}
        stores: list[DurableStore] = []
        for task in thread.tasks.values():
            name = f"{self.topology.application_id}/{task.id}"
            positions[name] = task.committed()
            offsets.update(task.positions)
            stores += task.stores.values()
        with thread.step():
            thread.database.commit(stores, positions)
        crash_point("before-offset-commit")
        self.offsets.commit(offsets, self.membership.generation())
        crash_point("after-offset-commit")
        self.dirty = False

    def _measure_lag(self) -> None:
        lag = 0
        dropped: dict[str, int] = {}
        for task in self.thread.tasks.values():
            for partition in task.inputs:
                end = self.fetcher.high_watermark(partition)
                if end >= 0 and partition in task.positions:
                    lag += max(0, end - task.positions[partition])
            for reason, count in task.dropped.items():
                dropped[reason] = dropped.get(reason, 0) + count
        self.thread.figures.lag_records = lag
        self.thread.figures.dropped = dropped


def require_running(thread: StreamThread) -> None:
    """Refuse to read from a query that has no state here.

    Raises:
        StreamsError: says in which state the query is.
    """
    if not thread.tasks:
        raise StreamsError(f"The query is {thread.figures.state}; try again in a moment.")
