"""Quix Streams as a side: a Python program in an environment that is made for it once, and kept in the cache."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from benchmarks.side import Side
from benchmarks.workload import OUTPUT, Workload
from kappaflow.testing.toolchain import cache_directory, file_lock

QUIX_VERSION = "3.28.1"
PROGRAM = Path(__file__).parent / "quix" / "orders_quix.py"
END_SECONDS = 30


def quix_python() -> Path:
    """The interpreter of the environment, which is made where it is missing.

    Raises:
        RuntimeError: it cannot be made.
    """
    home = cache_directory() / f"quix-{QUIX_VERSION}"
    python = home / "bin" / "python"
    with file_lock(home.with_suffix(".lock")):
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            install = [str(python), "-m", "pip", "install", "--quiet", f"quixstreams=={QUIX_VERSION}"]
            for command in ([sys.executable, "-m", "venv", str(home)], install):
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise RuntimeError(f"No environment for Quix Streams: {done.stderr[-2000:]}")
            (home / "complete").touch()
    return python


class QuixSide(Side):
    """Quix Streams with one process; its state is in RocksDB, and goes to a changelog."""

    def __init__(self, bootstrap: str, workload: Workload) -> None:
        self.name = "quix"
        self.group = f"bench-{workload.group}-{uuid.uuid4().hex[:8]}"
        self._bootstrap = bootstrap
        self._workload = workload
        self._state = Path(tempfile.mkdtemp(prefix="kappa-bench-quix-"))

    def start(self, topics: Sequence[str], caching: bool) -> None:
        """Start the program.

        Raises:
            ValueError: results are to be held back, which it cannot.
        """
        if caching:
            raise ValueError("Quix Streams holds no results back.")
        mode = self._workload.group.removeprefix("quix-")
        seconds = self._workload.commit_interval_ms / 1000
        arguments = [mode, self._bootstrap, self.group, *topics, OUTPUT, str(self._state), str(seconds)]
        self._process = subprocess.Popen([str(quix_python()), str(PROGRAM), *arguments])

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def processed(self) -> float | None:
        """Nothing that it tells.

        Raises:
            RuntimeError: it has ended.
        """
        if self._process.poll() is not None:
            raise RuntimeError(f"Quix Streams ended with code {self._process.returncode}.")
        return None

    def close(self) -> None:
        """End it and remove what it kept."""
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._state, ignore_errors=True)
