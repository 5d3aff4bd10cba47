"""Asynchronous functions of values: many calls at once, results in order.

    record ─▶ call begins ──┐  at most max_in_flight calls at once; the next record waits for a place
    record ─▶ call begins ──┤
                            └─▶ results, of each key in the order of its records ─▶ forwarded
    commit: waits for all calls first, so that a committed offset never stands behind a record without its result

The calls run in an event loop in a thread of its own, shared by all operators of the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any

from kappaflow.errors import StreamsError
from kappaflow.streams.processors.base import Processor, TaskContext
from kappaflow.streams.record import Record

AsyncFunction = Callable[[Any, Any], Awaitable[Any]]


class _Loop:
    """An event loop in a thread, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, call: Awaitable[Any], timeout_s: float) -> Future[Any]:
        """Begin a call."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="kappaflow-async", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(_within(call, timeout_s), self._loop)


async def _within(call: Awaitable[Any], timeout_s: float) -> Any:
    return await asyncio.wait_for(call, timeout_s)


_LOOP = _Loop()


@dataclass(frozen=True, slots=True)
class _Call:
    record: Record
    result: Future[Any]


class AsyncValuesProcessor(Processor):
    """Gives records the values that an asynchronous function makes of them.

    Args:
        function: of key and value.
        max_in_flight: calls at once.
        timeout_ms: of one call.
        by_key: only records of one key keep their order; otherwise all do.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        function: AsyncFunction,
        *,
        max_in_flight: int,
        timeout_ms: int,
        by_key: bool,
    ) -> None:
        super().__init__(name, context)
        self._function = function
        self._max_in_flight = max_in_flight
        self._timeout_ms = timeout_ms
        self._by_key = by_key
        self._calls: list[_Call] = []
        context.pollers.append(self._poll)

    def process(self, record: Record, port: int = 0) -> None:
        """Begin a call; wait for a place first."""
        while len(self._calls) >= self._max_in_flight and not self._poll():
            wait([call.result for call in self._calls], return_when=FIRST_COMPLETED)
        try:
            awaitable = self._function(record.key, record.value)
        except Exception as error:
            raise self._failure(record, error) from error
        if not asyncio.iscoroutine(awaitable):
            raise StreamsError(f"The function of {self.name} is not asynchronous: define it with async def.")
        self._calls.append(_Call(record, _LOOP.submit(awaitable, self._timeout_ms / 1000)))
        self.context.in_flight += 1

    def _poll(self) -> bool:
        """Forward the results whose turn it is; tell whether there were any."""
        kept: list[_Call] = []
        ready: list[_Call] = []
        waiting: set[Any] = set()
        for call in self._calls:
            key = _hashable(call.record.key) if self._by_key else None
            if call.result.done() and key not in waiting:
                ready.append(call)
            else:
                waiting.add(key)
                kept.append(call)
        self._calls = kept
        self.context.in_flight -= len(ready)
        for call in ready:
            error = call.result.exception()
            if error is not None:
                self._failed(self._failure(call.record, error), error)
                continue
            self.forward(call.record.with_value(call.result.result()))
        return bool(ready)

    def _failed(self, failure: StreamsError, cause: BaseException) -> None:
        """Let a handler decide about the record of a call, which is not the one that is processed."""
        failure.__cause__ = cause
        if self.context.on_failure is None:
            raise failure
        self.context.on_failure(self.name, failure)

    def _failure(self, record: Record, error: BaseException) -> StreamsError:
        what = f"{type(error).__name__}: {error}"
        if isinstance(error, TimeoutError):
            what = f"it took longer than timeout_ms={self._timeout_ms}"
        place = f"{record.topic}-{record.partition}@{record.offset}: " if record.offset >= 0 else ""
        return StreamsError(f"The function of {self.name} fails for {place}key {record.key!r}: {what}")

    def flush_cache(self) -> None:
        """Wait for all calls and forward their results, before a commit."""
        while self._calls:
            wait([call.result for call in self._calls], return_when=FIRST_COMPLETED)
            self._poll()

    def close(self) -> None:
        """Give up calls that nobody waits for any more; their records are processed again."""
        for call in self._calls:
            call.result.cancel()
        self.context.in_flight -= len(self._calls)
        self._calls.clear()


def _hashable(key: Any) -> Any:
    try:
        hash(key)
    except TypeError:
        return repr(key)
    return key
