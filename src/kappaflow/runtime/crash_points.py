"""Named points at which a test can stop the process, to prove what survives.

``KAPPA_CRASH_POINT=name[:n]`` kills the process with SIGKILL the n-th time (default: first) it passes `name`.
"""

from __future__ import annotations

import os
import signal

_target, _, _count = os.environ.get("KAPPA_CRASH_POINT", "").partition(":")
_remaining = int(_count or 1)


def crash_point(name: str) -> None:
    """Stop the process here if the test asked for it; otherwise do nothing."""
    global _remaining  # noqa: PLW0603 - one counter per process is the point
    if name == _target:
        _remaining -= 1
        if _remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)
