"""File systems in memory, as disks of local clusters that can be full; they need root."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from kappaflow.errors import ConfigError
from kappaflow.ops.local_clusters import texts as _texts
from kappaflow.ops.local_clusters.programs import command_path
from kappaflow.runtime.messages import message

assert _texts

MOUNTS = Path("/proc/self/mounts")
_OCTAL = re.compile(r"\\([0-7]{3})")


def mount(path: Path, size_bytes: int) -> None:
    """Mount a file system in memory.

    Raises:
        ConfigError: it needs root.
    """
    command = [command_path("mount"), "-t", "tmpfs", "-o", f"size={size_bytes}", "kappa", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(message("local_clusters.needs_root", reason=done.stderr.strip()))


def mounted_below(directory: Path) -> list[Path]:
    """Where something is mounted on a directory or below it, the last one first; twice where two lie on each other.

    Source: proc(5), ``/proc/PID/mounts``; spaces and the like stand there as octal numbers.
    """
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    paths = [Path(_OCTAL.sub(lambda m: chr(int(m[1], 8)), line.split(" ")[1])) for line in lines if " " in line]
    home = directory.resolve()
    return [path for path in reversed(paths) if path.is_relative_to(home)]


def unmount_below(directory: Path) -> None:
    """Unmount everything on a directory and below it.

    One that somebody still has a file open in is taken out of the tree at once, and ends with its last open file.

    Raises:
        ConfigError: something is still mounted; it needs root.
    """
    for path in mounted_below(directory):
        for words in ((), ("-l",)):
            done = subprocess.run([command_path("umount"), *words, str(path)], capture_output=True, check=False)
            if done.returncode == 0:
                break
    left = mounted_below(directory)
    if left:
        raise ConfigError(message("local_clusters.not_unmounted", path=left[0]))
