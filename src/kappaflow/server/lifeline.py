"""The pipe that ties a child's life to its parent's.

The parent keeps the write end of the child's standard input open; when the parent dies, however it dies, the
kernel closes it and the child sees the end of the file.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


def read_first_line() -> bytes:
    """Return the configuration line that the parent sends first."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            break
        line += byte
    return bytes(line)


def watch_parent(on_end: Callable[[], None] | None = None, grace_seconds: float = 2.0) -> threading.Thread:
    """Start a thread that ends this process when the parent is gone.

    Args:
        on_end: asked to stop in an orderly way first.
        grace_seconds: how long that may take before the process ends regardless.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        if on_end is not None:
            timer = threading.Timer(grace_seconds, lambda: os._exit(1))
            timer.daemon = True
            timer.start()
            on_end()
        else:
            os._exit(1)

    thread = threading.Thread(target=watch, name="parent-watch", daemon=True)
    thread.start()
    return thread
