"""Start, watch and stop the process tree of a server."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import msgspec

from kappaflow.errors import ServerError
from kappaflow.server.child import Child, ChildSpec
from kappaflow.server.configuration import ServerConfig

READY_SECONDS = 60.0
BROKER_READY = re.compile(rb"bootstrap servers (\S+),")


class Supervisor:
    """The parent of broker, control and workers.

    Attributes:
        bootstrap_servers, http_url: where clients connect, known after `start`.
    """

    def __init__(self, config: ServerConfig) -> None:
        config.check()
        self.config = replace(
            config, run_dir=tempfile.mkdtemp(prefix="kappa-"), internal_token=secrets.token_urlsafe(32)
        )
        self.children: list[Child] = []
        self.bootstrap_servers = config.bootstrap_servers
        self.http_url = ""
        self._found = threading.Event()
        self._stopped = threading.Event()
        self._status_lock = threading.Lock()

    def start(self) -> None:
        """Start everything and return when it is ready.

        Raises:
            ServerError: a child did not become ready; it has said why on standard error.
        """
        config = self.config
        try:
            broker = None
            if not config.bootstrap_servers:
                broker = self._launch(ChildSpec("broker", self._broker_command, ready=BROKER_READY))
            # The others load while the broker starts, and wait to be told where it is.
            workers = [
                self._launch(ChildSpec(f"worker-{i}", _module("kappaflow.server.worker", str(i)), self._line))
                for i in range(config.workers)
            ]
            control = self._launch(ChildSpec("control", self._control_command, self._line))
            if broker is not None:
                self._await(broker)
                self.bootstrap_servers = broker.ready_text
                config.kafka_port = int(broker.ready_text.rpartition(":")[2])
            self._found.set()
            self._await(control)
            self.http_url = control.ready_text
            for worker in workers:
                self._await(worker)
        except BaseException:
            self.stop()
            raise

    def _line(self) -> bytes:
        """The configuration of workers and control, once it is known where the broker is."""
        self._found.wait()
        if self._stopped.is_set():
            return b""  # it is told to end instead
        embedded = not self.config.bootstrap_servers
        return replace(self.config, bootstrap_servers=self.bootstrap_servers, embedded_broker=embedded).to_line()

    def _broker_command(self) -> Sequence[str]:
        config = self.config
        command = [
            sys.executable,
            "-m",
            "kappaflow.cli.main",
            "broker",
            "--data-dir",
            str(Path(config.data_dir) / "broker"),
        ]
        command += ["--host", config.host, "--kafka-port", str(config.kafka_port), "--flush", config.flush]
        return [*command, "--exit-on-stdin-eof"]

    def _control_command(self) -> Sequence[str]:
        # After a restart the server comes back on the port that it had.
        port = self.http_url.rpartition(":")[2] or str(self.config.http_port)
        return [sys.executable, "-m", "kappaflow.server.control", "--http-port", port]

    def _launch(self, spec: ChildSpec) -> Child:
        # The ready line of the broker is a text for people; it is read here in English.
        child = Child(
            spec, self._changed, {**os.environ, "KAPPA_LANG": "en"} if spec.name == "broker" else dict(os.environ)
        )
        self.children.append(child)
        child.start()
        return child

    def _await(self, child: Child) -> None:
        if not child.wait_ready(READY_SECONDS):
            name, code = child.spec.name, child.status.exit_code
            why = (
                f"it ended with exit code {code}" if code is not None else f"it said nothing for {READY_SECONDS:.0f} s"
            )
            raise ServerError(f"The {name} process did not start: {why}. Its message is above.")

    def _changed(self) -> None:
        statuses = [asdict(child.status) for child in self.children]
        target = Path(self.config.status_file)
        with self._status_lock, contextlib.suppress(OSError):
            temporary = target.with_suffix(".tmp")
            temporary.write_bytes(msgspec.json.encode(statuses))
            temporary.replace(target)

    def run_until_stopped(self) -> None:
        """Block until SIGTERM or SIGINT, then stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopped.set())
        while not self._stopped.wait(0.5):
            pass
        self.stop()

    def stop(self) -> None:
        """Stop control, workers, then the broker, and remove the sockets."""
        self._stopped.set()
        self._found.set()
        for kind in ("control", "worker", "broker"):
            members = [child for child in self.children if child.spec.name.startswith(kind)]
            stops = [threading.Thread(target=child.stop) for child in members]
            for stop in stops:
                stop.start()
            for stop in stops:
                stop.join()
        shutil.rmtree(self.config.run_dir, ignore_errors=True)


def _module(name: str, *arguments: str) -> Callable[[], Sequence[str]]:
    return lambda: [sys.executable, "-m", name, *arguments]
