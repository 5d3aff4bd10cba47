"""One stay of a query in its group: from connecting until an error or the end.

join ──assigned──▶ open tasks, restore ──▶ fetch ─▶ run ─▶ commit ─┐
  ▲                                          ▲─────────────────────┘
  └────────── commit, give tasks back ◀──revoked──┘
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Protocol

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.fetch import EARLIEST, LATEST, Fetcher
from kappaflow.client.membership import GroupMembership
from kappaflow.client.offsets import GroupGeneration, GroupOffsets
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.client.transactions import TransactionalProducer
from kappaflow.errors import BrokerError, KappaError, ShutdownRequested
from kappaflow.runtime.clock import SYSTEM_CLOCK
from kappaflow.state import OrderedStore
from kappaflow.state.database import StateDatabase
from kappaflow.streams.columns import reason_for_rows
from kappaflow.streams.execution.at_least_once import AtLeastOnce
from kappaflow.streams.execution.columnar_task import ColumnarTask
from kappaflow.streams.execution.commit import OpenTask, local_of
from kappaflow.streams.execution.error_handling import ErrorHandler
from kappaflow.streams.execution.exactly_once import ExactlyOnce
from kappaflow.streams.execution.internal_topics import check_copartitioned, create_internal_topics
from kappaflow.streams.execution.joined_run import run_tasks
from kappaflow.streams.execution.outputs import OutputBuffer
from kappaflow.streams.execution.query_figures import ChangelogPosition, QueryFigures
from kappaflow.streams.execution.restore import RestoreInterrupted, RestoreJob, Restorer
from kappaflow.streams.execution.running_task import RunningTask
from kappaflow.streams.execution.shutting_down import ShuttingDown
from kappaflow.streams.execution.streams_config import StreamsConfig
from kappaflow.streams.execution.task_assignor import TaskAssignor, TaskId, decode_tasks
from kappaflow.streams.execution.task_idling import TaskIdling
from kappaflow.streams.execution.task_opening import OpeningTask, TaskOpener
from kappaflow.streams.processors.cache_entries import CacheBudget
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n

Task = RunningTask | ColumnarTask
logger = logging.getLogger(__name__)
POLL_SECONDS = 0.1
IDLE_SECONDS = 0.05
POLL_BYTES = 4 << 20
WAITING_RECORDS_MAX = 20_000


class SessionHost(Protocol):
    """The thread that a session runs on."""

    topology: Topology
    config: StreamsConfig
    database: StateDatabase
    figures: QueryFigures
    tasks: dict[TaskId, Task]
    generation_id: int
    shared_stores: Mapping[str, OrderedStore]

    @property
    def stopping(self) -> threading.Event:
        """Set when the session is to end."""
        ...

    @property
    def leaving(self) -> bool:
        """Whether the group is to go on without this member at once, as the query ends for good."""
        ...

    @property
    def shuts_down_all(self) -> bool:
        """Whether this session is there to ask all members of the group to end, and takes no tasks."""
        ...

    @property
    def paused(self) -> bool:
        """Whether processing is paused."""
        ...

    def step(self) -> AbstractContextManager[None]:
        """Take the state for one step of the loop."""
        ...

    def report(self, place: str, error: KappaError) -> None:
        """Tell about a record that was dropped."""
        ...

    def measure(self) -> None:
        """Update the rates."""
        ...

    def is_outdated(self) -> bool:
        """Tell whether another topology is to be run from now on."""
        ...


class Session:
    """One stay in the group."""

    def __init__(self, host: SessionHost) -> None:
        self.host = host
        self.config = host.config
        self.topology = host.topology
        self.application_id = host.topology.application_id
        self.assignor = TaskAssignor(host.topology, host.config.application_server)
        self.shutting_down = ShuttingDown(
            self.config.client, self.application_id, self.config.session_timeout_ms, asks=host.shuts_down_all
        )
        self.sensors = host.figures.sensors
        self.cache_budget: CacheBudget | None = None
        self.opened: list[OpenTask] = []
        self.last_commit = time.monotonic()
        self.last_purge = time.monotonic()
        self.dirty = False
        self.paused: set[TopicPartition] = set()
        self.idling = TaskIdling(self._has_more, self.config.max_task_idle_ms)

    def run(self) -> None:
        """Run until the thread is stopped.

        Raises:
            ShutdownRequested: a member has asked all to end; this one has left the group.
            KappaError: something that a restart may mend.
        """
        host, config = self.host, self.config
        self._rebalancing()
        with ExitStack() as stack:
            io = config.client.io
            control = None if io is None else stack.enter_context(io.control(config.client))
            self.admin = stack.enter_context(Admin(config.client, control))
            counts = self._partition_counts()
            self.offsets = stack.enter_context(GroupOffsets(config.client, self.application_id, control))
            isolation = "read_committed" if config.exactly_once else "read_uncommitted"
            self.producer: BatchProducer | TransactionalProducer
            self.commits: AtLeastOnce | ExactlyOnce
            if config.exactly_once:
                transactional = TransactionalProducer(
                    config.client,
                    f"{self.application_id}-{config.instance_id or uuid.uuid4()}",
                    transaction_timeout_ms=config.transaction_timeout_ms,
                )
                self.producer = stack.enter_context(transactional)
                transactional.init()
                self.commits = ExactlyOnce(transactional, host.database, self.application_id)
            else:
                plain = stack.enter_context(BatchProducer(config.client))
                self.producer = plain
                self.commits = AtLeastOnce(plain, host.database, self.offsets)
            self.outputs = OutputBuffer(self.producer, counts, self._size_limits(), self.admin.partitions_for)
            self.errors = ErrorHandler(config.errors, self.outputs, host.report)
            self.outputs.on_too_large = self.errors.production
            self.fetcher = stack.enter_context(
                Fetcher(config.client, isolation_level=isolation, offset_reset=config.auto_offset_reset)
            )
            topics = [topic for sub in self.topology.task_subtopologies for topic in sub.sources]
            self.membership = stack.enter_context(
                GroupMembership(
                    config.client,
                    self.application_id,
                    list(dict.fromkeys(topics)),
                    self.assignor,
                    self._assigned,
                    self._revoked,
                    group_instance_id=config.instance_id,
                    session_timeout_ms=config.session_timeout_ms,
                    coordinator=self.offsets.find_coordinator(),
                    on_event=self.fetcher.wake,
                )
            )
            leaves = host.shuts_down_all
            try:
                self._loop()
            except ShutdownRequested:
                leaves = True  # a place that is kept would have this assignment waiting for whoever comes back to it
                raise
            finally:
                with host.step():
                    self._close_tasks()
                self.membership.close(leave=True if host.leaving or leaves else None)

    def _rebalancing(self) -> None:
        if self.host.figures.state != "ERROR":  # what failed is in error until it runs again
            self.host.figures.state = "REBALANCING"

    def _partition_counts(self) -> dict[str, int]:
        """Create the internal topics and return the number of partitions of every topic."""
        topology, config = self.topology, self.config
        named = {topic for node in topology.nodes.values() if (topic := getattr(node, "topic", None)) is not None}
        own = {topology.changelog_topic(store) for sub in topology.task_subtopologies for store in sub.stores}
        # All in one request: hundreds of queries may start together.
        self.described = self.admin.describe_topics(sorted({*topology.source_topics, *named, *own}))
        found = {topic: len(row.partitions) for topic, row in self.described.items()}
        counts = {topic: found.get(topic) or self.admin.partitions_for(topic) for topic in topology.source_topics}
        check_copartitioned(topology, counts)
        safety = {"min.insync.replicas": str(config.min_in_sync)} if config.min_in_sync else {}
        counts |= create_internal_topics(
            self.admin,
            topology,
            counts,
            config.replication_factor,
            {**safety, **config.topic_configs},
            config.changelog_extra_retention_ms,
            existing=found,
        )
        for topic in named - counts.keys():
            counts[topic] = found.get(topic) or self.admin.partitions_for(topic)
        letters = config.errors.dead_letter_topic
        if letters is not None:
            self.admin.create_topic(NewTopic(letters, 1, config.replication_factor), exist_ok=True)
            counts[letters] = self.admin.partitions_for(letters)
        return counts

    def _size_limits(self) -> dict[str, int]:
        """How large records of result and repartition topics may be, where that may be seen."""
        letters = self.config.errors.dead_letter_topic
        topics = {node.topic for node in self.topology.nodes.values() if isinstance(node, n.Sink | n.Repartition)}
        found: dict[str, int] = {}
        for topic in sorted({*topics, letters} - {None}, key=str):
            try:
                limit = self.admin.topic_setting(str(topic), "max.message.bytes")
            except BrokerError as error:
                logger.info("How large records of %s may be is not known: %s", topic, error)
                continue
            if limit is not None:
                found[str(topic)] = int(limit)
        return found

    def _loop(self) -> None:
        host = self.host
        while not host.stopping.is_set() and not host.is_outdated():
            self.membership.poll()
            self.shutting_down.check()
            if host.paused or not host.tasks:
                if host.paused and host.figures.state == "RUNNING":
                    self._commit()
                    host.figures.state = "PAUSED"
                self.membership.wait(IDLE_SECONDS * self.config.client.patience)
                continue
            host.figures.state = "RUNNING"
            with self.sensors.timed("poll"):
                chunks = self.fetcher.poll(self._wait_seconds(), POLL_BYTES)
            with host.step(), self.producer.together():
                for chunk in chunks:
                    task = self._task_of(chunk.partition)
                    if task is not None:
                        task.add(chunk)
                        self.idling.arrived(chunk.partition)
                        self._hold_back(task, chunk.partition)
                count = run_tasks(host.tasks.values(), self.sensors["process"])
                self.outputs.send_rows()
                self.dirty = self.dirty or count > 0 or bool(chunks)
                host.figures.records += count
                self._let_go()
                delta_bytes = sum(task.delta_bytes for task in host.tasks.values())
            is_due = time.monotonic() - self.last_commit >= self.config.commit_seconds
            if is_due or delta_bytes > self.config.delta_bytes_max or any(t.wants_commit for t in host.tasks.values()):
                self._commit()
            self.producer.poll()
            host.measure()
        if host.tasks:
            self._commit()

    def _hold_back(self, task: Task, partition: TopicPartition) -> None:
        """Fetch no more of a partition of which many records wait, for others to come first or for their turn."""
        if task.waiting(partition) > WAITING_RECORDS_MAX and partition not in self.paused:
            self.fetcher.pause([partition])
            self.paused.add(partition)

    def _let_go(self) -> None:
        ready = {p for p in self.paused if (t := self._task_of(p)) is None or t.waiting(p) <= WAITING_RECORDS_MAX}
        if ready:
            self.paused -= ready
            self.fetcher.resume(ready & self.fetcher.assignment())

    def _wait_seconds(self) -> float:
        if any(task.buffered for task in self.host.tasks.values()):
            return 0.01
        # Records, events of the group and the end of the query wake it.
        longest = POLL_SECONDS * self.config.client.patience
        until_commit = self.last_commit + self.config.commit_seconds - time.monotonic()
        return max(0.0, min(longest, until_commit)) if self.dirty else longest

    def _task_of(self, partition: TopicPartition) -> Task | None:
        for task in self.host.tasks.values():
            if task.id.partition == partition.partition and partition.topic in task.subtopology.sources:
                return task
        return None

    def _has_more(self, partition: TopicPartition) -> bool:
        end = self.fetcher.end_offset(partition)
        position = self.fetcher.position(partition)
        return end < 0 or position < 0 or position < end

    # ---- assignment ----

    def _assigned(self, assignment: bytes, generation: GroupGeneration) -> None:
        host = self.host
        if self.shutting_down.assigned(assignment, self.assignor, self.membership):
            return
        task_ids = decode_tasks(assignment)
        try:
            opening = self._opener().open(task_ids)
        except RestoreInterrupted:
            logger.info("The restore of %s goes on after the rebalance", self.application_id)
            return
        fresh = {p: self._reset_offset(p) for task in opening for p in task.inputs if p not in task.positions}
        listed = self.admin.list_offsets(fresh, described=self.described) if fresh else {}
        begins = {p: row.offset for p, row in listed.items()}
        if empty := {p: LATEST for p, offset in begins.items() if offset < 0}:  # nothing is as young as was asked for
            begins |= {p: row.offset for p, row in self.admin.list_offsets(empty).items()}
        limit = self.config.cache_max_bytes
        self.cache_budget = None if limit is None else CacheBudget(limit)
        tasks = {task.id: self._run_task(task, begins) for task in opening}
        self.opened = [OpenTask(tasks[task.id], task.name, task.changelogs, task.group) for task in opening]
        with host.step():
            host.tasks = tasks
            host.generation_id = generation.generation_id
        host.figures.tasks = len(tasks)
        self.sensors.tasks_created += len(tasks)
        self._note_changelogs()
        host.figures.state = "RUNNING" if tasks or not host.paused else "REBALANCING"
        self.last_commit = time.monotonic()
        self.paused.clear()
        self.fetcher.assign({p: offset for task in tasks.values() for p, offset in task.positions.items()})
        if fresh:
            self._commit_start(generation, fresh)

    def _opener(self) -> TaskOpener:
        return TaskOpener(
            self.topology,
            self.host.database,
            self.offsets,
            self.admin,
            self._restore,
            exactly_once=self.config.exactly_once,
        )

    def _restore(self, jobs: Sequence[RestoreJob]) -> None:
        host = self.host
        if not jobs:
            return
        host.figures.state = "RESTORING"

        def interrupted() -> bool:
            return self.membership.keep_alive() or host.stopping.is_set()

        listener = self.config.restore_listener
        Restorer(self.config.client, host.database, interrupted, host.figures.restore, listener=listener).run(jobs)

    def _run_task(self, opening: OpeningTask, begins: dict[TopicPartition, int]) -> Task:
        positions = {p: opening.positions[p] if p in opening.positions else begins[p] for p in opening.inputs}
        common = (
            self.topology,
            opening.subtopology,
            opening.id,
            opening.stores,
            self.outputs,
            positions,
            self.idling.waits,
            self.host.report,
        )
        options: dict[str, Any] = {
            "caching": self.config.caching,
            "emit_interval_ms": self.config.emit_interval_ms,
            "outer_interval_ms": self.config.outer_interval_ms,
            "errors": self.errors,
            "shared_stores": self.host.shared_stores,
        }
        rows_only: dict[str, Any] = {
            "app_configs": self.config.app_configs,
            "punctuations": self.sensors["punctuate"],
            "cache_budget": self.cache_budget,
        }
        task: Task
        why = reason_for_rows(self.topology, opening.subtopology, caching=self.config.caching)
        bounded = self.cache_budget is not None and any(spec.caching for spec in opening.subtopology.stores)
        if why or bounded or self.config.every_change or self._passes_failures(opening.subtopology):
            task = RunningTask(*common, every_change=self.config.every_change, **rows_only, **options)
        else:
            task = ColumnarTask(*common, **options)
        task.resume(opening.progress)
        return task

    def _passes_failures(self, subtopology: Subtopology) -> bool:
        """Tell whether records for which a function of the program fails are passed: which they are rows tell."""
        calls = any(isinstance(node, n.Operator) and node.may_fail for node in subtopology.nodes)
        return calls and self.config.errors.processing != "fail"

    def _commit_start(self, generation: GroupGeneration, fresh: Collection[TopicPartition]) -> None:
        """Commit where new partitions begin before any of their records is processed.

        Without it a task that ends before its first commit would find its changelog, no position to go with it, and
        count what is in both twice.  And records that come while it is away would be skipped with ``latest``.  Other
        partitions have offsets, and beside them the progress of their tasks, which whoever takes them over needs.
        """
        starts = [{p: offset for p, offset in opened.task.positions.items() if p in fresh} for opened in self.opened]
        if not self.config.exactly_once:
            positions = local_of(self.opened, lambda _partition: None, SYSTEM_CLOCK.time_ms())
            self.host.database.commit([], positions)
        try:
            self.offsets.commit({p: offset for start in starts for p, offset in start.items()}, generation)
            for opened, start in zip(self.opened, starts, strict=True):
                opened.group = opened.group | start
        except BrokerError as error:
            logger.info("Start positions are not committed before the first commit: %s", error)

    def _reset_offset(self, partition: TopicPartition) -> int:
        own = reset_of(self.topology, partition.topic)
        if isinstance(own, int):
            return SYSTEM_CLOCK.time_ms() - own
        if own is not None:
            return EARLIEST if own == "earliest" else LATEST
        internal = {node.topic for node in self.topology.repartition_nodes}
        tables = {s.changelog_topic for s in self.topology.stores}
        earliest = partition.topic in internal or partition.topic in tables
        return EARLIEST if earliest or self.config.auto_offset_reset == "earliest" else LATEST

    def _revoked(self, lost: bool) -> None:
        host = self.host
        if host.tasks and not lost:
            try:
                self._commit()
            except BrokerError as error:
                if self.config.exactly_once:
                    raise  # what was not committed is dropped with everything else
                logger.warning("Offsets were not committed before a rebalance: %s", error)
        elif isinstance(self.producer, TransactionalProducer) and self.producer.is_open:
            self.producer.abort()
        with host.step():
            self._close_tasks()
        self.opened = []
        self._note_changelogs()
        self.dirty = False
        host.figures.tasks = 0
        self._rebalancing()
        self.fetcher.assign({})

    def _close_tasks(self) -> None:
        for task in self.host.tasks.values():
            task.close()
        self.sensors.tasks_closed += len(self.host.tasks)
        self.host.tasks = {}

    # ---- commit ----

    def _commit(self) -> None:
        host = self.host
        self._measure_lag()
        if self.dirty:
            with self.sensors.timed("commit"):
                self.commits.commit(self.opened, self.membership.generation(), host.step)
            self.dirty = False
            host.figures.commits += 1
            self._note_changelogs()
            self._purge()
        self.last_commit = time.monotonic()

    def _purge(self) -> None:
        """Delete what was processed of repartition topics, from time to time."""
        if time.monotonic() - self.last_purge < self.config.purge_interval_ms / 1000:
            return
        self.last_purge = time.monotonic()
        internal = {node.topic for node in self.topology.repartition_nodes}
        done = {
            partition: offset
            for opened in self.opened
            for partition, offset in opened.task.positions.items()
            if partition.topic in internal and offset > 0
        }
        try:
            if done:
                self.admin.delete_records(done)
        except BrokerError as error:
            logger.info("Processed records of repartition topics are deleted later: %s", error)

    def _note_changelogs(self) -> None:
        self.host.figures.changelogs = [
            ChangelogPosition(store, *changelog.partition, changelog.next_offset)
            for opened in self.opened
            for store, changelog in opened.changelogs.items()
        ]

    def _measure_lag(self) -> None:
        lag = 0
        dropped: dict[str, int] = {}
        for task in self.host.tasks.values():
            for partition in task.inputs:
                end = self.fetcher.high_watermark(partition)
                if end >= 0 and partition in task.positions:
                    lag += max(0, end - task.positions[partition])
            for reason, count in task.dropped.items():
                dropped[reason] = dropped.get(reason, 0) + count
        self.host.figures.lag_records = lag
        self.host.figures.dropped = dropped


def reset_of(topology: Topology, topic: str) -> str | int | None:
    """Return where the source of a topic wants to begin."""
    sources = (node for node in topology.nodes.values() if isinstance(node, n.Source) and node.topic == topic)
    return next((node.offset_reset for node in sources if node.offset_reset is not None), None)
