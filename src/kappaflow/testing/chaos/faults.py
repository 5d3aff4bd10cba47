"""Faults in the processes of a server: killed or stopped at a named point, killed at any moment."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from kappaflow.errors import KappaError
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

WORKER_POINTS = (
    "before-flush",
    "after-flush",
    "before-offset-commit",
    "after-offset-commit",
    "before-end-txn",
    "after-end-txn",
    "before-local-batch",
    "after-local-batch",
)
CHUNK_POINTS = ("before-restored-chunk", "after-restored-chunk")
TABLE_POINTS = ("before-restored-table", "after-restored-table")
"""Of a worker that fills its stores: as rows, and as tables, which `tables_from` decides."""
BROKER_POINTS = (
    "before-txn-prepare",
    "after-txn-prepare",
    "before-txn-marker",
    "after-txn-marker",
    "after-txn-offsets",
    "before-txn-complete",
    "after-txn-complete",
    "before-journal-append",
    "after-journal-append",
    "before-journal-rename",
    "after-journal-rename",
    "before-index-roll",
    "after-index-roll",
)
"""Points of D6 in the broker; see `kappaflow.runtime.crash_points`."""


class CrashPlan:
    """Says at which point the processes of a server end, from their next start on.

    ``EmbeddedServer(environment=plan.environment)`` makes the server follow it.

    Args:
        tables_from: how many records a store has to lack to be filled by tables; None leaves that as it is.
    """

    def __init__(self, tables_from: int | None = None) -> None:
        self._file = Path(tempfile.mkstemp(prefix="kappa-crash-")[1])
        self.environment = {
            "KAPPA_CRASH_POINT": f"@{self._file}",
            "KAPPA_BACKOFF_MAX_SECONDS": "0.4",
            "KAPPA_JOURNAL_COMPACT_RECORDS": "500",
        }
        if tables_from is not None:
            self.environment["KAPPA_RESTORE_TABLE_RECORDS"] = str(tables_from)

    def set(self, point: str, passes: int, action: str = "kill") -> None:
        """End at the `passes`-th pass of the point."""
        self._file.write_text(f"{point}:{passes}:{action}")

    def clear(self) -> None:
        """End nowhere."""
        self._file.write_text("")

    def close(self) -> None:
        """Remove the file."""
        self._file.unlink(missing_ok=True)


def child(server: EmbeddedServer, name: str) -> dict[str, Any]:
    """What the supervisor knows of a child."""
    for found in server.processes():
        if found["name"] == name:
            return found
    raise KappaError(f"There is no process {name}.")


def wait_ready(server: EmbeddedServer, timeout_seconds: float = 60.0) -> None:
    """Wait until all children are ready."""
    wait_until(lambda: all(found["state"] == "ready" for found in server.processes()), "all processes", timeout_seconds)


def crash_at(server: EmbeddedServer, plan: CrashPlan, name: str, point: str, passes: int, times: int) -> None:
    """Have a child killed at a point `times` times under load, and leave it running.

    Raises:
        KappaError: the point was not reached.
    """
    plan.set(point, passes)
    server.kill_child(name)
    for _ in range(times):
        before = child(server, name)["restarts"]
        wait_until(lambda before=before: child(server, name)["restarts"] > before, f"{name} at {point}", 60)
    plan.clear()
    # The plan is read at the start: what started before it was cleared ends once more.
    killed = server.kill_child(name)
    wait_until(lambda: child(server, name)["pid"] != killed, f"{name} to start again", 60)
    wait_ready(server)


def crash_in_restore(server: EmbeddedServer, plan: CrashPlan, point: str, times: int) -> None:
    """Have the worker of a server that lost its state killed at a point of the restore, `times` times under load.

    The server is killed as a whole and starts without the state of its queries each time.

    Raises:
        KappaError: the point was not reached.
    """
    wait_until(lambda: _have_state(server), "every query to have something to restore", 60)
    plan.set(point, 1)
    for _ in range(times):
        _kill_all(server)
        shutil.rmtree(server.data_dir / "state")
        server.start()
        wait_until(lambda: child(server, "worker-0")["restarts"] > 0, f"worker-0 at {point}", 120)
    plan.clear()
    server.kill_child("worker-0")
    wait_ready(server)


def _have_state(server: EmbeddedServer) -> bool:
    """Whether all queries have committed what records made."""
    figures = server.figures().values()
    return bool(figures) and all(query["records"] > 0 and query["commits"] > 1 for query in figures)


def stop_at(server: EmbeddedServer, plan: CrashPlan, name: str, point: str, passes: int, silent_seconds: float) -> None:
    """Have a child stopped at a point for longer than its session lasts, then let it go on."""
    plan.set(point, passes, "stop")
    before = server.kill_child(name)
    wait_until(lambda: child(server, name)["pid"] not in {None, 0, before}, f"{name} to start again", 60)
    pid = int(child(server, name)["pid"])
    wait_until(lambda: is_stopped(pid), f"{name} to stop at {point}", 60)
    plan.clear()
    time.sleep(silent_seconds)  # the fault itself: silence beyond the session time-out
    os.kill(pid, signal.SIGCONT)


def kill_at_random(server: EmbeddedServer, rng: random.Random) -> str:
    """Kill a worker, the broker, the control process or all of the server, which then starts again.

    Returns:
        What was killed.
    """
    name = rng.choice([*(found["name"] for found in server.processes()), "all"])
    if name == "all":
        _kill_all(server)
        server.start()
    else:
        server.kill_child(name)
    return name


def _kill_all(server: EmbeddedServer) -> None:
    pids = [int(found["pid"]) for found in server.processes() if found["pid"]]
    server.kill()
    wait_until(lambda: not any(is_running(pid) for pid in pids), "the children to end with their parent")


def is_running(pid: int) -> bool:
    """Whether a process exists that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    except FileNotFoundError:
        return False
