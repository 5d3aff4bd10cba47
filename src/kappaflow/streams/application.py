"""A topology of the streams library as a running application.

    KafkaStreams(topology, application_id=.., bootstrap_servers=..) ─ start() ─▶ global tables, then stream threads
                                                                    ─ close() ─▶ commit and end

Each thread is a member of the application's group and has a state database of its own; instances of one application
on several machines share its tasks.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

from kappaflow.client.admin import LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import (
    ConfigError,
    KappaError,
    ShutdownRequested,
    StateNotReady,
    StreamsError,
    TopologyError,
    UsageError,
)
from kappaflow.state.database import StateDatabase
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.execution.error_handling import ErrorPolicy
from kappaflow.streams.execution.global_tables import GlobalTables
from kappaflow.streams.execution.listeners import RestoreListener
from kappaflow.streams.execution.sensors import THREAD_SENSORS, figures_of, task_figures
from kappaflow.streams.execution.stream_thread import Answer, StreamThread
from kappaflow.streams.execution.streams_config import Guarantee, StreamsConfig
from kappaflow.streams.properties import arguments_of
from kappaflow.streams.read_only_store import ReadOnlyStore
from kappaflow.streams.topology import Topology as BoundTopology

logger = logging.getLogger(__name__)
State = Literal["CREATED", "REBALANCING", "RUNNING", "PENDING_SHUTDOWN", "NOT_RUNNING", "PENDING_ERROR", "ERROR"]
COMMIT_INTERVAL_MS: Mapping[Guarantee, int] = {"at_least_once": 30_000, "exactly_once_v2": 100}
ANSWERS: Mapping[str, Answer] = {
    "replace_thread": "replace",
    "shutdown_client": "end",
    "shutdown_application": "end all",
}
"""Of a handler of uncaught exceptions, and what they are to a thread."""
INSTANCE_FILE = "instance-id"
WAIT_SECONDS = 0.02
OVER = ("ERROR", "PENDING_ERROR", "PENDING_SHUTDOWN", "NOT_RUNNING")
"""States in which an application does not come to run any more."""


class ThreadMetadata(NamedTuple):
    """What a thread does.

    Attributes:
        tasks: their ids, such as ``0_1``.
    """

    state: str
    tasks: tuple[str, ...]


class KafkaStreams:
    """Runs a topology.  Names and defaults are Kafka Streams' own.

    Args:
        application_id: names the group, internal topics and transactions; all instances have the same.
        state_dir: where state is kept; the next start with the same directory goes on from it.
        num_stream_threads: members of the group in this process.
        processing_guarantee: ``at_least_once`` or ``exactly_once_v2``.
        commit_interval_ms: None is 30,000, and 100 with exactly-once.
        auto_offset_reset: where source topics without committed offsets begin.
        replication_factor: of internal topics; -1 is the brokers' default.
        topic_configs: settings of all internal topics, below what a store says with ``changelog_config``.
        security: settings for TLS and SASL, such as ``security_protocol``.
        errors: what to do with records that cannot be read, processed or written.
        uncaught_exception_handler: told what ended a thread, and answers ``replace_thread``, ``shutdown_client`` or
            ``shutdown_application``, which ends all instances. Without it, what a restart may mend (brokers that are
            away) is tried again, and an error in user code ends the client.
        caching: what aggregations and tables with a store give waits for a commit, which forwards the last change of
            each key; `Materialized(caching=False)` exempts a store.
        statestore_cache_max_bytes: what may wait for a commit in all threads of this instance, counted as Kafka Streams
            does; beyond that what was not used for longest is forwarded earlier, and the rest of its store with it. 0
            is `caching=False`. Tasks whose stores cache run in row form then. None has no such bound.
        every_change: changelogs get each change of a store, as from Kafka Streams; otherwise the last one of each key
            at a commit, which is the same once they are compacted, and less.
        max_task_idle_ms: how long a task waits for records of a partition that has none, before it takes those of
            others; 0 waits only for what the broker has, -1 not even for that.
        metadata_max_age_ms: how often topics are looked up that match a pattern of the topology; new ones are read
            from then on.
        state_listener: told what the application does now and what it did before, in the thread that changed it.
        restore_listener: told how stores are restored; see `RestoreListener`.
        repartition_purge_interval_ms: how often processed records of repartition topics are deleted.
        windowstore_changelog_additional_retention_ms: how much longer than their stores changelogs keep windows.
        app_configs: what processors see as ``context.app_configs``.

    Raises:
        ConfigError: the state directory is in use.
        TopologyError: the topology cannot run.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        application_id: str,
        bootstrap_servers: str,
        state_dir: str | Path,
        num_stream_threads: int = 1,
        processing_guarantee: Guarantee = "at_least_once",
        commit_interval_ms: int | None = None,
        auto_offset_reset: Literal["earliest", "latest"] = "earliest",
        replication_factor: int = -1,
        topic_configs: Mapping[str, str] | None = None,
        caching: bool = True,
        statestore_cache_max_bytes: int | None = None,
        session_timeout_ms: int = 45_000,
        security: Mapping[str, Any] | None = None,
        errors: ErrorPolicy | None = None,
        uncaught_exception_handler: Callable[[Exception], str] | None = None,
        every_change: bool = False,
        max_task_idle_ms: int = 0,
        metadata_max_age_ms: int = 300_000,
        state_listener: Callable[[State, State], None] | None = None,
        restore_listener: RestoreListener | None = None,
        repartition_purge_interval_ms: int = 30_000,
        windowstore_changelog_additional_retention_ms: int = 86_400_000,
        app_configs: Mapping[str, Any] | None = None,
    ) -> None:
        _check(topology, processing_guarantee, num_stream_threads, max_task_idle_ms)
        if statestore_cache_max_bytes is not None and statestore_cache_max_bytes < 0:
            raise ConfigError(f"statestore_cache_max_bytes is 0 or a size in bytes, not {statestore_cache_max_bytes}.")
        client = ClientConfig(bootstrap_servers, client_id=application_id, security=security or {})
        self._topology = topology
        self._bound = topology.bind(application_id, _topics(client) if topology.has_patterns else ())
        self._handler = uncaught_exception_handler
        self._directory = Path(state_dir) / application_id
        self._directory.mkdir(parents=True, exist_ok=True)
        interval = COMMIT_INTERVAL_MS[processing_guarantee] if commit_interval_ms is None else commit_interval_ms
        self._instance = _instance_id(self._directory)
        self._listener = state_listener
        self._told: State = "CREATED"
        self._telling = threading.Lock()
        self._databases: dict[StreamThread, StateDatabase] = {}
        self._globals = GlobalTables(self._bound, client, committed_only=processing_guarantee != "at_least_once")
        self._threads: list[StreamThread] = []
        self._ending = self._failing = self._closed = False
        shares = num_stream_threads + any(each.is_global for each in self._bound.subtopologies)
        self._config = StreamsConfig(
            client,
            commit_interval_ms=interval,
            auto_offset_reset=auto_offset_reset,
            caching=caching and statestore_cache_max_bytes != 0,
            cache_max_bytes=None if statestore_cache_max_bytes is None else statestore_cache_max_bytes // shares,
            replication_factor=replication_factor,
            session_timeout_ms=session_timeout_ms,
            guarantee=processing_guarantee,
            errors=errors or ErrorPolicy(),
            every_change=every_change,
            max_task_idle_ms=max_task_idle_ms,
            metadata_max_age_ms=metadata_max_age_ms,
            restore_listener=restore_listener,
            purge_interval_ms=repartition_purge_interval_ms,
            changelog_extra_retention_ms=windowstore_changelog_additional_retention_ms,
            topic_configs=topic_configs or {},
            app_configs=app_configs or {},
        )
        for _ in range(num_stream_threads):
            self._new_thread()

    @classmethod
    def from_properties(cls, topology: Topology, properties: Mapping[str, Any], **arguments: Any) -> KafkaStreams:
        """Return an application with the settings of Kafka Streams, by their names there.

        ``KafkaStreams.from_properties(topology, {"application.id": "a", "bootstrap.servers": "localhost:9092"})``

        Args:
            properties: see `kappaflow.streams.properties`; ``consumer.``, ``producer.``, ``admin.`` and ``topic.`` may
                stand before a name.
            arguments: as of the class; they go before properties.

        Raises:
            ConfigError: a property is missing, cannot be read, or is set elsewhere.
        """
        return cls(topology, **{**arguments_of(properties), **arguments})

    def _new_thread(self) -> StreamThread:
        """Make a thread with the first number that no other has, and the state directory of that number."""
        taken = {thread.config.instance_id for thread in self._threads}
        number = next(n for n in range(1, len(taken) + 2) if f"{self._instance}-{n}" not in taken)
        config = replace(self._config, instance_id=f"{self._instance}-{number}")
        database = StateDatabase(self._directory / f"thread-{number}")
        thread = StreamThread(
            self._bound,
            config,
            database,
            shared_stores=self._globals.stores,
            on_failure=self._goes_on,
            newer=self._newer if self._topology.has_patterns else None,
        )
        thread.figures.on_state = self._state_changed
        self._databases[thread] = database
        self._threads = [*self._threads, thread]
        return thread

    def _newer(self, topology: BoundTopology) -> BoundTopology | None:
        """Return the topology of the topics that match now; None where it reads the same, or none matches."""
        try:
            found = self._topology.bind(topology.application_id, _topics(self._config.client))
        except TopologyError as error:
            logger.warning("%s goes on with the topics it had: %s", topology.application_id, error)
            return None
        if found.source_topics == topology.source_topics:
            return None
        self._bound = found
        return found

    def _state_changed(self) -> None:
        """Tell the listener what the application does now, where that is something else than before."""
        if self._listener is None:
            return
        with self._telling:
            before, self._told = self._told, self.state
            if before != self._told:
                self._listener(self._told, before)

    # ---- life ----

    def start(self) -> None:
        """Read the global tables, then start the threads.

        Raises:
            KappaError: a global table cannot be read.
        """
        self._globals.start()
        for thread in self._threads:
            thread.start()

    def close(self, *, leave: bool = False) -> None:
        """Commit what is processed and end; safe to call twice.

        Args:
            leave: tell the group that this instance is gone for good, so that others take its tasks at once.
        """
        if self._ending:
            return
        self._ending = True
        for thread in self._threads:
            thread.stopping.set()
        self._state_changed()
        for thread in self._threads:
            if thread.figures.state != "CREATED":
                thread.stop(leave=leave)
        self._globals.stop()
        for database in self._databases.values():
            database.close()
        self._databases.clear()
        self._closed = True
        self._state_changed()

    def clean_up(self) -> None:
        """Delete the state of this instance on its disk; what it needs is restored from changelogs at the next start.

        Raises:
            StreamsError: the application runs.
        """
        if self.state not in ("CREATED", "NOT_RUNNING"):
            raise StreamsError(f"{self._bound.application_id} is {self.state}: its state is deleted before it starts.")
        for thread in self._threads:
            database = self._databases.get(thread)
            if database is not None:
                database.drop_application(self._bound.application_id)
        if self._closed:
            for folder in self._directory.glob("thread-*"):
                shutil.rmtree(folder)

    # ---- threads ----

    def add_stream_thread(self) -> str | None:
        """Add a thread, which takes some of the tasks, and return its name; None where the application has ended."""
        if self._ending:
            return None
        thread = self._new_thread()
        if any(each.figures.state != "CREATED" for each in self._threads):
            thread.start()
        return thread.config.instance_id

    def remove_stream_thread(self, timeout_seconds: float = 60.0) -> str | None:
        """End the thread that was added last, and return its name; others take its tasks at once.

        Its state directory stays, for the next thread that gets its number. None where there is no thread left, or the
        application has ended.
        """
        if self._ending or not self._threads:
            return None
        *rest, thread = self._threads
        self._threads = rest
        if thread.figures.state != "CREATED":
            thread.stop(timeout_seconds, leave=True)
        self._databases.pop(thread).close()
        self._state_changed()
        return thread.config.instance_id

    def __enter__(self) -> KafkaStreams:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _goes_on(self, error: Exception) -> Answer:
        answer = self._answer_to(error)
        if answer == "end all":
            self._failing = True
            self._state_changed()
        elif answer == "end":
            # The others end as well; this thread cannot wait for itself.
            self._failing = True
            for thread in self._threads:
                if not thread.shuts_down_all:
                    thread.leaving = isinstance(error, ShutdownRequested)
                    thread.stopping.set()
            self._state_changed()
        return answer

    def _answer_to(self, error: Exception) -> Answer:
        if isinstance(error, ShutdownRequested):
            return "end"
        if self._handler is None:
            return "replace" if isinstance(error, KappaError) and not isinstance(error, StreamsError) else "end"
        said = self._handler(error)
        if said not in ANSWERS:
            logger.error("uncaught_exception_handler answers %s, not %r", ", ".join(ANSWERS), said)
        return ANSWERS.get(said, "end")

    # ---- to look at ----

    @property
    def state(self) -> State:
        """What the application does: of all threads the least advanced."""
        if self._closed:
            return "NOT_RUNNING"
        states = {thread.figures.state for thread in self._threads}
        if self._failing:
            return "ERROR" if states <= {"ERROR", "STOPPED", "CREATED"} else "PENDING_ERROR"
        if self._ending:
            return "PENDING_SHUTDOWN"
        if not states:
            return "REBALANCING"
        if "ERROR" in states:
            return "ERROR"
        if states <= {"RUNNING", "PAUSED"}:
            return "RUNNING"
        return "CREATED" if states == {"CREATED"} else "REBALANCING"

    @property
    def error(self) -> str:
        """What went wrong last; empty where nothing did."""
        return next((thread.figures.error for thread in self._threads if thread.figures.error), "")

    def wait_until_running(self, timeout_seconds: float = 60.0) -> None:
        """Return when all threads run.

        Raises:
            StreamsError: they do not in that time, or one failed.
        """
        deadline = time.monotonic() + timeout_seconds
        pause = threading.Event()
        while self.state != "RUNNING":
            if self.state in OVER or time.monotonic() > deadline:
                raise StreamsError(f"{self._bound.application_id} is {self.state}. {self.error}".strip())
            pause.wait(WAIT_SECONDS)

    @property
    def is_paused(self) -> bool:
        """Whether processing is paused."""
        return any(thread.paused for thread in self._threads)

    def pause(self) -> None:
        """Stop processing; state can still be read."""
        for thread in self._threads:
            thread.pause()

    def resume(self) -> None:
        """Go on processing."""
        for thread in self._threads:
            thread.resume()

    def store(self, name: str, *, partition: int | None = None) -> ReadOnlyStore:
        """Return the rows of a store that this instance has.

        Args:
            partition: of that task alone.

        Raises:
            StreamsError: the topology has no such store.
            StateNotReady: the application does not run.
        """
        if self.state == "CREATED" or self.state in OVER:
            raise StateNotReady(f"{self._bound.application_id} is {self.state}: its stores are read while it runs.")
        spec = next((spec for spec in self._bound.stores if spec.name == name), None)
        if spec is None:
            known = ", ".join(sorted(spec.name for spec in self._bound.stores)) or "none"
            raise StreamsError(f"The topology has no store {name}; it has {known}.")
        return ReadOnlyStore(self._threads, self._globals, spec, partition)

    @property
    def metrics(self) -> dict[str, int | float]:
        """Figures of all threads together, by Kafka Streams' names."""
        figures = [thread.figures for thread in self._threads]
        timed = {
            name: number
            for sensor in THREAD_SENSORS
            for name, number in figures_of(sensor, [each.sensors[sensor] for each in figures]).items()
        }
        return {
            **timed,
            "process-total": sum(each.records for each in figures),
            "commit-total": sum(each.commits for each in figures),
            "task-created-total": sum(each.sensors.tasks_created for each in figures),
            "task-closed-total": sum(each.sensors.tasks_closed for each in figures),
            "dropped-records-total": sum(sum(each.dropped.values()) for each in figures),
            "alive-stream-threads": sum(each.state not in ("CREATED", "STOPPED", "ERROR") for each in figures),
            "failed-stream-threads": sum(each.state == "ERROR" for each in figures),
            "records-lag": sum(each.lag_records for each in figures),
        }

    def task_metrics(self) -> dict[str, dict[str, int | float]]:
        """Return figures of each task of this instance, by its id and by Kafka Streams' names of task metrics."""
        found: dict[str, dict[str, int | float]] = {}
        for thread in self._threads:
            with thread.reading() as tasks:
                for task_id, task in (tasks or {}).items():
                    found[str(task_id)] = {
                        "process-total": task.records_processed,
                        "dropped-records-total": sum(task.dropped.values()),
                        "active-buffer-count": task.buffered,
                        **task_figures(task.sensor, task.latency, task.lateness),
                    }
        return found

    def local_threads(self) -> dict[str, ThreadMetadata]:
        """Return what each thread of this instance does and which tasks it has, by its name."""
        found: dict[str, ThreadMetadata] = {}
        for thread in self._threads:
            with thread.reading() as tasks:
                held = tuple(sorted(str(task_id) for task_id in tasks or {}))
            found[thread.config.instance_id or ""] = ThreadMetadata(thread.figures.state, held)
        return found

    def local_store_lags(self) -> dict[str, dict[int, int]]:
        """Return how many records of its changelog each store of this instance lacks, by store and partition.

        Raises:
            BrokerError: the brokers do not answer.
        """
        at = {
            (each.store, TopicPartition(each.topic, each.partition)): each.offset
            for thread in self._threads
            for each in thread.figures.changelogs
        }
        if not at:
            return {}
        with Admin(self._config.client) as admin:
            ends = admin.list_offsets({partition: LATEST for _, partition in at})
        found: dict[str, dict[int, int]] = {}
        for (store, partition), offset in at.items():
            found.setdefault(store, {})[partition.partition] = max(0, ends[partition].offset - offset)
        return found

    def store_metrics(self) -> dict[str, dict[str, dict[str, int | float]]]:
        """Return figures of each store of this instance, by task and name of the store.

        ``put-total``, ``delete-total`` and ``get-total`` count what operators asked of it since its task began; what
        columns fold in memory counts where the store takes it.
        """
        found: dict[str, dict[str, dict[str, int | float]]] = {}
        for thread in self._threads:
            with thread.reading() as tasks:
                for task_id, task in (tasks or {}).items():
                    found[str(task_id)] = {name: store.figures() for name, store in task.stores.items()}
        return found


def _check(topology: Any, guarantee: str, threads: int, idle_ms: int) -> None:
    """Refuse arguments that cannot be used."""
    if not isinstance(topology, Topology):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"KafkaStreams runs a Topology, not a {type(topology).__name__}: call build() first.")
    if guarantee not in COMMIT_INTERVAL_MS:
        known = " or ".join(COMMIT_INTERVAL_MS)
        raise ConfigError(f"processing_guarantee is {known}, not {guarantee}.")
    if threads < 1:
        raise ConfigError(f"num_stream_threads is at least 1, not {threads}.")
    if idle_ms < -1:
        raise ConfigError(f"max_task_idle_ms is -1, 0 or a time in milliseconds, not {idle_ms}.")


def _topics(client: ClientConfig) -> list[str]:
    with Admin(client) as admin:
        return list(admin.list_topics())


def _instance_id(directory: Path) -> str:
    """The name of this instance, which its state directory keeps."""
    path = directory / INSTANCE_FILE
    if not path.exists():
        path.write_text(uuid.uuid4().hex, encoding="ascii")
    return path.read_text(encoding="ascii").strip()
