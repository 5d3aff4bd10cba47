"""Taking turns with other work on one machine: whatever holds the same lock file waits while a round is measured."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(lock: Path | None) -> Iterator[None]:
    """Hold the lock file; nothing is waited for without one."""
    if lock is None:
        yield
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
