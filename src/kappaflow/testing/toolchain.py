"""Which outside tools are on this machine, and where downloaded or compiled things are kept."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from kappaflow.errors import ConfigError

COMMANDS_BY_TOOLCHAIN: dict[str, tuple[str, ...]] = {
    "java": ("java", "javac"),
    "maven": ("mvn",),
    "rust": ("cargo", "rustc"),
    "go": ("go",),
    "node": ("node", "npm"),
}


def missing_toolchains(names: Iterable[str]) -> list[str]:
    """Those of the named toolchains that lack a command on the search path.

    Args:
        names: keys of ``COMMANDS_BY_TOOLCHAIN``.
    """
    return [name for name in names if any(shutil.which(c) is None for c in COMMANDS_BY_TOOLCHAIN[name])]


def required_toolchains() -> set[str]:
    """The toolchains that the environment variable ``KAPPA_REQUIRE`` (a comma list) demands."""
    return {name.strip() for name in os.environ.get("KAPPA_REQUIRE", "").split(",") if name.strip()}


def command_path(command: str) -> str:
    """The full path of a command.

    Raises:
        ConfigError: the command is not installed.
    """
    path = shutil.which(command)
    if path is None:
        raise ConfigError(f"The command '{command}' is not on PATH. Install it (a JDK 17 and Maven) and try again.")
    return path


def cache_directory() -> Path:
    """Where jars and compiled programs are kept: ``KAPPA_CACHE_DIR``, else the user's cache folder."""
    explicit = os.environ.get("KAPPA_CACHE_DIR")
    if explicit:
        return Path(explicit)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "kappaflow"


@contextmanager
def file_lock(path: Path) -> Generator[None]:
    """Hold an exclusive lock on a file, so that only one process fills a cache entry."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
