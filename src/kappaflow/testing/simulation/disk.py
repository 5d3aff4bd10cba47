"""A disk that keeps after a loss of power only what was synced, and of the rest whatever the seed says.

Real files on a real directory stand for the page cache, which survives the end of a process.  Beside them is kept what
the device has for certain, and what it may have:

    file        content at the last sync, and the writes and cuts since, which may be lost, torn at any byte, reordered;
                after a sync that failed, pages that no later sync writes, because the page cache takes them as clean
    directory   entries at the last sync, and the creations, renames and removals since

Directories themselves are taken as durable at once.

Source: Rebello et al., "Can Applications Recover from fsync Failures?" (USENIX ATC 2020)
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from kappaflow.runtime.disk import ByteBuffer, OsDisk
from kappaflow.testing.simulation.event_loop import ProcessKilled

PAGE_BYTES = 512  # smaller than the kernel's, so that small files have several

Write = tuple[int, bytes]
Cut = int


@dataclass(slots=True, eq=False)
class _File:
    """One file: what is durable, what happened since, and the pages that the device refused, as they were then."""

    durable: bytes = b""
    since: list[Write | Cut] = field(default_factory=list["Write | Cut"])
    refused: dict[int, bytes] = field(default_factory=dict[int, bytes])

    def written(self, fd: int, position: int, data: bytes) -> None:
        """Note a write; a refused page that it touches is dirty again as a whole."""
        self.since.append((position, data))
        if self.refused:
            for page in _pages(position, len(data)):
                if self.refused.pop(page, None) is not None:
                    self.since.append((page * PAGE_BYTES, _page(fd, page)))

    def cut(self, size: int) -> None:
        """Note a cut."""
        self.since.append(size)
        self.refused = {
            page: data[: size - page * PAGE_BYTES] for page, data in self.refused.items() if page * PAGE_BYTES < size
        }

    def synced(self, fd: int) -> None:
        """All but the refused pages is durable."""
        content = bytearray(os.pread(fd, os.fstat(fd).st_size, 0))
        for page in sorted(self.refused):
            start, end = page * PAGE_BYTES, min((page + 1) * PAGE_BYTES, len(content))
            old = self.durable[start:end]
            content[start:end] = old if end == len(content) else old.ljust(end - start, b"\0")
        self.durable, self.since = bytes(content), []

    def refuse(self, fd: int) -> None:
        """A sync failed: what was dirty counts as clean from now on."""
        for change in self.since:
            if isinstance(change, tuple):
                for page in _pages(change[0], len(change[1])):
                    self.refused[page] = _page(fd, page)
        self.since = [change for change in self.since if isinstance(change, int)]


def _pages(position: int, length: int) -> range:
    return range(position // PAGE_BYTES, (position + length + PAGE_BYTES - 1) // PAGE_BYTES)


def _page(fd: int, page: int) -> bytes:
    return os.pread(fd, PAGE_BYTES, page * PAGE_BYTES)


@dataclass(slots=True)
class _Directory:
    """The entries of a directory: as synced, as they are, and the changes in between (name, file or None)."""

    durable: dict[str, _File] = field(default_factory=dict[str, _File])
    current: dict[str, _File] = field(default_factory=dict[str, _File])
    since: list[list[tuple[str, _File | None]]] = field(default_factory=list["list[tuple[str, _File | None]]"])


class SimulatedDisk:
    """The disk of one machine; processes use it through `ProcessDisk`.

    Args:
        root: the directory that is simulated.
        random: decides what a loss of power leaves.

    Attributes:
        free_bytes: how much can still be written; None for no limit.
        sync_error: an errno with which syncs fail; 0 for none.
        operations: changes made so far.
        watch: told of every change.
    """

    def __init__(self, root: Path, random: Random) -> None:
        self.root = root
        self.free_bytes: int | None = None
        self.sync_error = 0
        self.operations = 0
        self.watch: Callable[[str], None] | None = None
        self._random = random
        self._directories: dict[Path, _Directory] = {}

    def directory(self, path: Path) -> _Directory:
        """What is known of a directory; files that were made without the disk do not count."""
        return self._directories.setdefault(path, _Directory())

    def created(self, path: Path) -> _File:
        """Note a new file."""
        found, file = self.directory(path.parent), _File()
        found.current[path.name] = file
        found.since.append([(path.name, file)])
        return file

    def renamed(self, source: Path, target: Path) -> None:
        """Note a rename, of a file or of a whole directory."""
        if target.is_dir():
            self._directories.pop(source, None)
            return
        found = self.directory(source.parent)
        file = found.current.pop(source.name, None) or _File()
        found.current[target.name] = file
        found.since.append([(source.name, None), (target.name, file)])

    def removed(self, path: Path) -> None:
        """Note a removal."""
        found = self.directory(path.parent)
        if found.current.pop(path.name, None) is not None:
            found.since.append([(path.name, None)])

    def synced(self, path: Path) -> None:
        """Make the entries of a directory durable."""
        found = self.directory(path)
        found.durable = dict(found.current)
        found.since.clear()

    def lose_power(self) -> int:
        """Rewrite the files to what a loss of power leaves; return how many of them changed."""
        changed = 0
        for path, found in list(self._directories.items()):
            if not path.exists():
                del self._directories[path]
                continue
            entries = self._entries_left(found)
            for name in found.current.keys() - entries.keys():
                (path / name).unlink(missing_ok=True)
                changed += 1
            for name, file in entries.items():
                changed += self._leave(path / name, file)
            found.durable, found.current = dict(entries), dict(entries)
            found.since.clear()
        return changed

    def _entries_left(self, found: _Directory) -> dict[str, _File]:
        entries = dict(found.durable)
        count = self._random.randint(0, len(found.since))
        in_order = self._random.random() < 0.6
        for position, change in enumerate(found.since):
            if position < count if in_order else self._random.random() < 0.5:
                for name, file in change:
                    if file is None:
                        entries.pop(name, None)
                    else:
                        entries[name] = file
        return entries

    def _leave(self, path: Path, file: _File) -> int:
        content = bytearray(file.durable)
        refused = [(page * PAGE_BYTES, data) for page, data in file.refused.items() if self._random.random() < 0.5]
        changes = refused + self._changes_left(file.since)
        for change in changes:
            if isinstance(change, int):
                del content[change:]
                content.extend(bytes(change - len(content)))
            else:
                position, data = change
                content.extend(bytes(max(0, position - len(content))))
                content[position : position + len(data)] = data
        file.durable, file.since, file.refused = bytes(content), [], {}
        before = path.read_bytes() if path.exists() else None
        if before != file.durable:
            path.write_bytes(file.durable)
        return before != file.durable

    def _changes_left(self, since: list[Write | Cut]) -> list[Write | Cut]:
        random = self._random
        kind = random.random()
        if kind < 0.3:
            return list(since)
        kept = since[: random.randint(0, len(since))]
        if kind < 0.75:
            left = list(kept)
            torn = since[len(kept)] if len(kept) < len(since) else None
            if isinstance(torn, tuple):
                left.append((torn[0], torn[1][: random.randint(0, len(torn[1]))]))
            return left
        return [part for change in since if (part := self._part_left(change)) is not None]

    def _part_left(self, change: Write | Cut) -> Write | Cut | None:
        """A change that later ones did not wait for: whole, not at all, or with zeros where its end belongs."""
        drawn = self._random.random()
        if drawn < 0.6:
            return change
        if drawn < 0.8 and isinstance(change, tuple):
            position, data = change
            return position, data[: self._random.randint(0, len(data))]
        return None


class ProcessDisk(OsDisk):
    """The disk as one process sees it; the process can be killed at any change that it makes.

    Args:
        disk: the machine's disk.
        on_kill: told when the process dies.
    """

    def __init__(self, disk: SimulatedDisk, on_kill: Callable[[str], None], random: Random) -> None:
        self.dead = False
        self._disk = disk
        self._on_kill = on_kill
        self._random = random
        self._kill_after: int | None = None
        self._files: dict[int, tuple[_File | None, Path]] = {}

    def arm(self, operations: int) -> None:
        """Have the process killed at the n-th change from now on."""
        self._kill_after = operations

    def disarm(self) -> None:
        """Let the process live."""
        self._kill_after = None

    def release(self) -> None:
        """The process is gone, and with it its descriptors."""
        self.dead = True
        files, self._files = self._files, {}
        for fd in files:
            os.close(fd)

    def _change(self, what: str, path: Path) -> bool:
        """Count a change; true where the process dies at it."""
        if self.dead:
            raise ProcessKilled(what)
        self._disk.operations += 1
        if self._disk.watch is not None:
            self._disk.watch(f"{what} {path.relative_to(self._disk.root)}")
        if self._kill_after is None:
            return False
        self._kill_after -= 1
        return self._kill_after <= 0

    def _die(self, what: str) -> ProcessKilled:
        self._on_kill(what)
        return ProcessKilled(what)

    def open(self, path: Path, *, create: bool = False, write: bool = True) -> int:
        """Open a file."""
        if self.dead:
            raise ProcessKilled("open")
        is_new = create and not path.exists()
        if is_new and self._change("create", path):
            raise self._die(f"before {path.name} is created")
        fd = super().open(path, create=create, write=write)
        file = self._disk.created(path) if is_new else self._disk.directory(path.parent).current.get(path.name)
        self._files[fd] = (file, path)
        return fd

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        if self._files.pop(fd, None) is not None:
            super().close(fd)
        elif self.dead:
            return
        else:
            raise OSError(errno.EBADF, "Bad file descriptor")

    def write(self, fd: int, buffers: Sequence[ByteBuffer], position: int) -> int:
        """Write, or die in the middle, or write what fits."""
        data = b"".join(buffers)
        if self.dead:
            raise ProcessKilled("write")
        file, path = self._files[fd]
        dies = self._change(f"write {len(data)} bytes at {position}", path)
        limit = len(data)
        if dies:
            limit = self._random.choice([0, len(data), self._random.randint(0, len(data))])
        free = self._disk.free_bytes
        full = free is not None and free < len(data)
        if free is not None:
            limit = min(limit, free)
            self._disk.free_bytes = free - limit
        if limit:
            super().write(fd, [data[:limit]], position)
            if file is not None:
                file.written(fd, position, data[:limit])
        if dies:
            raise self._die(f"{limit} of {len(data)} bytes into a write to {path.name}")
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(data)

    def read(self, fd: int, size: int, position: int) -> bytes:
        """Read."""
        if self.dead:
            raise ProcessKilled("read")
        return super().read(fd, size, position)

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file."""
        if self.dead:
            raise ProcessKilled("truncate")
        file, path = self._files[fd]
        if self._change(f"cut to {size} bytes", path):
            raise self._die("before a truncation")
        super().truncate(fd, size)
        if file is not None:
            file.cut(size)

    def sync(self, fd: int) -> None:
        """Make the file's data durable, or fail."""
        if self.dead:
            raise ProcessKilled("sync")
        file, path = self._files[fd]
        dies = self._change("sync", path)
        if dies:
            raise self._die(f"before a sync of {path.name}")
        if self._disk.sync_error:
            if file is not None:
                file.refuse(fd)
            raise OSError(self._disk.sync_error, "Input/output error")
        if file is not None:
            file.synced(fd)

    def sync_directory(self, path: Path) -> None:
        """Make the directory's entries durable, or fail."""
        if self._change("sync directory", path):
            raise self._die(f"before a sync of the directory {path.name}")
        if self._disk.sync_error:
            raise OSError(self._disk.sync_error, "Input/output error")
        self._disk.synced(path)

    def replace(self, source: Path, target: Path) -> None:
        """Rename."""
        if self._change("rename", source):
            raise self._die(f"before {source.name} is renamed")
        super().replace(source, target)
        self._disk.renamed(source, target)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        if not path.exists():
            return
        if self._change("remove", path):
            raise self._die(f"before {path.name} is removed")
        super().remove(path)
        self._disk.removed(path)
