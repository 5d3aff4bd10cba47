"""The server that the demo runs on: a part of this process tree, or one that stays when the demo ends."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from kappaflow.cli.demo.waiting import wait_until
from kappaflow.errors import ServerError
from kappaflow.server.configuration import ServerConfig
from kappaflow.server.supervisor import Supervisor

READY = re.compile(r"SQL on (\S+), Kafka on (\S+?)\. ")
STOP_SECONDS = 30.0


class Host:
    """Starts a server and stops it, and removes its data where it was temporary.

    Attributes:
        url, bootstrap_servers: where clients connect, known after `start`.
        is_temporary: whether the data is removed by `stop`.
        pid: the process to signal to stop a server that stays, else None.
    """

    def __init__(self, data_dir: str | None, workers: int | None, bootstrap_servers: str, *, stays: bool) -> None:
        self.stays = stays
        self.is_temporary = data_dir is None
        self.data_dir = data_dir or tempfile.mkdtemp(prefix="kappa-demo-")
        config = ServerConfig(
            data_dir=self.data_dir,
            kafka_port=0,
            http_port=0,
            bootstrap_servers=bootstrap_servers,
            properties={"ksql.streams.processing.guarantee": "exactly_once_v2"},
        )
        self.config = config if workers is None else replace(config, workers=workers)
        self.url = ""
        self.bootstrap_servers = ""
        self.pid: int | None = None
        self._supervisor: Supervisor | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and return when it is ready.

        Raises:
            ServerError: it did not start.
            ConfigError: a setting cannot be used.
        """
        self.config.check()
        os.environ.setdefault("KAPPA_LOG_LEVEL", "WARNING")  # of the children: their notes would run into the results
        logging.getLogger("kappaflow.server.child").setLevel(logging.ERROR)  # the demo says itself whom it kills
        if self.stays:
            self._start_apart()
            return
        self._supervisor = Supervisor(self.config)
        self._supervisor.start()
        self.url, self.bootstrap_servers = self._supervisor.http_url, self._supervisor.bootstrap_servers

    def _start_apart(self) -> None:
        config = self.config
        place = ["server", "--bootstrap-servers", config.bootstrap_servers] if config.bootstrap_servers else ["up"]
        command = [sys.executable, "-m", "kappaflow.cli.main", *place, "--data-dir", config.data_dir]
        command += ["--workers", str(config.workers), "--http-port", "0"]
        command += [word for name, value in config.properties.items() for word in ("--property", f"{name}={value}")]
        if not config.bootstrap_servers:
            command += ["--kafka-port", "0"]
        log = Path(self.data_dir) / "kappa.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "KAPPA_LANG": "en"},  # the ready line is read below
            )
        self.pid = self._process.pid
        self.url, self.bootstrap_servers = wait_until(lambda: self._read_ready(log), "kappa up")

    def _read_ready(self, log: Path) -> tuple[str, str] | None:
        assert self._process is not None
        text = log.read_text(encoding="utf-8", errors="replace")
        if (found := READY.search(text)) is not None:
            return found[1], found[2]
        if self._process.poll() is not None:
            raise ServerError(f"The server did not start: {text.strip()[-500:]}")
        return None

    def stop(self) -> None:
        """Stop the server and remove temporary data."""
        if self._supervisor is not None:
            self._supervisor.stop()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
            self._process.kill()
            self._process.wait()
        if self.is_temporary:
            shutil.rmtree(self.data_dir, ignore_errors=True)
