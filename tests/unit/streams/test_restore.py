"""Stores are filled from changelogs as rows or as tables: both give what the log says, and go on after an end."""

from __future__ import annotations

import errno
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from kappaflow import kernel
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import CorruptRecordError, SerializationError, StorageError
from kappaflow.runtime.disk import SYSTEM_DISK
from kappaflow.serde.json_format import JsonSerde
from kappaflow.serde.schema import Column, Namespace
from kappaflow.serde.types import BIGINT, STRING, Array, DataType
from kappaflow.state.database import StateDatabase
from kappaflow.streams.execution import restore
from kappaflow.streams.execution.commit import CHANGELOG, COMMITTED_AT, RESTORING, TOPIC_ID
from kappaflow.streams.execution.restore import RestoreInterrupted, RestoreJob, RestoreProgress, Restorer
from kappaflow.streams.execution.restore_tables import RestoreTables
from kappaflow.streams.topology import StoreSpec

CONFIG = ClientConfig("nowhere:1")
TASK = "app/0_0"
NOW = 1_700_000_000_000
Log = list[tuple[bytes | None, bytes | None]]
TABLES, ROWS = 0, 1_000_000
A, B = TopicPartition("a", 0), TopicPartition("b", 0)


class OneTime:
    """A clock that stands still."""

    def time_ms(self) -> int:
        return NOW


