"""A process that runs the application, in whatever language: what it says, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CLOSE_TIMEOUT_S = 60


class ApplicationProcess:
    """A running process.

    Args:
        command: starts it; `own_command` is that of ours.
        log: where its standard error goes.

    Attributes:
        description: of its topology.

    Raises:
        RuntimeError: it ended instead.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self.description = "".join(iter(self._line, "described\n"))

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        if not line:
            raise RuntimeError(f"It ended with code {self._process.wait()}: {self._end_of_log()}")
        return line

    def _end_of_log(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]

    def wait_reached(self) -> None:
        """Wait until it stands still at its event.

        Raises:
            RuntimeError: it ended instead.
        """
        line = self._line()
        if line != "reached\n":
            raise RuntimeError(f"It said {line!r}.")

    def close(self) -> None:
        """Have it commit what it has done, and end.

        Raises:
            RuntimeError: it ended otherwise.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait(CLOSE_TIMEOUT_S)
        self._end()
        if code:
            raise RuntimeError(f"It ended with code {code}: {self._end_of_log()}")

    def kill(self) -> None:
        """End it at once; safe to call when it has ended."""
        self._process.kill()
        self._process.wait()
        self._end()

    def _end(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


def own_command(settings: Mapping[str, str]) -> list[str]:
    """What starts the application in ours."""
    arguments = [f"{name}={value}" for name, value in settings.items()]
    return [sys.executable, "-m", "kappaflow.testing.handover.application", *arguments]
