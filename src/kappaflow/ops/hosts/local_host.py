"""A server that is a process of this machine, started from a description in its own directory.

    DIRECTORY/service.json    {"command": [..], "environment": {..}}
    DIRECTORY/service.pid     the process and its start time, so that a number used again is not taken for it
    DIRECTORY/service.log     what it prints

It runs on when the program that started it ends, as under systemd.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kappaflow.errors import HostError
from kappaflow.ops.contexts.cluster_context import HostEntry
from kappaflow.ops.hosts import texts as _texts
from kappaflow.ops.hosts.face import CommandResult, DiskSpace, ServiceState
from kappaflow.runtime.messages import message

assert _texts

STOP_TIMEOUT_S = 120.0
POLL_S = 0.05
_RUNNING = ("R", "S", "D")


class LocalHost:
    """A process of this machine."""

    def __init__(self, entry: HostEntry) -> None:
        if not entry.address:
            raise HostError(message("hosts.no_directory", node_id=entry.node_id))
        self._entry = entry
        self.directory = Path(entry.address)

    @property
    def entry(self) -> HostEntry:
        """What the context says about it."""
        return self._entry

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> CommandResult:
        """Run a command without a shell.

        Raises:
            HostError: there is no such command, or it took too long.
        """
        try:
            done = subprocess.run(list(command), input=stdin, capture_output=True, timeout=timeout_s, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HostError(
                message("hosts.not_run", node_id=self._entry.node_id, command=command[0], error=error)
            ) from error
        return CommandResult(
            done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )

    def read_file(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            HostError: it cannot be read.
        """
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise HostError(
                message("hosts.cannot_read", node_id=self._entry.node_id, path=path, reason=error.strerror)
            ) from error

    def write_file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Replace a file, whole or not at all, durable when this returns.

        Raises:
            HostError: it cannot be written.
        """
        target = Path(path)
        temporary = target.with_name(target.name + ".kappa-new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
            directory = os.open(target.parent, os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)
        except OSError as error:
            raise HostError(
                message("hosts.cannot_write", node_id=self._entry.node_id, path=path, reason=error.strerror)
            ) from error

    def exists(self, path: str) -> bool:
        """Whether there is such a file or directory."""
        return Path(path).exists()

    def make_directory(self, path: str) -> None:
        """Make a directory and those above it.

        Raises:
            HostError: it cannot be made.
        """
        try:
            Path(path).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(
                message("hosts.cannot_make", node_id=self._entry.node_id, path=path, reason=error.strerror)
            ) from error

    def disk_space(self, path: str) -> DiskSpace:
        """The file system that holds a path.

        Raises:
            HostError: there is no such path.
        """
        try:
            usage = shutil.disk_usage(path)
        except OSError as error:
            raise HostError(
                message("hosts.cannot_look", node_id=self._entry.node_id, path=path, reason=error.strerror)
            ) from error
        return DiskSpace(usage.total, usage.free)

    def service_state(self) -> ServiceState:
        """The service now; ``failed`` where it ended without having been stopped."""
        kept = self._kept()
        if kept is None:
            return ServiceState("inactive", 0, 0)
        # A program that ended before it could be looked at has no start time.
        if not kept["started_at"] or _started_at(kept["pid"]) != kept["started_at"]:
            return ServiceState("failed", 0, 0)
        return ServiceState("active", kept["pid"], kept["since_ms"])

    def start(self) -> None:
        """Start the service, unless it runs.

        Raises:
            HostError: its description is missing, or its program cannot be run.
        """
        if self.service_state().state == "active":
            return
        description = self._description()
        environment = os.environ | {str(k): str(v) for k, v in description.get("environment", {}).items()}
        with (self.directory / "service.log").open("ab") as log:
            try:
                process = subprocess.Popen(
                    description["command"],
                    cwd=self.directory,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise HostError(
                    message(
                        "hosts.not_started", node_id=self._entry.node_id, command=description["command"][0], error=error
                    )
                ) from error
        process.returncode = 0  # it outlives this object, which would warn of that
        kept = {"pid": process.pid, "started_at": _started_at(process.pid), "since_ms": time.time_ns() // 1_000_000}
        self.write_file(str(self.directory / "service.pid"), json.dumps(kept).encode())

    def stop(self) -> None:
        """Stop the service in a controlled way; returns when it has ended.

        Raises:
            HostError: it did not end in time.
        """
        state = self.service_state()
        if state.state == "active":
            self._signal(state.pid, signal.SIGTERM)
            self._wait_for_end(state.pid)
        (self.directory / "service.pid").unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        """Ask the service to end, without waiting; `stop` waits then."""
        state = self.service_state()
        if state.state == "active":
            self._signal(state.pid, signal.SIGTERM)

    def let_run(self) -> None:
        """Let the service run on where it is paused; nothing otherwise."""
        self._signal(self.service_state().pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the service at once, as a crash does."""
        state = self.service_state()
        if state.state == "active":
            self._signal(state.pid, signal.SIGKILL)
            self._wait_for_end(state.pid)

    def pause(self) -> None:
        """Stop the process from running until `resume`, as a machine that hangs; returns when it stands still.

        Raises:
            HostError: it goes on.
        """
        pid = self.service_state().pid
        self._signal(pid, signal.SIGSTOP)
        self._wait_until(pid, lambda: _state(pid)[0] not in _RUNNING, "hosts.not_paused")

    def resume(self) -> None:
        """Let a paused process run again."""
        self._signal(self.service_state().pid, signal.SIGCONT)

    def log_tail(self, lines: int = 50) -> str:
        """The last lines that the service printed."""
        path = self.directory / "service.log"
        if not path.exists():
            return ""
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, pid: int, number: signal.Signals) -> None:
        if pid > 0:
            os.kill(pid, number)

    def _wait_for_end(self, pid: int) -> None:
        started_at = _started_at(pid)

        def has_ended() -> bool:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # where it is a child of ours it stays a zombie until asked for
            return not started_at or _started_at(pid) != started_at

        self._wait_until(pid, has_ended, "hosts.not_ended")

    def _wait_until(self, pid: int, condition: Callable[[], bool], failure: str) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline:
                raise HostError(
                    message(
                        failure,
                        node_id=self._entry.node_id,
                        service=self._entry.service,
                        pid=pid,
                        timeout_s=STOP_TIMEOUT_S,
                        path=self.directory / "service.log",
                    )
                )
            time.sleep(POLL_S)

    def _description(self) -> dict[str, Any]:
        path = self.directory / "service.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise HostError(
                message("hosts.cannot_read", node_id=self._entry.node_id, path=path, reason=error)
            ) from error

    def _kept(self) -> dict[str, Any] | None:
        try:
            return json.loads((self.directory / "service.pid").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def _started_at(pid: int) -> str:
    """When a process started, in ticks since the machine did; empty where it does not run, or has ended.

    A process whose first thread has ended is a zombie, and still has files and ports open while another thread lives.
    """
    state, threads, started_at = _state(pid)
    return "" if state in ("", "X") or (state == "Z" and threads <= 1) else started_at


def _state(pid: int) -> tuple[str, int, str]:
    """State and number of threads of a process and when it started, in ticks since the machine did; empty where none.

    Source: fields 3, 20 and 22 of ``/proc/PID/stat``, proc(5).
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return "", 0, ""
    return fields[0], int(fields[17]), fields[19]