class LogReader:
    """Gives a changelog in chunks of a few records."""

    def __init__(self, logs: Mapping[TopicPartition, Log], rows: int) -> None:
        self._logs = logs
        self._rows = rows
        self._at: dict[TopicPartition, int] = {}

    def __enter__(self) -> LogReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._at.clear()

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._at = dict(offsets)

    def add(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._at |= offsets

    def remove(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            del self._at[partition]

    def poll(self, timeout_s: float = 0.0, max_bytes: int | None = None) -> list[FetchedChunk]:
        del timeout_s, max_bytes
        return [chunk for partition in list(self._at) if (chunk := self._next(partition)) is not None]

    def _next(self, partition: TopicPartition) -> FetchedChunk | None:
        at = self._at[partition]
        records = self._logs[partition][at : at + self._rows]
        if not records:
            return None
        self._at[partition] = at + len(records)
        keys, values = (pa.array([row[i] for row in records], pa.binary()) for i in (0, 1))
        times = np.arange(at, at + len(records), dtype=np.int64)
        zeros = np.zeros(len(records), np.int64)
        encoded = kernel.encode_records(keys, values, times, partition=zeros, partitions=1)
        (batch,) = encoded.partitions[0]
        data = at.to_bytes(8, "big") + batch.data[8:]
        end = len(self._logs[partition])
        return FetchedChunk(partition, at, at + len(records), data, end, end)

    def position(self, partition: TopicPartition) -> int:
        return self._at[partition]

    def empty_until(self, partition: TopicPartition) -> int:
        end = len(self._logs[partition])
        return end if self._at[partition] >= end else -1


def spec(name: str, types: tuple[DataType, ...], key_suffix: bytes) -> StoreSpec:
    columns = tuple(Column(f"C{number}", type_, Namespace.VALUE) for number, type_ in enumerate(types))
    return StoreSpec(name, cast("Any", None), JsonSerde(columns), types, key_suffix=key_suffix)


class Stores:
    """A database and the changelogs of its stores."""

    def __init__(self, path: Path, logs: Mapping[str, Log], types: tuple[DataType, ...] = (BIGINT,)) -> None:
        self.path, self.types, self.key_suffix = path, types, b""
        self.logs = {TopicPartition(name, 0): log for name, log in logs.items()}
        self.database = StateDatabase(path)

    def jobs(self) -> list[RestoreJob]:
        """From where the database is to the ends of the logs."""
        local = self.database.positions(TASK)
        return [
            RestoreJob(
                TASK,
                spec(at.topic, self.types, self.key_suffix),
                self.database.store(TASK, at.topic, self.types),
                at,
                7,
                local.get(CHANGELOG + at.topic, 0),
                len(log),
            )
            for at, log in self.logs.items()
        ]

    def restore(
        self, table_records_min: int, *, rows: int = 100, interrupted: Callable[[], bool] = lambda: False
    ) -> RestoreProgress:
        restorer = Restorer(
            CONFIG,
            self.database,
            interrupted,
            clock=cast("Any", OneTime()),
            open_reader=lambda _: LogReader(self.logs, rows),
            table_records_min=table_records_min,
        )
        restorer.run(self.jobs())
        return restorer.progress

    def found(self, name: str) -> dict[bytes, tuple[Any, int]]:
        return dict(self.database.store(TASK, name, self.types).range())


def counts(keys: int, rounds: int) -> Log:
    """Every key several times, some of them deleted again, and records without a key in between."""
    log: Log = []
    for number in range(rounds):
        for key in range(keys):
            gone = (key + number) % 7 == 0
            log.append((f"k{key * 37 % keys}".encode(), None if gone else b'{"C0":%d}' % (key + number)))
        log.append((None, b'{"C0":0}'))
    return log


def expected(log: Log) -> dict[bytes, tuple[Any, int]]:
    state: dict[bytes, tuple[Any, int]] = {}
    for offset, (key, value) in enumerate(log):
        if key is not None:
            state.pop(key, None)
            if value is not None:
                state[key] = ((int(value[6:-1]),), offset)
    return state


@pytest.fixture(params=[TABLES, ROWS], ids=["tables", "rows"])
def way(request: pytest.FixtureRequest) -> int:
    return request.param


def test_stores_hold_what_their_changelogs_say(tmp_path: Path, way: int) -> None:
    logs = {"one": counts(300, 4), "two": counts(90, 3), "none": []}
    stores = Stores(tmp_path, logs)
    progress = stores.restore(way)
    for name, log in logs.items():
        assert stores.found(name) == expected(log)
    assert progress.done == progress.total == sum(map(len, logs.values()))
    assert progress.seconds is not None and progress.seconds_left(0.0) is None
    at = stores.database.positions(TASK)
    assert (at[CHANGELOG + "one"], at[CHANGELOG + "two"]) == (len(logs["one"]), len(logs["two"]))
    assert at[TOPIC_ID + "one"] == 7 and at[RESTORING] == 1


def test_large_stores_are_read_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that tables of the first are made while the others are fetched; small ones are read at once."""
    logs = {f"large{number}": counts(200, 2) for number in range(6)} | {f"small{n}": counts(5, 1) for n in range(3)}
    read: list[set[str]] = []
    poll = LogReader.poll

    def noted(reader: LogReader, timeout_s: float = 0.0, max_bytes: int | None = None) -> list[FetchedChunk]:
        read.append({partition.topic for partition in reader._at})
        return poll(reader, timeout_s, max_bytes)

    monkeypatch.setattr(LogReader, "poll", noted)
    stores = Stores(tmp_path, logs)
    progress = stores.restore(100)
    assert {name: stores.found(name) for name in logs} == {name: expected(log) for name, log in logs.items()}
    assert progress.done == sum(map(len, logs.values()))
    assert {"small0", "small1", "small2"} <= read[0]
    assert max(sum(name.startswith("large") for name in names) for names in read) == 2
    assert set().union(*read) == set(logs)


def test_a_store_that_is_behind_gets_the_rest(tmp_path: Path, way: int) -> None:
    log = counts(200, 3)
    stores = Stores(tmp_path, {"one": log[:450]})
    stores.restore(ROWS)
    stores.logs[TopicPartition("one", 0)] = log
    assert stores.restore(way).total == len(log) - 450
    assert stores.found("one") == expected(log)


def test_an_interrupted_restore_goes_on_where_it_was(tmp_path: Path, way: int) -> None:
    log = counts(500, 3)
    stores = Stores(tmp_path, {"one": log})
    asked: Iterator[bool] = iter([False, False, False, True])
    with pytest.raises(RestoreInterrupted):
        stores.restore(way, interrupted=lambda: next(asked))
    at = stores.database.positions(TASK)
    assert at[RESTORING] == 1 and at[CHANGELOG + "one"] == 300
    assert stores.found("one") == expected(log[:300])
    assert stores.restore(way).total == len(log) - 300
    assert stores.found("one") == expected(log)


def test_a_restore_that_was_begun_again_keeps_the_time_of_its_oldest_rows(tmp_path: Path, way: int) -> None:
    stores = Stores(tmp_path, {"one": counts(50, 2)})
    stores.database.write_positions({TASK: {COMMITTED_AT: NOW - 1000}})
    stores.restore(way)
    assert stores.database.positions(TASK)[COMMITTED_AT] == NOW - 1000


def test_a_crash_behind_a_table_restores_its_rows_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = counts(200, 2)
    stores = Stores(tmp_path, {"one": log})
    written: list[bool] = []

    def until_a_table_was_taken(positions: Any, *, durably: bool = False) -> None:
        if not durably:
            raise KeyboardInterrupt
        written.append(durably)
        StateDatabase.write_positions(stores.database, positions, durably=durably)

    with monkeypatch.context() as patch:
        patch.setattr(stores.database, "write_positions", until_a_table_was_taken)
        with pytest.raises(KeyboardInterrupt):
            stores.restore(TABLES)
    assert written == [True]
    assert stores.found("one") == expected(log)
    # What tells that these rows are there was on the device before them.
    assert stores.database.positions(TASK)[RESTORING] == 1
    assert stores.database.positions(TASK)[CHANGELOG + "one"] == 0
    stores.restore(TABLES)
    assert stores.found("one") == expected(log)
    assert stores.database.positions(TASK)[CHANGELOG + "one"] == len(log)


def test_a_restore_that_takes_long_says_how_far_it_is(
    tmp_path: Path, way: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(restore, "TOLD_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(restore, "TOLD_EVERY_SECONDS", 0.0)
    stores = Stores(tmp_path, {"one": counts(100, 2)})
    with caplog.at_level(logging.INFO, restore.logger.name):
        stores.restore(way, rows=101)
    first, *_, last = caplog.messages
    assert first.startswith("Restoring app: 101 of 202 records (50 %), about 0 s left")
    assert last == "Restored app in 0 s"


def test_a_restore_that_is_short_says_nothing(tmp_path: Path, way: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, restore.logger.name):
        Stores(tmp_path, {"one": counts(100, 2)}).restore(way)
    assert not caplog.messages


def test_rows_of_nested_types_are_restored(tmp_path: Path, way: int) -> None:
    log: Log = [(b"a", b'{"C0":["x","y"]}'), (b"b", b'{"C0":[]}'), (b"a", b'{"C0":["z"]}'), (b"b", None)]
    stores = Stores(tmp_path, {"one": log}, (Array(STRING),))
    stores.restore(way)
    assert stores.found("one") == {b"a": ((["z"],), 2)}


def test_what_a_changelog_has_behind_every_key_is_left_out(tmp_path: Path, way: int) -> None:
    stores = Stores(tmp_path, {"one": [(b"a\x00\x00", b'{"C0":1}'), (None, b'{"C0":2}'), (b"ab\x00\x00", b'{"C0":3}')]})
    stores.key_suffix = b"\x00\x00"
    stores.restore(way)
    assert stores.found("one") == {b"a": ((1,), 0), b"ab": ((3,), 2)}


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, way: int) -> None:
    log = counts(50, 2)
    log[60] = (b"k", b'{"C0":"many"}')
    with pytest.raises(SerializationError, match=r"one.* at 60"):
        Stores(tmp_path, {"one": log}).restore(way)


def test_a_damaged_changelog_is_refused(tmp_path: Path, way: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LogReader._next  # pyright: ignore[reportPrivateUsage]

    def damaged(reader: LogReader, partition: TopicPartition) -> FetchedChunk | None:
        chunk = whole(reader, partition)
        return None if chunk is None else chunk._replace(records=chunk.records[:-3] + b"???")

    monkeypatch.setattr(LogReader, "_next", damaged)
    with pytest.raises(CorruptRecordError):
        Stores(tmp_path, {"one": counts(50, 1)}).restore(way)


def in_folder(folder: Path) -> Callable[[bytes, Sequence[Any], Sequence[Any]], Path]:
    """Writes the keys of each table to a file of its own."""
    names = itertools.count()

    def write(_prefix: bytes, keys: Sequence[Any], _rows: Sequence[Any]) -> Path:
        path = folder / f"{next(names)}"
        path.write_text(str(keys))
        return path

    return write


def test_what_waits_in_memory_is_bounded(tmp_path: Path) -> None:
    given: dict[Any, int] = {}
    with RestoreTables(in_folder(tmp_path), table_bytes=1000, pending_bytes_max=250) as tables:
        for number in range(6):
            column = pa.array([b"k%d" % number])
            for store in (A, B):
                tables.add(store, b"", 60, number + 1, lambda column=column: (column, column))
            given.update((key, next_offset) for key, next_offset, _ in tables.made())
            waiting = sum(60 * (number + 1 - given.get(store, 0)) for store in (A, B))
            assert waiting <= 250
        tables.end_all()
        given.update((key, next_offset) for key, next_offset, _ in tables.made(wait=True))
    assert given == {A: 6, B: 6}


def test_a_table_is_made_of_enough_chunks(tmp_path: Path) -> None:
    with RestoreTables(in_folder(tmp_path), table_bytes=100) as tables:
        for number in range(5):
            column = pa.array([b"k%d" % number])
            tables.add(A, b"", 50, number + 1, lambda column=column: (column, column))
        tables.end(A)
        assert [made.next_offset for made in tables.made(wait=True)] == [2, 4, 5]


def test_tables_that_nobody_takes_in_leave_no_file(tmp_path: Path) -> None:
    column = pa.array([b"k"])
    with pytest.raises(KeyboardInterrupt), RestoreTables(in_folder(tmp_path)) as tables:
        for number in range(3):
            tables.add(A, b"", 50, number + 1, lambda: (column, column))
            tables.end(A)
        assert next(tables.made(wait=True)).table == tmp_path / "0"
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["0"]  # which was given away


def test_what_a_crash_left_of_tables_is_removed_at_the_next_opening(tmp_path: Path) -> None:
    log = counts(50, 1)
    stores = Stores(tmp_path, {"one": log})
    left = stores.database.write_table(b"", [pa.array([b"k"])], [pa.array([b"row"])])
    stores.database.close()
    assert left is not None and left.exists()
    stores = Stores(tmp_path, {"one": log})
    assert not left.exists()
    stores.restore(TABLES)
    assert stores.found("one") == expected(log)
    assert not list(tmp_path.glob("restored-table*"))


def test_a_table_that_cannot_be_written_ends_the_restore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    stores = Stores(tmp_path, {"one": counts(50, 1)})
    monkeypatch.setattr(SYSTEM_DISK, "write", full)
    with pytest.raises(StorageError, match="No space left on device"):
        stores.restore(TABLES)
    assert not list(tmp_path.glob("restored-table*"))
    monkeypatch.undo()
    stores.restore(TABLES)
    assert stores.found("one") == expected(counts(50, 1))


def test_a_table_without_rows_is_no_file(tmp_path: Path) -> None:
    database = StateDatabase(tmp_path)
    keys = pa.nulls(3, pa.binary())
    assert database.write_table(b"", [keys], [keys]) is None
    assert not list(tmp_path.glob("restored-table*"))
    database.close()
