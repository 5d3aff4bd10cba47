"""When appended records become durable: never, every so often, or before they are acknowledged.

    none       the operating system decides; survives the end of the process, not a power loss
    interval   a background sync every `interval_ms`
    group      acknowledgements wait for a sync; all that arrive during one share the next

A topic may ask for more under any policy: flush.messages (acknowledgements wait, once so many are not durable) and
flush.ms (a background sync at most so much later).

Syncs run in one thread, so the thread that appends never waits for the disk. A sync that fails is fatal: after it
nobody knows what is on the disk, so it is reported once and every waiter gets an error.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from kappaflow.errors import StorageError
from kappaflow.runtime.clock import SYSTEM_CLOCK


class FlushMode(Enum):
    """The three policies."""

    NONE = "none"
    INTERVAL = "interval"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class FlushPolicy:
    """A policy and the period of `interval`."""

    mode: FlushMode = FlushMode.NONE
    interval_ms: int = 1_000


class Syncable(Protocol):
    """What the flusher syncs: a partition log."""

    @property
    def recovery_point(self) -> int:
        """Everything before this offset is durable."""
        ...

    @property
    def flush_is_due(self) -> bool:
        """Whether so much is not durable that acknowledgements wait for a sync under any policy."""
        ...

    @property
    def flush_ms(self) -> int | None:
        """How long appended records may wait for a background sync under any policy; None for as long as it likes."""
        ...

    def sync(self) -> None:
        """Make everything appended so far durable."""
        ...


class Flusher:
    """One thread that syncs the logs of a data directory.

    Args:
        policy: when to sync.
        on_failure: called from the flusher's thread, once, with a message for people when a sync has failed.
    """

    def __init__(self, policy: FlushPolicy, on_failure: Callable[[str], None] | None = None) -> None:
        self.policy = policy
        self.failure: StorageError | None = None
        self._on_failure = on_failure
        self._condition = threading.Condition()
        self._requested: dict[Syncable, None] = {}
        self._dirty: dict[Syncable, None] = {}
        self._due_at: float | None = None
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._thread: threading.Thread | None = None
        self._closing = False

    def appended(self, log: Syncable) -> None:
        """Note that `log` has records that are not durable."""
        wait_ms = log.flush_ms
        if self.policy.mode is FlushMode.INTERVAL:
            wait_ms = self.policy.interval_ms if wait_ms is None else min(wait_ms, self.policy.interval_ms)
        if wait_ms is None or log in self._dirty:
            return
        due_at = SYSTEM_CLOCK.monotonic_s() + wait_ms / 1000
        with self._condition:
            self._dirty[log] = None
            if self._due_at is None or due_at < self._due_at:
                self._due_at = due_at
                self._condition.notify()
            self._start()

    def request(self, log: Syncable) -> None:
        """Have `log` synced soon; nobody waits."""
        with self._condition:
            self._requested[log] = None
            self._start()
            self._condition.notify()

    def wait_durable(self, log: Syncable, offset: int) -> asyncio.Future[None]:
        """Have `log` synced where the policy asks for it; done when all its records before `offset` are durable.

        The sync is asked for at once, so that several logs share one.

        Raises:
            StorageError: the disk failed, here or from the future; the records may be lost.
        """
        if self.failure is not None:
            raise self.failure
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if log.recovery_point >= offset or not (self.policy.mode is FlushMode.GROUP or log.flush_is_due):
            future.set_result(None)
            return future
        with self._condition:
            self._requested[log] = None
            self._waiters.append((loop, future))
            self._start()
            self._condition.notify()
        return future

    def forget(self, log: Syncable) -> None:
        """Drop a log that was deleted."""
        with self._condition:
            self._requested.pop(log, None)
            self._dirty.pop(log, None)

    def close(self) -> None:
        """Do what was asked for, then end the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._condition:
                # Who waits for a log that is deleted meanwhile is answered, too.
                while not self._requested and not self._waiters and not self._closing:
                    left = None if self._due_at is None else self._due_at - SYSTEM_CLOCK.monotonic_s()
                    if left is not None and left <= 0:
                        break
                    self._condition.wait(left)
                closing = self._closing
            self.sync_requested()
            if closing:
                return

    def sync_requested(self) -> None:
        """Sync what was asked for, and tell those who wait; the thread's work, or that of who does without one."""
        with self._condition:
            logs = self._requested | self._dirty
            waiters = self._waiters
            self._requested, self._dirty, self._waiters, self._due_at = {}, {}, [], None
        try:
            # After one that failed a sync may succeed without the data: nothing is taken as durable any more.
            for log in logs if self.failure is None else ():
                log.sync()
        except OSError as error:
            if self.failure is None:
                self.failure = StorageError(
                    f"syncing a log to disk failed ({error.strerror or error}); records acknowledged since the last "
                    "sync may be lost. Check the disk, then start again: recovery keeps what is whole"
                )
                if self._on_failure is not None:
                    self._on_failure(str(self.failure))
        except BaseException as error:
            self.failure = StorageError(f"syncing a log to disk ended with a defect: {error!r}; start again")
            raise
        finally:
            for loop, future in waiters:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_settle, future, self.failure)


def _settle(future: asyncio.Future[None], failure: StorageError | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)
