"""Free ports for servers that are stopped and started again on the same one."""

from __future__ import annotations

import random
import socket

FIRST, LAST = 15_000, 32_000
"""Below the range that the system gives to outgoing connections."""


def free_port() -> int:
    """A port of this machine that nobody listens on now.

    Raises:
        OSError: none of many tried ports is free.
    """
    choose = random.SystemRandom()
    for _ in range(200):
        port = choose.randrange(FIRST, LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port was found")
