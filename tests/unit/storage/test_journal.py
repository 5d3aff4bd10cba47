"""The metadata journal at every byte of a crash."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kappaflow.errors import StorageError, StorageFullError
from kappaflow.storage.journal import MAGIC, Document, Journal
from kappaflow.testing.faulty_disk import FaultyDisk

DOCUMENTS: list[Document] = [{"topic": "orders", "partitions": n, "name": "é" * n} for n in range(1, 6)]


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
def test_documents_come_back(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "metadata.journal"
    journal, found = Journal.open(path, encoding=encoding)  # type: ignore[arg-type]
    assert found == []
    journal.append(DOCUMENTS[0])
    journal.append_all(DOCUMENTS[1:])
    journal.close()
    again, found = Journal.open(path, encoding=encoding)  # type: ignore[arg-type]
    assert found == DOCUMENTS
    assert again.record_count == 5
    assert again.size_bytes == path.stat().st_size
    again.close()


def test_a_torn_end_is_cut_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal, _ = Journal.open(path)
    ends = [journal.size_bytes]
    for document in DOCUMENTS:
        journal.append(document)
        ends.append(journal.size_bytes)
    journal.close()
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        again, found = Journal.open(path)
        kept = max((n for n, end in enumerate(ends) if end <= length), default=0)
        assert found == DOCUMENTS[:kept]
        assert again.truncated_bytes == length - (ends[kept] if length >= len(MAGIC) else 0)
        again.append({"new": 1})
        again.close()
        reread, found = Journal.open(path)
        assert found == [*DOCUMENTS[:kept], {"new": 1}]
        reread.close()


def test_zeros_behind_the_end_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal, _ = Journal.open(path)
    journal.append(DOCUMENTS[0])
    journal.close()
    path.write_bytes(path.read_bytes() + bytes(500))
    again, found = Journal.open(path)
    assert found == DOCUMENTS[:1]
    assert again.truncated_bytes == 500
    again.close()


def test_damage_before_the_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal, _ = Journal.open(path)
    for document in DOCUMENTS:
        journal.append(document)
    journal.close()
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(StorageError, match="damaged at byte 8"):
        Journal.open(path)
    assert path.read_bytes() == data, "nothing is cut from a file that is not understood"


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"something else entirely")
    with pytest.raises(StorageError, match="not a journal"):
        Journal.open(path)


def test_compaction(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal, _ = Journal.open(path)
    for document in DOCUMENTS * 20:
        journal.append(document)
    before = journal.size_bytes
    journal.compact(DOCUMENTS)
    assert journal.size_bytes < before
    journal.append({"after": 1})
    journal.close()
    again, found = Journal.open(path)
    assert found == [*DOCUMENTS, {"after": 1}]
    again.close()


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    disk = FaultyDisk()
    path = tmp_path / "journal"
    journal, _ = Journal.open(path, disk=disk)
    journal.append(DOCUMENTS[0])
    for free in range(30):
        disk.free_bytes = free
        with pytest.raises(StorageFullError):
            journal.append(DOCUMENTS[4])
        disk.free_bytes = free
        with pytest.raises(StorageFullError):
            journal.compact(DOCUMENTS)
    disk.free_bytes = None
    journal.append(DOCUMENTS[1])
    journal.close()
    again, found = Journal.open(path)
    assert found == DOCUMENTS[:2]
    again.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["journal"]


def test_a_failed_sync_ends_the_journal(tmp_path: Path) -> None:
    disk = FaultyDisk()
    journal, _ = Journal.open(tmp_path / "journal", disk=disk)
    disk.sync_error = errno.EIO
    with pytest.raises(StorageError, match="uncertain"):
        journal.append(DOCUMENTS[0])
    disk.sync_error = 0
    with pytest.raises(StorageError, match="uncertain"):
        journal.append(DOCUMENTS[0])
    journal.close()


def test_every_append_and_compaction_is_synced(tmp_path: Path) -> None:
    disk = FaultyDisk()
    journal, _ = Journal.open(tmp_path / "journal", disk=disk)
    syncs, directory_syncs = disk.syncs, disk.directory_syncs
    assert syncs == directory_syncs == 1
    journal.append(DOCUMENTS[0])
    assert disk.syncs == syncs + 1
    journal.compact(DOCUMENTS)
    assert (disk.syncs, disk.directory_syncs) == (syncs + 2, directory_syncs + 1)
    journal.close()


CHILD = """
import sys
from pathlib import Path
from kappaflow.storage.journal import Journal
journal, found = Journal.open(Path(sys.argv[1]))
for n in range(3):
    journal.append({"n": n})
journal.compact([{"n": "all"}])
journal.append({"n": "last"})
"""


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ("before-journal-append:3", [0, 1]),
        ("after-journal-append:3", [0, 1, 2]),
        ("before-journal-rename", [0, 1, 2]),
        ("after-journal-rename", ["all"]),
    ],
)
def test_a_kill_at_every_crash_point(tmp_path: Path, point: str, expected: list[object]) -> None:
    path = tmp_path / "journal"
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)],
        env={**os.environ, "KAPPA_CRASH_POINT": point},
        check=False,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL
    journal, found = Journal.open(path)
    assert [document["n"] for document in found] == expected
    journal.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["journal"]


@pytest.mark.parametrize("clean", [True, False])
def test_what_may_be_in_memory_only_is_written_again(tmp_path: Path, clean: bool) -> None:
    path = tmp_path / "journal"
    journal, _ = Journal.open(path)
    journal.append({"n": 1})
    journal.close()
    disk = FaultyDisk()
    disk.sync_error = errno.EIO
    if clean:
        assert Journal.open(path, disk=disk, clean=True)[1] == [{"n": 1}]
        return
    with pytest.raises(StorageError, match="uncertain"):
        Journal.open(path, disk=disk)
    disk.sync_error = 0
    disk.free_bytes = 0
    assert Journal.open(path, disk=disk)[1] == [{"n": 1}], "a full disk can be read"
