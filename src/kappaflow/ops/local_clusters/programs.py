"""Outside programs, and locks on what is downloaded or compiled for them."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from kappaflow.errors import ConfigError
from kappaflow.ops.local_clusters import texts as _texts
from kappaflow.runtime.messages import message

assert _texts


def command_path(command: str) -> str:
    """The full path of a command.

    Raises:
        ConfigError: the command is not installed.
    """
    path = shutil.which(command)
    if path is None:
        raise ConfigError(message("local_clusters.no_program", command=command))
    return path


@contextmanager
def file_lock(path: Path) -> Generator[None]:
    """Hold an exclusive lock on a file, so that only one process fills a cache entry."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
