"""The thread that runs one query in a worker: join the group, fetch, process, commit.

created ─start─▶ rebalancing ─▶ restoring ─▶ running ◀─resume/pause─▶ paused
                      ▲                         │
                      │ after a back-off  error │
                      └────────── error ◀───────┘          (stop works in every state)
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Literal

from kappaflow.client.offsets import GroupGeneration
from kappaflow.errors import BrokerError, KappaError, RecordFailedError, ShutdownRequested
from kappaflow.state import OrderedStore
from kappaflow.state.database import StateDatabase
from kappaflow.streams.execution.query_figures import QueryFigures
from kappaflow.streams.execution.session import Session, Task
from kappaflow.streams.execution.streams_config import StreamsConfig
from kappaflow.streams.execution.task_assignor import TaskId
from kappaflow.streams.topology import Topology
from kappaflow.wire.error_codes import ErrorCode

logger = logging.getLogger(__name__)
RESTART_FIRST_SECONDS = 0.5
RESTART_MAX_SECONDS = 60.0
FORGIVEN_SECONDS = 3.0
FORGIVEN_RATIO = 5
Answer = Literal["replace", "end", "end all"]
"""What follows a failure: the session begins anew; the thread ends; it ends when it has asked all members to."""
LOST_PLACE_CODES = frozenset(
    {
        ErrorCode.UNKNOWN_MEMBER_ID,
        ErrorCode.ILLEGAL_GENERATION,
        ErrorCode.REBALANCE_IN_PROGRESS,
        ErrorCode.INVALID_PRODUCER_EPOCH,
        ErrorCode.PRODUCER_FENCED,
    }
)
"""Others have the tasks, or are about to get them.  Source: where Kafka Streams has its TaskMigratedException."""


class StreamThread:
    """Runs one topology until it is stopped.

    Args:
        on_error: told where a record failed and why; the record is dropped.
        shared_stores: stores that all tasks see, by name.
        on_failure: told why a session ended, and says whether the thread begins anew after a back-off, ends, or asks
            all members of the group to end before.
        newer: gives the topology of the topics that there are now, where it reads others than this one.

    Attributes:
        leaving: whether `stop` takes this member out of the group.
        shuts_down_all: whether its session only asks all members of the group to end.
        generation_id: of the group, by which the tasks were assigned; tasks of one generation are disjoint and all.
    """

    def __init__(
        self,
        topology: Topology,
        config: StreamsConfig,
        database: StateDatabase,
        on_error: Callable[[str, KappaError], None] | None = None,
        shared_stores: Mapping[str, OrderedStore] | None = None,
        on_failure: Callable[[Exception], Answer] | None = None,
        newer: Callable[[Topology], Topology | None] | None = None,
    ) -> None:
        self.topology = topology
        self.config = config
        self.database = database
        self.figures = QueryFigures()
        self.tasks: dict[TaskId, Task] = {}
        self._on_error = on_error
        self._on_failure = on_failure
        self._newer = newer
        self._looked_at = time.monotonic()
        self.shared_stores: Mapping[str, OrderedStore] = shared_stores or {}
        self.leaving = False
        self.shuts_down_all = False
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

    def stop(self, timeout_seconds: float = 10.0, *, leave: bool = False) -> None:
        """Commit what is processed and end.

        Args:
            leave: whether the group is told, as the query ends for good; otherwise it keeps the tasks for this
                member until its session ends.
        """
        self.leaving = leave
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
                Session(self).run()
            except ShutdownRequested as error:
                self._end_with(error)
                return
            except KappaError as error:
                if isinstance(error, RecordFailedError):  # where in the program it failed
                    logger.warning("%s", error, exc_info=error)
                failure: Exception = error
            except Exception as error:
                logger.exception("Query %s failed", self.topology.application_id)
                failure = error
            else:
                continue  # it is to end, or to begin anew with other topics
            if isinstance(failure, BrokerError) and failure.code in LOST_PLACE_CODES:
                self._lost_place(failure)
            elif not self._goes_on_after(failure):
                return
            # A session that lasted, measured by the wait, did not fail at its start.
            if time.monotonic() - started >= max(FORGIVEN_SECONDS, FORGIVEN_RATIO * backoff):
                backoff = RESTART_FIRST_SECONDS
            self._stopping.wait(backoff)
            backoff = min(backoff * 2, RESTART_MAX_SECONDS)
            self.figures.restarts += 1
        self.figures.state = "STOPPED"

    def is_outdated(self) -> bool:
        """Look now and then whether there are other topics to read, and take them up: the session has to begin anew."""
        now = time.monotonic()
        if self._newer is None or now - self._looked_at < self.config.metadata_max_age_ms / 1000:
            return False
        self._looked_at = now
        found = self._newer(self.topology)
        if found is None:
            return False
        logger.info("%s reads %s from now on", found.application_id, ", ".join(sorted(found.source_topics)))
        self.topology = found
        return True

    def _lost_place(self, error: BrokerError) -> None:
        """The group went on without this member: nothing failed, it joins again and takes what it is given then."""
        self.figures.tasks = 0
        self.figures.state = "REBALANCING"
        logger.warning("%s lost its place in the group and joins again: %s", self.topology.application_id, error)

    def _goes_on_after(self, error: Exception) -> bool:
        if self.shuts_down_all:  # the brokers do not answer: it goes on asking
            logger.warning("%s could not ask all instances to end yet: %s", self.topology.application_id, error)
            return True
        answer: Answer = "replace" if self._on_failure is None else self._on_failure(error)
        self._failed(error, goes_on=answer == "replace")
        self.shuts_down_all = answer == "end all"
        return answer != "end"

    def _end_with(self, error: ShutdownRequested) -> None:
        """All members of the group end: what failed in this one, if anything did, stays what is told."""
        if not self.shuts_down_all:
            self._failed(error, goes_on=False)
        if self._on_failure is not None:
            self._on_failure(error)

    def _failed(self, error: Exception, *, goes_on: bool) -> None:
        self.figures.tasks = 0
        self.figures.error = str(error)
        self.figures.state = "ERROR"
        what = "stopped and will restart" if goes_on else "ends"
        logger.warning("%s %s: %s", self.topology.application_id, what, error)

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
