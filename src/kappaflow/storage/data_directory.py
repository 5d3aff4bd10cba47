"""The data directory: who uses it, and whether it is ours.

    .lock             JSON: pid, start time and command of the user, held with flock for as long as it lives
    meta.properties   version, cluster id, node id

The kernel releases the lock when the process ends, however it ends, so a lock file without a lock is stale and is
simply taken over.
"""

from __future__ import annotations

import base64
import fcntl
import os
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from kappaflow.errors import DataDirectoryError, DataDirectoryLocked
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.runtime.closing import Closing
from kappaflow.runtime.disk import SYSTEM_DISK, Disk, replace_file

FORMAT_VERSION = 1
LOCK_FILE = ".lock"
META_FILE = "meta.properties"


class LockHolder(msgspec.Struct, frozen=True):
    """Who holds a data directory; `started_ms` since 1970."""

    pid: int
    started_ms: int
    command: str


class DataDirectory(Closing):
    """A data directory that this process has locked; make one with `DataDirectory.open`.

    Attributes:
        path: the directory.
        cluster_id: 22 characters, the same for the directory's whole life.
        node_id: this broker's id.
        taken_over_from: the dead process whose lock file was found, where there was one.
    """

    def __init__(
        self, path: Path, lock_fd: int, cluster_id: str, node_id: int, taken_over_from: LockHolder | None
    ) -> None:
        self.path = path
        self.cluster_id = cluster_id
        self.node_id = node_id
        self.taken_over_from = taken_over_from
        self._lock_fd = lock_fd

    @staticmethod
    def open(
        path: Path,
        *,
        node_id: int = 1,
        clock: Clock = SYSTEM_CLOCK,
        disk: Disk = SYSTEM_DISK,
        new_cluster_id: Callable[[], str] | None = None,
    ) -> DataDirectory:
        """Make the directory where it is missing, lock it and read what it is.

        Args:
            path: the directory.
            node_id: the broker's id, written into a new directory.
            clock: for the start time in the lock file.
            disk: where it is.
            new_cluster_id: gives the id of a new directory; random where left out.

        Raises:
            DataDirectoryLocked: another live process uses it.
            DataDirectoryError: it holds other things, is of a newer format, or cannot be written.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataDirectoryError(
                f"cannot make the data directory {path} ({error.strerror}); choose another with --data-dir"
            ) from error
        _refuse_foreign(path)
        lock_fd, previous = _lock(path, clock)
        try:
            cluster_id, known_node_id = _read_or_write_meta(path, disk, node_id, new_cluster_id or _random_id)
        except (OSError, DataDirectoryError):
            os.close(lock_fd)
            raise
        return DataDirectory(path, lock_fd, cluster_id, known_node_id, previous)

    def close(self) -> None:
        """Release the directory."""
        if self._lock_fd >= 0:
            os.ftruncate(self._lock_fd, 0)
            os.close(self._lock_fd)
            self._lock_fd = -1


def _lock(path: Path, clock: Clock) -> tuple[int, LockHolder | None]:
    lock_path = path / LOCK_FILE
    try:
        fd = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise DataDirectoryError(
            f"cannot write to the data directory {path} ({error.strerror}); "
            "change its permissions or choose another with --data-dir"
        ) from error
    previous = _read_holder(fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        who = f"process {previous.pid} ({previous.command})" if previous else "another process"
        raise DataDirectoryLocked(
            f"{who} is using the data directory {path}; stop it, or choose another directory with --data-dir"
        ) from None
    except OSError as error:
        os.close(fd)
        raise DataDirectoryError(
            f"cannot lock {lock_path} ({error.strerror}): is it on a file system with locks?"
        ) from error
    holder = LockHolder(os.getpid(), clock.time_ms(), " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:500])
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, msgspec.json.encode(holder), 0)
    except OSError:
        pass  # a full disk must not keep the directory from being opened and cleaned; the lock itself holds
    return fd, previous


def _read_holder(fd: int) -> LockHolder | None:
    try:
        return msgspec.json.decode(os.pread(fd, 4096, 0), type=LockHolder)
    except msgspec.MsgspecError:
        return None


def _refuse_foreign(path: Path) -> None:
    """A directory is ours when it says so, or when there is nothing in it."""
    if (path / META_FILE).exists():
        return
    ours = {LOCK_FILE, META_FILE + ".tmp", "lost+found"}
    others = sorted(entry.name for entry in path.iterdir() if entry.name not in ours)
    if others:
        raise DataDirectoryError(
            f"{path} is not a data directory of kappaflow: it holds {others[0]!r} but no {META_FILE}; "
            "choose an empty or new directory with --data-dir"
        )


def _read_or_write_meta(path: Path, disk: Disk, node_id: int, new_cluster_id: Callable[[], str]) -> tuple[str, int]:
    meta = path / META_FILE
    if not meta.exists():
        cluster_id = new_cluster_id()
        text = f"version={FORMAT_VERSION}\nformat=kappaflow\ncluster.id={cluster_id}\nnode.id={node_id}\n"
        replace_file(disk, meta, text.encode())
        return cluster_id, node_id
    values = dict(
        line.split("=", 1) for line in meta.read_text().splitlines() if "=" in line and not line.startswith("#")
    )
    if values.get("format") != "kappaflow" or "cluster.id" not in values:
        raise DataDirectoryError(
            f"{path} belongs to another program: its {META_FILE} does not name kappaflow; choose another directory"
        )
    try:
        version, known_node_id = int(values.get("version", "")), int(values.get("node.id", "1"))
    except ValueError:
        raise DataDirectoryError(f"{meta} is damaged: version and node.id must be numbers") from None
    if version > FORMAT_VERSION:
        raise DataDirectoryError(
            f"{path} was written by a newer version (format {version}, this one knows {FORMAT_VERSION}); "
            "upgrade kappaflow"
        )
    return values["cluster.id"], known_node_id


def _random_id() -> str:
    """A random id in Kafka's form: 16 bytes in URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
