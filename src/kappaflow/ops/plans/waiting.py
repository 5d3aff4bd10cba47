"""Wait until a cluster has taken in what it accepted: brokers learn of changes a moment later."""

from __future__ import annotations

from collections.abc import Callable

from kappaflow.ops.session import OpsSession

PROPAGATION_TIMEOUT_S = 15.0
POLL_S = 0.05


def wait_until(
    session: OpsSession, holds: Callable[[], bool], timeout_s: float = PROPAGATION_TIMEOUT_S, poll_s: float = POLL_S
) -> bool:
    """Ask again and again until something holds; returns whether it does.

    Args:
        session: whose time passes.
        holds: asked at once, and then after each pause.
        timeout_s: when to give up.
        poll_s: the pause between two questions.
    """
    deadline = session.clock.time_ms() + timeout_s * 1000
    while not holds():
        if session.clock.time_ms() > deadline:
            return False
        session.pause(poll_s)
    return True
