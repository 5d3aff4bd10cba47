"""Which outside tools are on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from kappaflow.ops.local_clusters.programs import command_path, file_lock
from kappaflow.runtime.cache_directory import cache_directory

__all__ = [
    "COMMANDS_BY_TOOLCHAIN",
    "cache_directory",
    "command_path",
    "file_lock",
    "missing_toolchains",
    "required_toolchains",
]

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
