"""How the threads of a worker take turns at the interpreter."""

from __future__ import annotations

import sys

SWITCH_SECONDS, SWITCH_SECONDS_MAX = 0.0005, 0.025
QUERIES_AT_ONCE = 10


def share_interpreter(queries: int) -> None:
    """Set after how long a thread that waits for the interpreter asks for it.

    With a few queries a fetch thread must not wait the usual 5 ms. But each thread that waits wakes up once in that
    time, so hundreds of them, as at the start of many queries, would do little else: half of two processors was spent
    in the kernel.

    Args:
        queries: that run in this process.
    """
    sys.setswitchinterval(min(SWITCH_SECONDS_MAX, SWITCH_SECONDS * max(1.0, queries / QUERIES_AT_ONCE)))
