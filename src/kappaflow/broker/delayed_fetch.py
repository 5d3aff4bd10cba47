"""Fetches that wait for more records, or for their time to be over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from kappaflow.broker.topics import Partition


Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Reader(Protocol[Result_co]):
    """Reads on behalf of one fetch."""

    def read(self) -> Result_co:
        """Read everything again."""
        ...

    def is_satisfied(self) -> bool:
        """Whether the last read is to be answered."""
        ...


class DelayedFetch(Generic[Result]):
    """One waiting fetch; appends to its partitions wake it."""

    def __init__(self, partitions: Iterable[Partition], wait_seconds: float, reader: Reader[Result]) -> None:
        self._partitions = list(partitions)
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[Result] = self._loop.create_future()
        self._woken = False
        for partition in self._partitions:
            partition.waiters[self._wake] = None
        timer = self._loop.call_later(wait_seconds, self._time_is_over)
        # Also runs when the connection goes away and cancels the future.
        self._future.add_done_callback(lambda _: self._stop_waiting(timer))

    def result(self) -> asyncio.Future[Result]:
        """The answer."""
        return self._future

    def _stop_waiting(self, timer: asyncio.TimerHandle) -> None:
        timer.cancel()
        for partition in self._partitions:
            partition.waiters.pop(self._wake, None)

    def _wake(self) -> None:
        # One read for all appends of this turn of the loop.
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._try_again)

    def _try_again(self) -> None:
        self._woken = False
        if self._future.done():
            return
        response = self._reader.read()
        if self._reader.is_satisfied():
            self._future.set_result(response)

    def _time_is_over(self) -> None:
        if not self._future.done():
            self._future.set_result(self._reader.read())
