"""An append-only journal of small documents that survives a crash at any byte.

    file     8 bytes "KAPPAJN1", then records
    record   length uint32, CRC-32C of the payload uint32, payload (JSON or MessagePack)

Every append is durable when it returns. A torn record at the end was never acknowledged and is cut off; damage before
a whole record is not a torn write, and is refused. After an unclean end what is read may be in the page cache only, and
after a sync that failed no later sync writes it: opening writes it again before anybody is told. A journal that leaves
appends to the operating system loses after a loss of power what was not written yet: it goes on with what is whole
before the first damage. Compaction writes the wanted documents to a new file, syncs it and renames it over the old one,
so that at every moment one whole journal exists.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path
from struct import Struct
from typing import Literal, TypeAlias

import msgspec
from crc32c import crc32c

from kappaflow.errors import StorageError
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.disk import SYSTEM_DISK, Disk
from kappaflow.storage.write_failure import write_failure

MAGIC = b"KAPPAJN1"
MAX_RECORD_BYTES = 64 << 20
Document: TypeAlias = dict[str, object]
_HEAD = Struct(">II")


class Journal:
    """An open journal; make one with `Journal.open`.

    Attributes:
        path: its file.
        size_bytes: bytes of whole records, with the file's head.
        record_count: records in the file, those that later ones replace included.
        truncated_bytes: what a torn write left and opening cut off.
    """

    def __init__(self, path: Path, disk: Disk, encoding: Literal["msgpack", "json"], *, durable: bool = True) -> None:
        self.path = path
        self._durable = durable
        self.size_bytes = len(MAGIC)
        self.record_count = 0
        self.truncated_bytes = 0
        self._disk = disk
        self._encode = msgspec.json.encode if encoding == "json" else msgspec.msgpack.encode
        self._decode = msgspec.json.decode if encoding == "json" else msgspec.msgpack.decode
        self._fd = -1
        self._failure: StorageError | None = None

    @staticmethod
    def open(
        path: Path,
        *,
        disk: Disk = SYSTEM_DISK,
        encoding: Literal["msgpack", "json"] = "msgpack",
        durable: bool = True,
        clean: bool = False,
    ) -> tuple[Journal, list[Document]]:
        """Open a journal, or start one, and return it with its documents, oldest first.

        Args:
            path: its file.
            disk: where it is.
            encoding: of the documents.
            durable: whether appends are synced; otherwise they survive the end of the process only.
            clean: whether the last user closed it in good order, so that all of it is on the device.

        Raises:
            StorageError: the file is not a journal, or is damaged before its last whole record.
        """
        journal = Journal(path, disk, encoding, durable=durable)
        disk.remove(path.with_name(path.name + ".tmp"))
        fresh = not path.exists()
        journal._fd = disk.open(path, create=True)
        data = disk.read(journal._fd, disk.size(journal._fd), 0)
        if len(data) < len(MAGIC) and MAGIC.startswith(data):
            journal.truncated_bytes = len(data)
            journal._start_file(fresh=fresh)
            return journal, []
        documents = journal._replay(data)
        if durable and not clean:
            journal._write_again(data)
        return journal, documents

    def append(self, document: Document) -> None:
        """Add a document and, where the journal is a durable one, sync it.

        Raises:
            StorageFullError: no space; the journal is as before.
            StorageError: the sync failed, now or earlier; the process should stop.
        """
        self.append_all([document])

    def append_all(self, documents: Iterable[Document]) -> None:
        """Add several documents with one sync; after a crash any number of the first ones may be there.

        Raises:
            StorageFullError: no space; the journal is as before.
            StorageError: the sync failed, now or earlier; the process should stop.
        """
        if self._failure is not None:
            raise self._failure
        records = [self._record(document) for document in documents]
        try:
            crash_point("before-journal-append")
            written = self._disk.write(self._fd, records, self.size_bytes)
        except OSError as error:
            self._disk.truncate(self._fd, self.size_bytes)
            raise write_failure(f"cannot write to {self.path}", error) from error
        try:
            if self._durable:
                self._disk.sync(self._fd)
        except OSError as error:
            raise self._failed(error) from error
        crash_point("after-journal-append")
        self.size_bytes += written
        self.record_count += len(records)

    def compact(self, documents: Iterable[Document]) -> None:
        """Replace all records by `documents`, atomically.

        Raises:
            StorageFullError: no space; the old journal stays.
        """
        if self._failure is not None:
            raise self._failure
        temporary = self.path.with_name(self.path.name + ".tmp")
        records = [self._record(document) for document in documents]
        fd = -1
        try:
            fd = self._disk.open(temporary, create=True)
            self._disk.truncate(fd, 0)
            size = self._disk.write(fd, [MAGIC, *records], 0)
            self._disk.sync(fd)
            crash_point("before-journal-rename")
            self._disk.replace(temporary, self.path)
        except OSError as error:
            if fd >= 0:
                self._disk.close(fd)
            self._disk.remove(temporary)
            raise write_failure(f"cannot compact {self.path}", error) from error
        self._disk.close(self._fd)
        self._fd = fd
        self.size_bytes = size
        self.record_count = len(records)
        crash_point("after-journal-rename")
        try:
            self._disk.sync_directory(self.path.parent)
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Make everything durable and close the file.

        Raises:
            StorageError: the sync failed.
        """
        if self._fd < 0:
            return
        try:
            if not self._durable and self._failure is None:
                self._disk.sync(self._fd)
        except OSError as error:
            raise self._failed(error) from error
        finally:
            self._disk.close(self._fd)
            self._fd = -1

    def _failed(self, error: OSError) -> StorageError:
        self._failure = StorageError(
            f"syncing {self.path} to disk failed ({error.strerror or error}); "
            "what it holds is uncertain. Check the disk, then start again"
        )
        return self._failure

    def _record(self, document: Document) -> bytes:
        payload = self._encode(document)
        return _HEAD.pack(len(payload), crc32c(payload)) + payload

    def _start_file(self, *, fresh: bool) -> None:
        self._disk.truncate(self._fd, 0)
        self._disk.write(self._fd, [MAGIC], 0)
        self._disk.sync(self._fd)
        if fresh:
            self._disk.sync_directory(self.path.parent)

    def _write_again(self, data: bytes) -> None:
        try:
            self._disk.write(self._fd, [memoryview(data)[: self.size_bytes]], 0)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise write_failure(f"cannot write to {self.path}", error) from error
        try:
            self._disk.sync(self._fd)
            self._disk.sync_directory(self.path.parent)
        except OSError as error:
            raise self._failed(error) from error

    def _replay(self, data: bytes) -> list[Document]:
        if not data.startswith(MAGIC):
            raise StorageError(f"{self.path} is not a journal of kappaflow; move it away or choose another directory")
        documents: list[Document] = []
        position = len(MAGIC)
        while (end := record_end(data, position)) is not None:
            payload = data[position + _HEAD.size : end]
            documents.append(self._decode(payload, type=dict[str, object]))
            position = end
        if position < len(data):
            if self._durable:
                self._refuse_damage(data, position)
            self._disk.truncate(self._fd, position)
            self._disk.sync(self._fd)
            self.truncated_bytes = len(data) - position
        self.size_bytes = position
        self.record_count = len(documents)
        return documents

    def _refuse_damage(self, data: bytes, position: int) -> None:
        """Tell a torn last record, which may go, from damage with whole records behind it, which must not."""
        if len(data) - position < _HEAD.size:
            return
        length, _ = _HEAD.unpack_from(data, position)
        end = position + _HEAD.size + length
        if end < len(data) and record_end(data, end) is not None:
            raise StorageError(
                f"{self.path} is damaged at byte {position} and goes on behind it; "
                "restore the file from a copy, or move it away to start without it"
            )


def record_end(data: bytes, position: int) -> int | None:
    """Where the whole record at `position` ends; None where there is none."""
    start = position + _HEAD.size
    if start > len(data):
        return None
    length, crc = _HEAD.unpack_from(data, position)
    end = start + length
    # A stretch of zeros has a matching CRC for length 0, but no document is empty.
    if length == 0 or length > MAX_RECORD_BYTES or end > len(data) or crc32c(memoryview(data)[start:end]) != crc:
        return None
    return end
