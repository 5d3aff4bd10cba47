"""A real broker process for tests: ``kappa broker`` as a child, on a free port.

with EmbeddedBroker() as broker:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from kappaflow.errors import KappaError
from kappaflow.runtime.closing import Closing
from kappaflow.testing.ports import free_port

_READY = re.compile(r"127\.0\.0\.1:(\d+)")
_LISTENER = re.compile(r"(\w+)://[\w.]+:(\d+)")


class EmbeddedBroker(Closing):
    """A broker child process; it ends with this process, however this one ends.

    Args:
        data_dir: its data directory, kept afterwards; a temporary one, removed at the end, where left out.
        port: the port to listen on; 0 for any free one.
        flush: the flush policy: ``none``, ``interval`` or ``group``.
        environment: the child's environment; this process's own where left out.
        arguments: more arguments for ``kappa broker``.

    Attributes:
        data_dir: its data directory.
        port: the port it listens on; after a restart the same one.
        listeners: addresses by listener, where listeners were named.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        port: int = 0,
        flush: str = "none",
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self._temporary = data_dir is None
        self.data_dir = data_dir or Path(tempfile.mkdtemp(prefix="kappa-broker-"))
        self.port = port
        self.listeners: dict[str, str] = {}
        self._flush = flush
        self._environment = environment
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[str] | None = None
        self._output: list[str] = []
        self._readers: list[threading.Thread] = []

    @property
    def bootstrap_servers(self) -> str:
        """What clients connect to."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The child's process id.

        Raises:
            KappaError: it is not running.
        """
        if self._process is None:
            raise KappaError("the broker is not running; call start() first")
        return self._process.pid

    @property
    def log(self) -> str:
        """What the child has written to standard error."""
        return "".join(self._output)

    def start(self) -> EmbeddedBroker:
        """Start the child and wait until it accepts connections.

        Raises:
            KappaError: it ended instead; the message holds what it wrote.
        """
        # Not 0: a port from the range of outgoing connections may be taken when the broker is started again.
        self.port = self.port or free_port()
        command = [
            sys.executable,
            "-m",
            "kappaflow.cli.main",
            "broker",
            *("--data-dir", str(self.data_dir), "--kafka-port", str(self.port), "--flush", self._flush),
            "--exit-on-stdin-eof",
            *self._arguments,
        ]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=None if self._environment is None else dict(self._environment),
        )
        self._process = process
        self._readers = [self._collect(process.stderr)]
        assert process.stdout is not None
        line = process.stdout.readline()
        ready = _READY.search(line)
        self.listeners = {name: f"127.0.0.1:{port}" for name, port in _LISTENER.findall(line)}
        if ready is None:
            self._end()
            raise KappaError(f"the broker did not start:\n{self.log}")
        self.port = int(ready[1])
        self._readers.append(self._collect(process.stdout))
        return self

    def stop(self) -> int:
        """End the child as an operator would (SIGTERM) and give its exit code."""
        return self._signal(signal.SIGTERM)

    def kill(self) -> int:
        """End the child without warning (SIGKILL)."""
        return self._signal(signal.SIGKILL)

    def restart(self) -> EmbeddedBroker:
        """Start again on the same port and data directory."""
        if self._process is not None:
            self.stop()
        return self.start()

    def close(self) -> None:
        """Stop, and remove a temporary data directory."""
        if self._process is not None:
            self.stop()
        if self._temporary:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def __enter__(self) -> EmbeddedBroker:
        return self if self._process else self.start()

    def _collect(self, stream: IO[str] | None) -> threading.Thread:
        assert stream is not None
        thread = threading.Thread(target=lambda: self._output.extend(stream), daemon=True)
        thread.start()
        return thread

    def _signal(self, number: int) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        return self._end()

    def _end(self) -> int:
        """Wait for the child and close its pipes; a child that does not stop in 20 s is killed."""
        process, self._process = self._process, None
        if process is None:
            return 0
        try:
            code = process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        for thread in self._readers:
            thread.join()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        return code
