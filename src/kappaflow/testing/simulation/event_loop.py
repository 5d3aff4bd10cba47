"""Virtual time: event loops of simulated processes, run by one scheduler in an order that the seed decides.

    ready callbacks of all processes ── one is chosen ──▶ run ──▶ check
    none ready ── time jumps to the next timer ──┘

A process that is killed leaves its loop dead: nothing of it runs any more.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from contextvars import Context
from random import Random
from typing import Any

from kappaflow.runtime.clock import Clock

START_TIME_MS = 1_700_000_000_000


class ProcessKilled(BaseException):
    """The process ends here and now; nothing in it may catch this."""


class SimulationStuck(Exception):
    """Nothing is left to happen, or far too much did."""


class Scheduler:
    """Runs the callbacks of all processes in virtual time.

    Args:
        random: decides between processes that are ready at the same time.

    Attributes:
        now: seconds since the start.
        steps: callbacks run.
        set_forward_ms: by how much somebody has set the time of day forward; negative for back.
        after_step: called after every callback.
    """

    def __init__(self, random: Random) -> None:
        self.now = 0.0
        self.steps = 0
        self.set_forward_ms = 0
        self.after_step: Callable[[ProcessLoop], None] = lambda _: None
        self._random = random
        self._ready: list[ProcessLoop] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle, ProcessLoop]] = []
        self._timer_count = 0

    def wake(self, loop: ProcessLoop) -> None:
        """Note that a process has something to run."""
        if loop not in self._ready:
            self._ready.append(loop)

    def at(self, when: float, handle: asyncio.TimerHandle, loop: ProcessLoop) -> None:
        """Run a callback of a process at a time."""
        self._timer_count += 1
        heapq.heappush(self._timers, (when, self._timer_count, handle, loop))

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Do something outside of all processes after a time."""
        outside = ProcessLoop(self, "outside")
        outside.call_later(seconds, callback)

    def step(self) -> None:
        """Run one callback, after moving the time on where none is ready.

        Raises:
            SimulationStuck: there is none at all.
        """
        while True:
            self._fire_due()
            while self._ready:
                loop = self._ready[self._random.randrange(len(self._ready))] if len(self._ready) > 1 else self._ready[0]
                if loop.run_one():
                    self.steps += 1
                    self.after_step(loop)
                    return
                self._ready.remove(loop)
            if not self._timers:
                raise SimulationStuck("nothing is left to happen")
            self.now = max(self.now, self._timers[0][0])

    def _fire_due(self) -> None:
        while self._timers and self._timers[0][0] <= self.now:
            _, _, handle, loop = heapq.heappop(self._timers)
            if not handle.cancelled():
                loop.push(handle)

    def run_until(self, is_done: Callable[[], bool], *, steps_max: int = 2_000_000) -> None:
        """Run until something is so; may be called from within a callback, which then waits for the others.

        Raises:
            SimulationStuck: it does not come to pass.
        """
        for _ in range(steps_max):
            if is_done():
                return
            self.step()
        raise SimulationStuck(f"still not done after {steps_max} steps, at {self.now:.3f} s")


class SimulatedClock(Clock):
    """The time of the scheduler, for those who ask for a clock; the time of day can be set, the monotonic one not."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def time_ms(self) -> int:
        """Milliseconds since 1970."""
        return START_TIME_MS + self._scheduler.set_forward_ms + int(self._scheduler.now * 1000)

    def monotonic_s(self) -> float:
        """Seconds since the start of the simulation."""
        return self._scheduler.now


class ProcessLoop(asyncio.AbstractEventLoop):
    """The event loop of one simulated process.

    Attributes:
        name: of the process.
        dead: whether the process was killed.
        errors: what callbacks raised and nobody caught.
    """

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.name = name
        self.dead = False
        self.frozen = False
        self.errors: list[str] = []
        self._scheduler = scheduler
        self._callbacks: deque[asyncio.Handle] = deque()
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def run_one(self) -> bool:
        """Run the next callback; false where there is none."""
        while self._callbacks and not self.frozen:
            handle = self._callbacks.popleft()
            if handle.cancelled():
                continue
            before = asyncio._get_running_loop()  # pyright: ignore[reportPrivateUsage]
            asyncio._set_running_loop(self)  # pyright: ignore[reportPrivateUsage]
            try:
                handle._run()  # pyright: ignore[reportPrivateUsage] - what every event loop does
            finally:
                asyncio._set_running_loop(before)  # pyright: ignore[reportPrivateUsage]
            return True
        return False

    @contextmanager
    def running(self) -> Generator[None]:
        """Be the running loop, for a start from outside."""
        before = asyncio._get_running_loop()  # pyright: ignore[reportPrivateUsage]
        asyncio._set_running_loop(self)  # pyright: ignore[reportPrivateUsage]
        try:
            yield
        finally:
            asyncio._set_running_loop(before)  # pyright: ignore[reportPrivateUsage]

    def push(self, handle: asyncio.Handle) -> None:
        """Have a callback run soon."""
        if not self.dead:
            self._callbacks.append(handle)
            self._scheduler.wake(self)

    def freeze(self, seconds: float) -> None:
        """Stop the process, as SIGSTOP does, and let it go on after a time."""
        self.frozen = True
        self._scheduler.after(seconds, self._thaw)

    def _thaw(self) -> None:
        self.frozen = False
        if self._callbacks:
            self._scheduler.wake(self)

    def kill(self) -> None:
        """End the process: nothing of it runs any more."""
        self.dead = True
        self._callbacks.clear()
        tasks, self._tasks = self._tasks, {}
        for task in tasks:
            # A task that is never run again would complain; its code is closed without being told anything.
            task._log_destroy_pending = False  # pyright: ignore[reportAttributeAccessIssue]
            coroutine: Any = task.get_coro()
            if not task.done() and getattr(coroutine, "cr_running", False) is False:
                with suppress(ProcessKilled, RuntimeError):
                    coroutine.close()

    # ---- what asyncio asks for ----

    def call_soon(  # pyright: ignore[reportIncompatibleMethodOverride] - asyncio's own stubs are generic here
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run a callback after those that wait already."""
        handle = asyncio.Handle(callback, args, self, context)
        self.push(handle)
        return handle

    def call_soon_threadsafe(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """The same: there is one thread."""
        return self.call_soon(callback, *args, context=context)

    def call_later(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run a callback after a time."""
        return self.call_at(self.time() + max(0.0, delay), callback, *args, context=context)

    def call_at(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run a callback at a time."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._scheduler.at(when, handle, self)
        return handle

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._scheduler.now

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """Start a coroutine."""
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name or self.name, context=context)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    def run_in_executor(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a function a moment later, in one step: there are no threads."""
        future = self.create_future()

        def work() -> None:
            if future.done():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:
                future.set_exception(error)

        self.call_later(0.01, work)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught, unless the process was killed, which is no error of its own."""
        error = context.get("exception")
        if not self.dead and not isinstance(error, ProcessKilled):
            self.errors.append(f"{self.name}: {context.get('message')} ({type(error).__name__}: {error})")

    def get_debug(self) -> bool:
        """No debugging."""
        return False

    def is_running(self) -> bool:
        """While the process lives."""
        return not self.dead

    def is_closed(self) -> bool:
        """Once the process is dead."""
        return self.dead

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are skipped when their time comes."""
