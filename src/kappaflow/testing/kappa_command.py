"""The command ``kappa`` as its users run it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kappaflow.errors import KappaError


class KappaCommand:
    """Runs ``kappa`` and keeps what it says, in English.

        kappa = KappaCommand(home)
        assert "orders" in kappa("topics", "list")
        killed = kappa.run("topics", "delete", "orders", "--confirm", "orders", crash_at="plan.step.done")

    Args:
        home: its ``KAPPA_HOME``, where ``clusters.toml`` and plans are.
        last_words: written behind the words of every call, such as ``--bootstrap-servers``.
        timeout_s: how long a call may take.
    """

    def __init__(self, home: Path, *, last_words: Sequence[str] = (), timeout_s: float = 200) -> None:
        self.home = home
        self._last_words = tuple(last_words)
        self._timeout_s = timeout_s
        self._environment = os.environ | {"KAPPA_HOME": str(home), "KAPPA_LANG": "en"}

    def __call__(self, *words: str, code: int = 0, crash_at: str = "") -> str:
        """Run it and return all that it says.

        Raises:
            KappaError: it ended with another exit code than `code`.
        """
        done = self.run(*words, crash_at=crash_at)
        said = done.stdout + done.stderr
        if done.returncode != code:
            raise KappaError(f"kappa {' '.join(words)} ended with {done.returncode} instead of {code}:\n{said}")
        return said

    def run(self, *words: str, crash_at: str = "") -> subprocess.CompletedProcess[str]:
        """Run it, whatever its exit code is.

        Args:
            words: noun, verb and options.
            crash_at: the crash point at which it is to end as by ``kill -9``.
        """
        command = [sys.executable, "-m", "kappaflow.cli.main", *words, *self._last_words]
        environment = self._environment | ({"KAPPA_CRASH_POINT": crash_at} if crash_at else {})
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=self._timeout_s, check=False
        )
