"""Named points at which a test can stop a process, to prove what survives.

``KAPPA_CRASH_POINT=name[:n]`` kills the process with SIGKILL the n-th time (default: first) it passes `name`;
``name:n:stop`` sends SIGSTOP instead, and the process goes on when the test continues it.  ``KAPPA_CRASH_POINT=@FILE``
reads that from a file at every start of a process, so that a test can change its mind.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def _plan(text: str) -> tuple[str, int, signal.Signals]:
    if text.startswith("@"):
        file = Path(text[1:])
        text = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    name, count, action = (*text.split(":"), "", "")[:3]
    return name, int(count or 1), SIGNALS[action or "kill"]


_target, _remaining, _signal = _plan(os.environ.get("KAPPA_CRASH_POINT", ""))


def set_crash_point(text: str) -> None:
    """Choose another crash point for this process, in the format of the environment variable."""
    global _target, _remaining, _signal
    _target, _remaining, _signal = _plan(text)


def crash_point(name: str) -> None:
    """Stop the process here if the test asked for it; otherwise do nothing."""
    global _remaining  # noqa: PLW0603 - one counter per process is the point
    if name == _target:
        _remaining -= 1
        if _remaining == 0:
            os.kill(os.getpid(), _signal)
