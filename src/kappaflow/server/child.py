"""One supervised child process: start, ready line, restart with back-off."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)
BACKOFF_FIRST_SECONDS = 0.1
BACKOFF_MAX = "KAPPA_BACKOFF_MAX_SECONDS"  # for tests that kill children often
FORGIVEN_SECONDS = 3.0
FORGIVEN_RATIO = 5
READY = re.compile(rb"READY (\S+)")


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start a child.

    Attributes:
        name: such as ``worker-0``.
        command: returns the command line; asked again for every start, so that it can fix a port.
        first_line: gives what is sent on standard input after the start; may wait for it while the child loads.
        ready: what it prints when it is ready; the group is kept as `Child.ready_text`.
    """

    name: str
    command: Callable[[], Sequence[str]]
    first_line: Callable[[], bytes] = bytes
    ready: re.Pattern[bytes] = READY


@dataclass(slots=True)
class ChildStatus:
    """What is shown of a child."""

    name: str
    state: str = "starting"
    pid: int | None = None
    restarts: int = 0
    exit_code: int | None = None


@dataclass(slots=True)
class Child:
    """A child process that is started again when it dies.

    States: starting -> ready -> (died) -> backing off -> starting; stopped at the end.
    """

    spec: ChildSpec
    on_change: Callable[[], None]
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    backoff_max_seconds: float = field(default_factory=lambda: float(os.environ.get(BACKOFF_MAX, "10")))
    status: ChildStatus = field(init=False)
    process: subprocess.Popen[bytes] | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    ready_text: str = ""
    was_ready: bool = False
    heard_at: float = 0.0
    stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.status = ChildStatus(self.spec.name)

    def start(self) -> None:
        """Start the process and keep it running."""
        self._thread = threading.Thread(target=self._supervise, name=f"supervise-{self.spec.name}", daemon=True)
        self._thread.start()

    def _supervise(self) -> None:
        backoff = BACKOFF_FIRST_SECONDS
        while not self.stopping.is_set():
            started = time.monotonic()
            exit_code = self._run_once()
            if self.stopping.is_set():
                break
            self._change(state="died", exit_code=exit_code)
            if not self.was_ready:
                return  # it never worked: the supervisor reports why instead of trying for ever
            # Who lived for long, measured by the wait, did not die of its start.
            if time.monotonic() - started >= max(FORGIVEN_SECONDS, FORGIVEN_RATIO * backoff):
                backoff = BACKOFF_FIRST_SECONDS
            how = f"by signal {-exit_code}" if exit_code < 0 else f"with exit code {exit_code}"
            logger.warning(
                "%s (process %s) has ended %s; it is started again in %.1f s",
                self.spec.name,
                self.status.pid,
                how,
                backoff,
            )
            self._change(state="backing off")
            self.stopping.wait(backoff)
            backoff = min(backoff * 2, self.backoff_max_seconds)
            self.status.restarts += 1
        self._change(state="stopped")

    def _run_once(self) -> int:
        self.ready.clear()
        process = subprocess.Popen(
            list(self.spec.command()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment,
            start_new_session=True,  # Ctrl-C goes to the supervisor, which stops the children in order
        )
        self.process = process
        self._change(state="starting", pid=process.pid)
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(self.spec.first_line())
            process.stdin.flush()
        for line in process.stdout:
            if (match := self.spec.ready.search(line)) is not None:
                self.ready_text = match.group(1).decode()
                self.was_ready = True
                self._change(state="ready")
                if self.status.restarts:
                    logger.warning("%s (process %s) is ready again", self.spec.name, process.pid)
                self.ready.set()
            else:
                self.heard_at = time.monotonic()
                sys.stderr.write(line.decode(errors="replace"))
        exit_code = process.wait()
        process.stdin.close()
        process.stdout.close()
        self.ready.clear()
        return exit_code

    def _change(self, state: str, pid: int | None = None, exit_code: int | None = None) -> None:
        if pid is not None:
            self.status.pid = pid  # before the state: who sees that it runs takes it for the one that runs
        self.status.state = state
        if exit_code is not None:
            self.status.exit_code = exit_code
        self.on_change()

    def wait_ready(self, timeout_seconds: float) -> bool:
        """Wait for the ready line; false when the child ended, or said nothing for `timeout_seconds`."""
        started = time.monotonic()
        while time.monotonic() < max(started, self.heard_at) + timeout_seconds:
            if self.ready.wait(0.02):
                return True
            if self._thread is not None and not self._thread.is_alive():
                return False
        return False

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Ask the process to end; kill it when it does not."""
        self.stopping.set()
        process = self.process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
