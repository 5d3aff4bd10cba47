"""What survives a torn tail, damaged bytes, and missing or damaged indexes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kappaflow.storage.log import PartitionLog
from kappaflow.storage.log_config import LogConfig
from kappaflow.wire.record_batch import build_batch, iterate_headers

NOW_MS = 1_700_000_000_000
OpenLog = Callable[..., PartitionLog]
SMALL = LogConfig(segment_bytes=1_000, index_interval_bytes=150)


def batch(number: int, count: int = 2, producer: int = 7) -> bytes:
    return build_batch(
        [(b"k", b"value %03d" % number)] * count, timestamp_ms=NOW_MS + number,
        producer_id=producer, producer_epoch=0, base_sequence=number * count,
    )  # fmt: skip


def content(log: PartitionLog) -> list[tuple[int, int]]:
    found, offset = [], log.log_start_offset
    while offset < log.log_end_offset:
        for _, header in iterate_headers(log.read(offset, 400)):
            found.append((header.base_offset, header.base_sequence))
            offset = header.last_offset + 1
    return found


def fill(log: PartitionLog, batches: int) -> list[tuple[int, int]]:
    for number in range(batches):
        log.append(batch(number))
    return [(2 * number, 2 * number) for number in range(batches)]


def active_file(directory: Path) -> Path:
    return max(directory.glob("*.log"))


def test_a_torn_tail_is_cut_at_every_byte(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log(SMALL)
    expected = fill(log, 15)
    log.close()
    shutil.copytree(tmp_path / "t-0", tmp_path / "whole")
    file = active_file(tmp_path / "whole")
    whole = file.read_bytes()
    size = len(batch(14))
    for cut in range(size + 1):
        shutil.rmtree(tmp_path / "t-0")
        shutil.copytree(tmp_path / "whole", tmp_path / "t-0")
        (tmp_path / "t-0" / file.name).write_bytes(whole[: len(whole) - cut])
        again = open_log(SMALL, clean=False)
        assert content(again) == (expected if cut == 0 else expected[:-1])
        assert again.truncated_bytes == (0 if cut in {0, size} else size - cut)
        if cut:
            assert again.append(batch(14)).base_offset == 28
            assert again.append(batch(14)).is_duplicate
        again.release()


def test_zeros_and_junk_behind_the_last_batch_are_cut(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log(SMALL)
    expected = fill(log, 5)
    log.close()
    for junk in (bytes(1), bytes(4_096), b"\xff" * 100, batch(9)[:70]):
        file = active_file(tmp_path / "t-0")
        file.write_bytes(file.read_bytes() + junk)
        again = open_log(SMALL, clean=False)
        assert content(again) == expected
        assert again.truncated_bytes == len(junk)
        again.close()


def test_a_damaged_byte_anywhere_cuts_there(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log(LogConfig())
    expected = fill(log, 20)
    log.close()
    shutil.copytree(tmp_path / "t-0", tmp_path / "whole")
    size = len(batch(0))
    whole = active_file(tmp_path / "whole").read_bytes()
    randomness = random.Random(20)
    for _ in range(60):
        position = randomness.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[position] ^= randomness.randrange(1, 256)
        shutil.rmtree(tmp_path / "t-0")
        shutil.copytree(tmp_path / "whole", tmp_path / "t-0")
        active_file(tmp_path / "t-0").write_bytes(damaged)
        again = open_log(LogConfig(), clean=False)
        found = content(again)
        in_uncovered_bytes = 0 <= position % size < 8 or 12 <= position % size < 16
        whole_batches = position // size
        assert len(found) >= whole_batches
        assert found[:whole_batches] == expected[:whole_batches]
        assert in_uncovered_bytes or len(found) == whole_batches
        again.release()


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("suffix", [".index", ".timeindex"])
@pytest.mark.parametrize("damage", ["missing", "cut", "noise", "empty", "beyond"])
def test_indexes_are_made_again(open_log: OpenLog, tmp_path: Path, suffix: str, damage: str, clean: bool) -> None:
    log = open_log(SMALL)
    expected = fill(log, 40)
    wanted = [log.offset_for_timestamp(NOW_MS + step) for step in range(40)]
    log.close()
    for path in (tmp_path / "t-0").glob("*" + suffix):
        data = path.read_bytes()
        assert data
        if damage == "missing":
            path.unlink()
        elif damage == "cut":
            path.write_bytes(data[:-1])
        elif damage == "noise":
            path.write_bytes(data[::-1])
        elif damage == "empty":
            path.write_bytes(b"")
        else:
            path.write_bytes(data + b"\x7f" * (8 if suffix == ".index" else 12))
    again = open_log(SMALL, clean=clean)
    assert again.log_end_offset == 80
    assert content(again) == expected
    assert [again.offset_for_timestamp(NOW_MS + step) for step in range(40)] == wanted
    assert again.append(batch(40)).base_offset == 80


def test_segments_before_the_recovery_point_are_not_scanned(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log(SMALL)
    fill(log, 40)
    base = log.segment_base_offsets[2]
    log.close()
    first = tmp_path / "t-0" / f"{0:020d}.log"
    data = bytearray(first.read_bytes())
    data[70] ^= 1
    first.write_bytes(data)
    again = open_log(SMALL, clean=False, recovery_point=base + 1)
    assert again.log_end_offset == 80
    again.release()
    assert open_log(SMALL, clean=False, recovery_point=0).log_end_offset == 0


def test_damage_in_a_middle_segment_drops_what_follows(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log(SMALL)
    expected = fill(log, 40)
    bases = log.segment_base_offsets
    log.close()
    middle = tmp_path / "t-0" / f"{bases[1]:020d}.log"
    middle.write_bytes(middle.read_bytes()[:-10])
    again = open_log(SMALL, clean=False)
    assert again.log_end_offset == bases[2] - 2
    assert content(again) == expected[: again.log_end_offset // 2]
    assert again.append(batch(again.log_end_offset // 2)).is_duplicate is False


def test_left_overs_are_swept(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log(SMALL)
    expected = fill(log, 3)
    log.close()
    directory = tmp_path / "t-0"
    for name in ("leader-epoch-checkpoint.tmp", f"{999:020d}.index", f"{999:020d}.timeindex", f"{999:020d}.snapshot"):
        (directory / name).write_bytes(b"junk")
    again = open_log(SMALL, clean=True)
    assert content(again) == expected
    again.close()
    assert not [path.name for path in directory.iterdir() if "999" in path.name or path.name.endswith(".tmp")]


def test_an_index_is_a_prefix_of_what_recovery_makes(open_log: OpenLog, tmp_path: Path) -> None:
    log = open_log(SMALL)
    fill(log, 60)
    log.close()
    written = {path.name: path.read_bytes() for path in (tmp_path / "t-0").glob("*index")}
    again = open_log(SMALL, clean=False)
    again.close()
    assert {path.name: path.read_bytes() for path in (tmp_path / "t-0").glob("*index")} == written
