"""Keep the running queries of a worker equal to what the command topic says."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

from kappaflow.client.connection import ClientConfig
from kappaflow.client.io_threads import IoThreads
from kappaflow.errors import ConfigError, KappaError
from kappaflow.server.configuration import ServerConfig
from kappaflow.server.functions.library import FunctionLibrary
from kappaflow.server.processing_log import ProcessingLog
from kappaflow.server.worker.error_policy import error_policy
from kappaflow.server.worker.interpreter import share_interpreter
from kappaflow.sql.engine import Engine
from kappaflow.sql.property_values import integer_of
from kappaflow.sql.queries import PersistentQuery, QueryState, application_id_of
from kappaflow.sql.settings import Settings
from kappaflow.state.database import StateDatabase
from kappaflow.streams.execution.stream_thread import StreamThread
from kappaflow.streams.execution.streams_config import Guarantee, StreamsConfig

logger = logging.getLogger(__name__)
COMMIT_INTERVAL_MS = 2000
SESSION_TIMEOUT_MS = 10_000
TRANSACTION_TIMEOUT_MS = 10_000
PURGE_INTERVAL_MS = 30_000
_EMIT_INTERVAL = "__emit.interval.ms.kstreams.windowed.aggregation__"
_OUTER_INTERVAL = "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__"
GUARANTEES: dict[str, Guarantee] = {"at_least_once": "at_least_once", "exactly_once_v2": "exactly_once_v2"}
CACHE_BYTES = 10 * 1024 * 1024


class RunningQueries:
    """The stream threads of a worker, by query id."""

    def __init__(
        self,
        config: ServerConfig,
        client: ClientConfig,
        index: int,
        database: StateDatabase,
        replication: int,
        library: FunctionLibrary,
        log: ProcessingLog,
    ) -> None:
        self.config = config
        self._io = IoThreads()
        self.client = replace(client, io=self._io)
        self.index = index
        self.database = database
        self.replication = replication
        self._library = library
        self._log = log
        self._code: dict[str, dict[str, str]] = {}
        self._threads: dict[str, StreamThread] = {}
        self._running: dict[str, PersistentQuery] = {}
        self._failed: dict[str, str] = {}
        self._lock = threading.Lock()
        self._advertised = ""
        self._configs: dict[tuple[tuple[str, str], ...], StreamsConfig] = {}

    def follow(self, engine: Engine) -> None:
        """Start, stop, replace, pause and resume threads until they match the engine's queries."""
        wanted = dict(engine.metastore.queries)
        self._io.expect(len(wanted))
        with self._lock:
            # A replaced query keeps its id, its group and its state; its topology is another one.
            for query_id in [known for known, query in self._running.items() if wanted.get(known) is not query]:
                self._stop(query_id, forget=query_id not in wanted)
            for query_id in [known for known, query in self._running.items() if self._has_new_code(query)]:
                self._stop(query_id, forget=False)
            for query_id, query in wanted.items():
                thread = self._threads.get(query_id)
                if query_id not in self._running:
                    self._running[query_id] = query
                    thread = self._start(query)
                if thread is not None:
                    if query.state is QueryState.PAUSED:
                        thread.pause()
                    else:
                        thread.resume()

    def _has_new_code(self, query: PersistentQuery) -> bool:
        """Tell whether a query has to start again, as a function that it calls has changed and still fits it."""
        versions = self._library.versions_of(query.functions)
        if versions == self._code.get(query.id, {}):
            return False
        self._code[query.id] = versions
        problem = self._library.missing(query.functions)
        if problem is not None and query.id in self._threads:
            logger.warning("Query %s goes on with the code that it has: %s", query.id, problem)
            return False
        return True

    def forget_state_of_others(self, engine: Engine) -> None:
        """Remove the state of queries that no longer exist, such as of one terminated while this worker was away."""
        service_id = self.config.service_id
        known = {query.application_id(service_id) for query in engine.metastore.queries.values()}
        ours = application_id_of(service_id, "")
        found = {task.rsplit("/", 1)[0] for task in self.database.tasks()}
        for application_id in sorted(found - known):
            if application_id.startswith(ours):
                self.database.drop_application(application_id)

    def _stop(self, query_id: str, *, forget: bool) -> None:
        query = self._running.pop(query_id)
        self._code.pop(query_id, None)
        self._failed.pop(query_id, None)
        thread = self._threads.pop(query_id, None)
        if thread is not None:
            thread.stop(leave=forget)
            share_interpreter(len(self._threads))
        if forget:
            self.database.drop_application(query.application_id(self.config.service_id))

    def _start(self, query: PersistentQuery) -> StreamThread | None:
        self._code[query.id] = self._library.versions_of(query.functions)
        try:
            if (problem := self._library.missing(query.functions)) is not None:
                raise ConfigError(problem)
            topology = query.build_topology(log=self._log.of_steps(query.id, query.source_topics, self._tell(query.id)))
            config = self._config_of(query.properties)
            config = replace(config, errors=replace(config.errors, listener=self._log.of_records(query.id)))
        except KappaError as error:
            logger.warning("Query %s cannot run: %s", query.id, error)
            self._failed[query.id] = str(error)
            return None
        except Exception as error:  # one query must not end the worker, which would meet it again at each start
            logger.exception("Query %s cannot run", query.id)
            self._failed[query.id] = f"It cannot be started: {error}"
            return None
        thread = StreamThread(topology, config, self.database, on_failure=self._log.of_thread(query.id))
        self._threads[query.id] = thread
        share_interpreter(len(self._threads))
        thread.start()
        return thread

    def _tell(self, query_id: str) -> Callable[[str, KappaError], None]:
        def tell(place: str, error: KappaError) -> None:
            if (thread := self._threads.get(query_id)) is not None:
                thread.report(place, error)

        return tell

    def streams_config(self, properties: dict[str, str], instance: str | None) -> StreamsConfig:
        """Return how a query runs: its own overrides above the server's properties."""
        settings = Settings(self.config.properties, properties)
        cache = settings.get("statestore.cache.max.bytes") or settings.get("cache.max.bytes.buffering")
        reset = settings.get("auto.offset.reset", "latest").lower()
        return StreamsConfig(
            self.client,
            commit_interval_ms=settings.integer("commit.interval.ms", COMMIT_INTERVAL_MS),
            auto_offset_reset="earliest" if reset == "earliest" else "latest",
            # Servers share queries, and each has its own worker 0.
            instance_id=f"{self.config.service_id}-{self._server_id}-{instance}" if instance else None,
            application_server=self._url(),
            guarantee=guarantee(settings),
            session_timeout_ms=settings.integer("session.timeout.ms", SESSION_TIMEOUT_MS),
            transaction_timeout_ms=settings.integer("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS),
            purge_interval_ms=settings.integer("repartition.purge.interval.ms", PURGE_INTERVAL_MS),
            # Who asks for final results, or for unmatched rows, should not have to wait for one record more.
            emit_interval_ms=settings.integer(_EMIT_INTERVAL, 0),
            outer_interval_ms=settings.integer(_OUTER_INTERVAL, 0),
            errors=error_policy(settings),
            caching=(integer_of("statestore.cache.max.bytes", cache) if cache else CACHE_BYTES) > 0,
            replication_factor=self.replication,
            min_in_sync=self.replication - 1 if self.replication > 1 else None,
        )

    def _config_of(self, properties: dict[str, str]) -> StreamsConfig:
        """As `streams_config`, kept: most queries have the same properties."""
        key = tuple(sorted(properties.items()))
        if key not in self._configs:
            self._configs = {key: self.streams_config(properties, f"worker-{self.index}")}
        return self._configs[key]

    @cached_property
    def _server_id(self) -> str:
        return self.config.server_id()

    def _url(self) -> str:
        """Where other servers reach this one, read once it is known."""
        self._advertised = self._advertised or self.config.advertised_url()
        return self._advertised

    def thread(self, query_id: str) -> StreamThread | None:
        """Return the thread of a query."""
        return self._threads.get(query_id)

    def status(self) -> dict[str, Any]:
        """Return the figures of all queries."""
        with self._lock:
            figures = {query_id: self._figures(thread) for query_id, thread in self._threads.items()}
        for query_id, error in self._failed.items():
            figures[query_id] = {"state": "ERROR", "error": error}
        return figures

    def _figures(self, thread: StreamThread) -> dict[str, Any]:
        thread.measure()
        figures, tasks = thread.figures, list(thread.tasks.values())
        return {
            "state": figures.state,
            "error": figures.error,
            "restarts": figures.restarts,
            "records": figures.records,
            "records_per_second": figures.records_per_second,
            "tasks": figures.tasks,
            "lag_records": figures.lag_records,
            "commits": figures.commits,
            "restored": figures.restore.done,
            "to_restore": figures.restore.total,
            "restore_seconds_left": figures.restore.seconds_left(time.monotonic()),
            "restore_seconds": figures.restore.seconds,
            "dropped_records": sum(figures.dropped.values()),
            "dropped": dict(figures.dropped),
            "problems": list(figures.problems),
            "stores": sorted({spec.name for task in tasks for spec in task.subtopology.stores}),
            "changelogs": [list(position) for position in figures.changelogs],
            "partitions": sorted({tuple(partition) for task in tasks for partition in task.inputs}),
        }

    def stop(self) -> None:
        """Stop all threads; each commits what it has processed."""
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.stopping.set()
        for thread in threads:
            thread.stop()
        self._io.close()


def guarantee(settings: Settings) -> Guarantee:
    """Return what ``processing.guarantee`` asks for.

    Raises:
        ConfigError: it is no guarantee that there is.
    """
    name = settings.get("processing.guarantee", "at_least_once").lower()
    found = GUARANTEES.get(name)
    if found is None:
        raise ConfigError(f"processing.guarantee is one of {', '.join(GUARANTEES)}, not {name}.")
    return found
