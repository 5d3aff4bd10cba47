"""Wait until a cluster has taken in what it accepted: brokers learn of changes a moment later."""

from __future__ import annotations

import time
from collections.abc import Callable

PROPAGATION_TIMEOUT_S = 15.0
POLL_S = 0.05


def wait_until(holds: Callable[[], bool], timeout_s: float = PROPAGATION_TIMEOUT_S, poll_s: float = POLL_S) -> bool:
    """Ask again and again until something holds; returns whether it does.

    Args:
        holds: asked at once, and then after each pause.
        timeout_s: when to give up.
        poll_s: the pause between two questions.
    """
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_s)
    return True
