"""A real server process tree for tests: ``kappa up`` (or ``kappa server``) as a child, on free ports.

with EmbeddedServer() as server:
    db = kappaflow.connect(server.url)
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from kappaflow.errors import KappaError
from kappaflow.runtime.closing import Closing

RUNNING_STATES = frozenset({"starting", "ready"})
_READY = re.compile(r"SQL on (\S+), Kafka on (\S+?)\.? Try")


class EmbeddedServer(Closing):
    """Runs the command and ends it, whatever happens to the test.

    Args:
        data_dir: kept afterwards; a temporary one, removed at the end, where left out.
        bootstrap_servers: of a cluster to run on (``kappa server``) instead of the embedded broker (``kappa up``).
        kafka_port: of the embedded broker; a free one, another at each start, where left out.
        arguments: more arguments of the command.

    Attributes:
        url, bootstrap_servers: known after `start`.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        bootstrap_servers: str = "",
        kafka_port: int = 0,
        workers: int = 1,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._temporary = data_dir is None
        self.data_dir = data_dir or Path(tempfile.mkdtemp(prefix="kappa-server-"))
        self.bootstrap_servers = bootstrap_servers
        self.url = ""
        command = ["server", "--bootstrap-servers", bootstrap_servers] if bootstrap_servers else ["up"]
        command += [] if bootstrap_servers else ["--kafka-port", str(kafka_port)]
        self._command = [sys.executable, "-m", "kappaflow.cli.main", *command, "--http-port", "0"]
        self._command += ["--data-dir", str(self.data_dir), "--workers", str(workers), *arguments]
        self._environment = {**os.environ, "KAPPA_LANG": "en", **(environment or {})}
        self._log = Path(tempfile.mkstemp(prefix="kappa-server-", suffix=".log")[1])
        self._process: subprocess.Popen[str] | None = None

    def start(self, timeout_seconds: float = 60.0) -> EmbeddedServer:
        """Start and wait for the ready line.

        Raises:
            KappaError: it ended, or was not ready in time; the message holds its output.
        """
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=log, text=True, env=self._environment
            )
        found: list[re.Match[str]] = []
        ready = threading.Event()
        output = self._process.stdout
        assert output is not None

        def read() -> None:
            for line in output:
                match = _READY.search(line)
                if match:
                    found.append(match)
                    ready.set()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        if not ready.wait(timeout_seconds) or not found:
            self.stop()
            raise KappaError(f"The server did not start: {self.log()[-4000:]}")
        self.url, self.bootstrap_servers = found[0].group(1), found[0].group(2)
        return self

    @property
    def pid(self) -> int:
        """The process id of the supervisor."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """What the process tree wrote to standard error."""
        return self._log.read_text(errors="replace")

    def processes(self) -> list[dict[str, Any]]:
        """The children as the server shows them."""
        return self._look()["processes"]

    def _look(self) -> dict[str, Any]:
        # Without a TLS context, which takes longer to make than the answer.
        return httpx.get(f"{self.url}/kappa/processes", timeout=30, verify=False).json()

    def figures(self) -> dict[str, dict[str, Any]]:
        """The figures of the queries, summed over the workers by query id; the state is the worst one."""
        workers = self._look()["workers"]
        merged: dict[str, dict[str, Any]] = {}
        for worker in workers:
            for query_id, query in worker["queries"].items():
                known = merged.setdefault(query_id, {**query})
                if known is not query and known.get("state") == "RUNNING":
                    known["state"] = query["state"]
        return merged

    def kill_child(self, name: str) -> int:
        """Send SIGKILL to the child of that name, once it runs, and return its process id.

        Raises:
            KappaError: it does not run.
        """

        def running() -> int | None:
            # Of a child that has ended the process id is known until the next one runs.
            found = next(child for child in self.processes() if child["name"] == name)
            return int(found["pid"]) if found["state"] in RUNNING_STATES else None

        pid: int = wait_until(running, f"{name} to run", 60)
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself since
            os.kill(pid, signal.SIGKILL)
        return pid

    def kill(self) -> None:
        """Send SIGKILL to the supervisor."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def stop(self, timeout_seconds: float = 30.0) -> int | None:
        """End the process tree in an orderly way and return its exit code."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._process = None
        if process.stdout is not None:
            process.stdout.close()
        return process.returncode

    def close(self) -> None:
        """Stop, and remove the log and temporary data."""
        self.stop()
        self._log.unlink(missing_ok=True)
        if self._temporary:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def __enter__(self) -> EmbeddedServer:
        return self.start()


def wait_until(condition: Callable[[], Any], what: str, timeout_seconds: float = 30.0) -> Any:
    """Wait until `condition` gives something true and return it.

    Raises:
        KappaError: the time is over; says what was waited for and the last value or error.
    """
    deadline = time.monotonic() + timeout_seconds
    last: Any = None
    while time.monotonic() < deadline:
        try:
            last = condition()
        except (KappaError, httpx.TransportError) as error:
            last = error
        else:
            if last:
                return last
        time.sleep(0.05)
    raise KappaError(f"Waited {timeout_seconds:.0f} s for {what}; last seen: {last!r}")
