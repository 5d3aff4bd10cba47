"""What the files of a partition hold, read without changing, locking or repairing anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from kappaflow.errors import CorruptRecordError, StorageError
from kappaflow.runtime.disk import SYSTEM_DISK
from kappaflow.storage.index import OffsetIndex, TimeIndex
from kappaflow.storage.journal import MAGIC, record_end
from kappaflow.storage.producer_state import ProducerState
from kappaflow.storage.record_extents import batch_body, record_extents
from kappaflow.wire.record_batch import (
    COMPRESSION_NAMES,
    DELETE_HORIZON_BIT,
    HEADER_SIZE,
    RecordBatchHeader,
    crc_is_valid,
    parse_header,
)

Row = dict[str, Any]
_LOG = re.compile(r"(\d{20})\.log")
_JOURNAL_HEAD_BYTES = 8


def inspect_partition(directory: Path, *, with_batches: bool = False) -> Row:
    """Segments, indexes, producers and leader epochs of one partition.

    Args:
        directory: the partition's directory.
        with_batches: also describe every batch.
    """
    bases = sorted(int(match[1]) for path in directory.iterdir() if (match := _LOG.fullmatch(path.name)))
    segments = [inspect_segment(directory / f"{base:020d}.log", with_batches=with_batches) for base in bases]
    ends = [segment["next_offset"] for segment in segments]
    snapshots = sorted(directory.glob("*.snapshot"))
    return {
        "directory": directory.name,
        "log_start_offset": _stored_start(directory, bases[0] if bases else 0),
        "log_end_offset": max(ends, default=0),
        "size_bytes": sum(segment["size_bytes"] for segment in segments),
        "segments": segments,
        "producers": _producers(snapshots[-1]) if snapshots else [],
        "leader_epochs": _pairs(directory / "leader-epoch-checkpoint"),
        "leftovers": sorted(
            path.name for path in directory.iterdir() if path.suffix in (".tmp", ".cleaned", ".swap", ".deleted")
        ),
    }


def inspect_segment(path: Path, *, with_batches: bool = False) -> Row:
    """One segment file and its indexes; a problem is told where the file stops making sense."""
    base_offset = int(path.name[:20])
    batches: list[Row] = []
    count = records = 0
    next_offset, max_timestamp, good = base_offset, -1, 0
    problem: str | None = None
    try:
        for position, header, batch in _batches(path):
            count += 1
            records += header.record_count
            next_offset, good = header.last_offset + 1, position + header.size
            max_timestamp = max(max_timestamp, header.max_timestamp)
            if with_batches:
                batches.append(_describe(position, header, batch))
    except CorruptRecordError as error:
        problem = str(error)
    size = path.stat().st_size
    row: Row = {
        "base_offset": base_offset,
        "next_offset": next_offset,
        "size_bytes": size,
        "batches": count,
        "records": records,
        "max_timestamp": max_timestamp,
        "unreadable_bytes": size - good,
        "problem": problem,
        "offset_index": _index(OffsetIndex(SYSTEM_DISK, path.with_suffix(".index"), base_offset), size),
        "time_index": _index(TimeIndex(SYSTEM_DISK, path.with_suffix(".timeindex"), base_offset), None),
    }
    if with_batches:
        row["batch_list"] = batches
    return row


def read_journal(path: Path) -> tuple[list[dict[str, Any]], int]:
    """(documents, bytes at the end that are no whole document) of a journal in MessagePack.

    Raises:
        StorageError: it is no journal.
    """
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        raise StorageError(f"{path} is not a journal of kappaflow")
    documents: list[dict[str, Any]] = []
    position = len(MAGIC)
    while (end := record_end(data, position)) is not None:
        documents.append(msgspec.msgpack.decode(data[position + _JOURNAL_HEAD_BYTES : end]))
        position = end
    return documents, len(data) - position


def _batches(path: Path) -> Iterator[tuple[int, RecordBatchHeader, bytes]]:
    position = 0
    with path.open("rb") as file:
        while head := file.read(HEADER_SIZE):
            header = parse_header(head)
            batch = head + file.read(header.size - HEADER_SIZE)
            if len(batch) < header.size:
                raise CorruptRecordError(f"the batch at position {position} is cut")
            if not crc_is_valid(batch, 0, header):
                raise CorruptRecordError(f"the CRC of the batch at position {position} does not match")
            yield position, header, batch
            position += header.size


def _describe(position: int, header: RecordBatchHeader, batch: bytes) -> Row:
    row: Row = {
        "position": position,
        "base_offset": header.base_offset,
        "last_offset": header.last_offset,
        "records": header.record_count,
        "size_bytes": header.size,
        "max_timestamp": header.max_timestamp,
        "compression": COMPRESSION_NAMES[header.compression] if header.compression < 5 else str(header.compression),
        "leader_epoch": header.leader_epoch,
        "producer_id": header.producer_id,
        "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence,
        "is_transactional": header.is_transactional,
        "is_control": header.is_control,
        "delete_horizon_ms": header.base_timestamp if header.attributes & DELETE_HORIZON_BIT else None,
    }
    if header.is_control:
        keys = [extent.key for extent in record_extents(header, batch_body(header, batch))]
        kinds = {b"\0\0": "abort", b"\0\1": "commit"}
        row["marker"] = [kinds.get((key or b"")[2:4], "other") for key in keys]
    return row


def _index(index: OffsetIndex | TimeIndex, log_size: int | None) -> Row:
    problem: str | None = None
    try:
        if isinstance(index, OffsetIndex):
            index.load(log_size or 0)
        else:
            index.load()
    except StorageError as error:
        problem = str(error)
    return {"entries": len(index), "problem": problem}


def _producers(snapshot: Path) -> list[Row]:
    """Producers as of the newest snapshot; what was written after it is in the log only."""
    state = ProducerState(0)
    if not state.read_snapshot(snapshot, int(snapshot.name[:20])):
        return [{"problem": f"{snapshot.name} is damaged"}]
    return [
        {
            "producer_id": entry.producer_id,
            "epoch": entry.epoch,
            "last_sequence": entry.batches[-1].last_sequence if entry.batches else -1,
            "last_offset": entry.batches[-1].last_offset if entry.batches else -1,
            "batches": len(entry.batches),
            "last_timestamp": entry.last_timestamp,
        }
        for entry in state.producers()
    ]


def _stored_start(directory: Path, first_base: int) -> int:
    lines = _lines(directory / "log-start-offset-checkpoint")
    stored = int(lines[2].split(" ")[2]) if len(lines) > 2 else 0
    return max(stored, first_base)


def _pairs(path: Path) -> list[list[int]]:
    return [[int(word) for word in line.split(" ")] for line in _lines(path)[2:]]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
