"""One connection to a machine for all commands, by OpenSSH's ControlMaster.

A connection is opened by the first command, serves those of every ``kappa`` of the same user, and ends a minute after
the last one. Its socket is in a directory that only the user can enter. Where the user's own ssh configuration shares
connections, that is left as it is. Source: ssh_config(5), ControlMaster, ControlPath, ControlPersist.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PERSIST_S = 60
LONGEST_PATH = 80
"""Of a socket: the system takes about a hundred characters, and ssh puts some behind while it makes one."""
_shares_itself: dict[tuple[str, ...], bool] = {}
_failed: dict[Path, tuple[float, str]] = {}
_guard = threading.Lock()
_OF_SHARING = ("unix_listener", "ControlPath", "ControlSocket", "mux")
"""What ssh says when it cannot share; it can connect all the same."""


class Shared(NamedTuple):
    """How to run commands.

    Attributes:
        words: of ssh, with its options and the machine.
        is_shared: whether an open connection is used.
        problem: why the machine cannot be reached; empty where it can, or was not tried.
    """

    words: list[str]
    is_shared: bool
    problem: str


def share(words: Sequence[str], timeout_s: float) -> Shared:
    """Open a connection to be shared unless one is open.

    Args:
        words: ``ssh``, its options, ``--`` and the machine.
        timeout_s: how long opening may take.
    """
    directory = _directory()
    plain = Shared(list(words), False, "")
    if directory is None or _is_shared_by_user(words):
        return plain
    path = directory / hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
    if len(str(path)) > LONGEST_PATH:
        return plain
    through = Shared([words[0], "-o", "ControlMaster=no", "-o", f"ControlPath={path}", *words[1:]], True, "")
    if _is_open(path):
        return through
    began = time.monotonic()
    # Two that open one at once would leave one of them open for ever, with nothing that uses it.
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_open(path):
            return through
        at, problem = _failed.get(path, (0.0, ""))
        if at < began:  # else somebody has just tried in vain
            path.unlink(missing_ok=True)
            problem = _open(words, path, timeout_s)
            _failed[path] = time.monotonic(), problem
    return through if _is_open(path) else plain._replace(problem=problem)


def _open(words: Sequence[str], path: Path, timeout_s: float) -> str:
    options = ["-o", "ControlMaster=yes", "-o", f"ControlPersist={PERSIST_S}", "-o", f"ControlPath={path}", "-N", "-f"]
    # What goes on in the background keeps the pipe open that it says errors to; a file does not keep anybody waiting.
    with tempfile.TemporaryFile() as said:
        try:
            done = subprocess.run(
                [words[0], *options, *words[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return ""  # the command itself says what is wrong
        said.seek(0)
        text = said.read().decode(errors="replace").strip()
    if not done.returncode or not text or any(word in text for word in _OF_SHARING):
        return ""
    return text.splitlines()[-1]


def _is_open(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _directory() -> Path | None:
    """Where the sockets are; None where there is no safe place."""
    user = os.getuid()
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    path = Path(base, "kappa-ssh") if base else Path(tempfile.gettempdir(), f"kappa-ssh-{user}")
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
    except OSError:
        return None
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077
    return path if is_own else None


def _is_shared_by_user(words: Sequence[str]) -> bool:
    """Whether the user's configuration shares connections to the machine already."""
    key = tuple(words)
    with _guard:
        known = _shares_itself.get(key)
    if known is None:
        try:
            shown = subprocess.run(
                [words[0], "-G", *words[1:]], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return True
        lines = shown.stdout.decode(errors="replace").lower().splitlines()
        known = any(line.startswith("controlpath ") and line != "controlpath none" for line in lines)
        with _guard:
            _shares_itself[key] = known
    return known
