"""Who may use a data directory."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kappaflow.errors import DataDirectoryError, DataDirectoryLocked
from kappaflow.storage.data_directory import LOCK_FILE, META_FILE, DataDirectory

HOLDER = """
import sys
from pathlib import Path
from kappaflow.storage.data_directory import DataDirectory
directory = DataDirectory.open(Path(sys.argv[1]))
print(directory.cluster_id, flush=True)
sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline()
    return child


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate(timeout=30)


def test_a_second_process_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    child = hold(tmp_path)
    try:
        with pytest.raises(DataDirectoryLocked) as raised:
            DataDirectory.open(tmp_path)
    finally:
        end(child)
    assert str(child.pid) in str(raised.value)
    assert str(tmp_path) in str(raised.value)
    assert "--data-dir" in str(raised.value)


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    child = hold(tmp_path)
    end(child)
    with DataDirectory.open(tmp_path) as directory:
        assert directory.taken_over_from is not None
        assert directory.taken_over_from.pid == child.pid


def test_a_clean_end_leaves_nothing_to_take_over(tmp_path: Path) -> None:
    with DataDirectory.open(tmp_path) as first:
        cluster_id = first.cluster_id
    with DataDirectory.open(tmp_path, node_id=9) as second:
        assert second.taken_over_from is None
        assert second.cluster_id == cluster_id
        assert second.node_id == 1
    assert re.fullmatch(r"[\w-]{22}", cluster_id)


def test_a_damaged_lock_file_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_bytes(b"\xff\x00 nothing sensible")
    with DataDirectory.open(tmp_path) as directory:
        assert directory.taken_over_from is None


def test_a_directory_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(DataDirectoryError, match=r"thesis\.tex"):
        DataDirectory.open(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version=1\ncluster.id=abc\n", "another program"),
        ("version=2\nformat=kappaflow\ncluster.id=abc\n", "newer version"),
        ("version=x\nformat=kappaflow\ncluster.id=abc\n", "damaged"),
        ("", "another program"),
    ],
)
def test_meta_properties_must_be_ours(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / META_FILE).write_text(text)
    for _ in range(2):
        with pytest.raises(DataDirectoryError, match=message):
            DataDirectory.open(tmp_path)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataDirectoryError, match="--data-dir"):
        DataDirectory.open(tmp_path / "data")


def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    with DataDirectory.open(tmp_path / "a" / "b", new_cluster_id=lambda: "x" * 22) as directory:
        assert directory.cluster_id == "x" * 22
    assert [entry.name for entry in (tmp_path / "a").iterdir()] == ["b"]
