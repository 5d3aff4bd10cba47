"""The state of one worker: a RocksDB in which one write batch is one commit.

    key   task | 0 | store | 0 | the store's key          (local layout, ours)
    value the packed row                                  (kappaflow.state.rows)
    also  positions of inputs and changelogs, times and drop counts, per task, in the same write batch

Changes wait in memory (the delta) until `commit`; a reader sees committed rows and the delta.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, islice, takewhile
from pathlib import Path
from typing import Any, cast

import msgspec
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    IngestExternalFileOptions,
    Options,
    Rdict,
    WriteBatch,
)
from sortedcontainers import SortedSet

from kappaflow import kernel
from kappaflow.errors import DataDirectoryLocked, StorageError
from kappaflow.kernel.record_columns import ArrowArray
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.disk import SYSTEM_DISK
from kappaflow.serde.types import DataType
from kappaflow.state.memory_rows import MemoryRows
from kappaflow.state.ordered import Row, Stored
from kappaflow.state.rows import RowCodec

BLOCK_CACHE_BYTES = 50 * 1024 * 1024
BLOOM_BITS_PER_KEY = 10
MEMTABLE_BLOOM_RATIO = 0.1
WRITE_BUFFER_BYTES = 16 * 1024 * 1024
CLEAN_ROWS_MAX = 100_000
CHANGED_ROW_BYTES = 400
SWEEP_ROWS = 20_000
POSITIONS_PREFIX = b"\xff\x00positions\x00"
TABLE_FILE = "restored-table"


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(2)
    tables = BlockBasedOptions()
    tables.set_block_cache(Cache(BLOCK_CACHE_BYTES))
    # A new key is looked up once, and nothing is found: the filter answers that without reading.
    tables.set_bloom_filter(BLOOM_BITS_PER_KEY, False)
    tables.set_cache_index_and_filter_blocks(False)
    options.set_block_based_table_factory(tables)
    options.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM_RATIO)
    options.set_memtable_whole_key_filtering(True)
    # As Kafka Streams sets it up: small buffers, and no time spent on compressing.
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(3)
    options.set_compression_type(DBCompressionType.none())
    return options


class StateDatabase:
    """Opens the database of a worker and commits to it.

    Raises:
        DataDirectoryLocked: another process has it open.
        StorageError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._tables = count()
        self._memory: dict[bytes, MemoryRows] = {}
        try:
            self._db = Rdict(str(path), _options())
        except Exception as error:
            if "lock" in str(error).lower():
                raise DataDirectoryLocked(
                    f"The state in {path} is in use by another process. Stop it, or choose another --data-dir."
                ) from error
            raise StorageError(f"The state in {path} cannot be opened: {error}") from error
        for left in path.glob(f"{TABLE_FILE}-*"):  # written before a crash, and not taken in
            left.unlink(missing_ok=True)

    def store(self, task: str, name: str, types: Sequence[DataType], *, in_memory: bool = False) -> DurableStore:
        """Return the store `name` of a task.

        Args:
            in_memory: nothing of it is written to the disk; it is there again while this process has the task.
        """
        prefix = task.encode() + b"\x00" + name.encode() + b"\x00"
        if not in_memory:
            return DurableStore(self._db, prefix, RowCodec(types))
        rows = self._memory.setdefault(prefix, MemoryRows())
        return DurableStore(rows, prefix, RowCodec(types), rows)

    def keep_memory(self, application_id: str, tasks: Iterable[str]) -> None:
        """Let go of what is kept in memory of all tasks of an application but these."""
        kept = {task.encode() for task in tasks}
        for prefix in list(self._memory):
            task = prefix.partition(b"\x00")[0]
            if task.startswith(application_id.encode() + b"/") and task not in kept:
                del self._memory[prefix]

    def positions(self, task: str) -> dict[str, int]:
        """Return the positions that the last commit of a task wrote; empty when there was none."""
        data = self._db.get(POSITIONS_PREFIX + task.encode())
        return {} if data is None else msgspec.msgpack.decode(data, type=dict[str, int])

    def commit(self, task_stores: Sequence[DurableStore], positions: Mapping[str, Mapping[str, int]]) -> None:
        """Write the changes of stores and the positions of tasks in one batch."""
        batch = WriteBatch(raw_mode=True)
        in_memory = [(store.memory, list(store.take_changes())) for store in task_stores if store.memory is not None]
        for store in task_stores:
            for key, packed in () if store.memory is not None else store.take_changes():
                if packed is None:
                    batch.delete(key)
                else:
                    batch.put(key, packed)
        for task, values in positions.items():
            batch.put(POSITIONS_PREFIX + task.encode(), msgspec.msgpack.encode(dict(values)))
        crash_point("before-local-batch")
        self._db.write(batch)
        for memory, rows in in_memory:
            memory.write(rows)
        crash_point("after-local-batch")

    def write_restored(
        self,
        store: DurableStore,
        rows: Iterable[tuple[bytes, bytes | None]],
        task: str,
        positions: Mapping[str, int],
    ) -> None:
        """Write packed rows of a store that nothing else changes now, and how far it is, in one batch."""
        batch = WriteBatch(raw_mode=True)
        prefix, put = store.prefix, batch.put
        if store.memory is not None:
            store.memory.write((prefix + key, packed) for key, packed in rows)
            rows = ()
        for key, packed in rows:
            if packed is None:
                batch.delete(prefix + key)
            else:
                put(prefix + key, packed)
        batch.put(POSITIONS_PREFIX + task.encode(), msgspec.msgpack.encode(dict(positions)))
        self._db.write(batch)

    def write_positions(self, positions: Mapping[str, Mapping[str, int]], *, durably: bool = False) -> None:
        """Write what is kept of tasks beside their stores, in one batch.

        Args:
            durably: return when it is on the device, as tables that are taken in afterwards are.
        """
        batch = WriteBatch(raw_mode=True)
        for task, values in positions.items():
            batch.put(POSITIONS_PREFIX + task.encode(), msgspec.msgpack.encode(dict(values)))
        self._db.write(batch)
        if durably:
            self._db.flush_wal(True)

    def write_table(self, prefix: bytes, keys: Sequence[ArrowArray], rows: Sequence[ArrowArray]) -> Path | None:
        """Write rows as a sorted table, and return when it is on the device; from any thread.

        Args:
            prefix: of the store.
            keys: Arrow binary columns, one after the other; of equal keys the last one counts.
            rows: as many columns of packed rows; null deletes the key.

        Returns:
            The file for `take_table`, None where there are no rows; one that is not taken in goes with the next
            opening of the database.

        Raises:
            StorageError: it cannot be written.
        """
        path = self.path / f"{TABLE_FILE}-{next(self._tables)}"
        fd, size = -1, 0

        def write(piece: bytes) -> None:
            nonlocal fd, size
            if fd < 0:
                fd = SYSTEM_DISK.open(path, create=True)
            SYSTEM_DISK.write(fd, [piece], size)
            SYSTEM_DISK.begin_sync(fd, size, len(piece))
            size += len(piece)

        try:
            if not kernel.sorted_table(prefix, keys, rows, write):
                return None
            SYSTEM_DISK.sync(fd)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise _not_taken(self.path, error) from error
            raise
        finally:
            if fd >= 0:
                SYSTEM_DISK.close(fd)
        return path

    def take_table(self, path: Path) -> None:
        """Take a table that `write_table` wrote in: all of its rows at once, in place of those of the same keys.

        Raises:
            StorageError: it cannot be taken in.
        """
        options = IngestExternalFileOptions()
        options.set_move_files(True)
        try:
            self._db.ingest_external_file([str(path)], options)
        except Exception as error:
            raise _not_taken(self.path, error) from error
        finally:
            path.unlink(missing_ok=True)

    def drop_task(self, task: str) -> None:
        """Remove everything of a task, in one batch."""
        batch = WriteBatch(raw_mode=True)
        batch.delete_range(task.encode() + b"\x00", task.encode() + b"\x01")
        for prefix, rows in self._memory.items():
            if prefix.startswith(task.encode() + b"\x00"):
                rows.delete_range(b"", b"\xff")
                rows.is_current = False
        batch.delete(POSITIONS_PREFIX + task.encode())
        self._db.write(batch)

    def drop_application(self, application_id: str) -> None:
        """Remove the tasks of one application; their names begin with its id and a slash."""
        for task in self.tasks():
            if task.startswith(f"{application_id}/"):
                self.drop_task(task)

    def tasks(self) -> list[str]:
        """The names of the tasks that have committed something."""
        names: list[str] = []
        for key in cast("Iterator[bytes]", self._db.keys(from_key=POSITIONS_PREFIX)):
            if not key.startswith(POSITIONS_PREFIX):
                break
            names.append(key[len(POSITIONS_PREFIX) :].decode())
        return names

    def close(self) -> None:
        """Close the database; changes that were not committed are gone."""
        self._db.close()


def _not_taken(path: Path, error: Exception) -> StorageError:
    return StorageError(f"Restored rows cannot be taken into the state in {path}: {error}")


class DurableStore:
    """One store of one task: committed rows below, changes since the last commit above.

    Attributes:
        memory: the committed rows where they are not on the disk.
        journal: told each change when it is made: key, row and time.
    """

    def __init__(
        self, db: Rdict | MemoryRows, prefix: bytes, codec: RowCodec, memory: MemoryRows | None = None
    ) -> None:
        self._db: Any = db
        self.memory = memory
        self.prefix = prefix
        self.codec = codec
        self._changed: dict[bytes, Stored | None] = {}
        self._deleted_at: dict[bytes, int] = {}
        self.journal: Callable[[bytes, Stored | None, int], None] | None = None
        self._clean: dict[bytes, Stored | None] = {}
        self._gets = self._puts = self._deletes = 0
        self._packed: dict[bytes, bytes | None] = {}
        self._expired: list[bytes] = []
        self._ordered: SortedSet | None = None  # changed keys in order, once something asked for a range
        self._swept_before = 0
        self._sweep_from: bytes | None = None  # where a sweep that is under way goes on

    def get(self, key: bytes) -> Stored | None:
        """Return the row of a key and its timestamp, or None."""
        self._gets += 1
        if key in self._changed:
            return self._changed[key]
        if key in self._packed:
            packed = self._packed[key]
            return None if packed is None else self.codec.read(packed)
        if key in self._clean:
            return self._clean[key]
        data = self._db.get(self.prefix + key)
        stored = None if data is None else self.codec.read(data)
        if len(self._clean) >= CLEAN_ROWS_MAX:
            self._clean.clear()
        self._clean[key] = stored
        return stored

    def put(self, key: bytes, row: Row | None, timestamp: int) -> None:
        """Set the row of a key; None deletes it."""
        self._puts += 1
        self._deletes += row is None
        self._changed.pop(key, None)  # the order of the last change is the order of the changelog
        self._changed[key] = stored = None if row is None else (row, timestamp)
        if stored is None:
            self._deleted_at[key] = timestamp
        if self._ordered is not None:
            self._ordered.add(key)
        if self.journal is not None:
            self.journal(key, stored, timestamp)

    def figures(self) -> dict[str, int | float]:
        """Return how often rows were read and written, by Kafka Streams' names of store metrics."""
        return {"get-total": self._gets, "put-total": self._puts, "delete-total": self._deletes}

    def is_empty(self) -> bool:
        """Return whether there is no row at all, neither committed nor waiting."""
        return not self.changed_rows and next(self.committed(), None) is None

    def by_age(self) -> Iterator[bytes]:
        """Yield keys in the order in which they were put last; of a store in memory, the disk does not tell it."""
        skip = len(self.prefix)
        committed = () if self.memory is None else self.memory.by_age()
        yield from [key[skip:] for key in committed if key[skip:] not in self._changed]
        yield from [key for key, row in self._changed.items() if row is not None]

    def put_packed(self, keys: Sequence[bytes], rows: Sequence[bytes | None]) -> None:
        """Set packed rows, as the kernel's folds give them."""
        self._puts += len(keys)
        self._packed.update(zip(keys, rows, strict=True))
        if self._ordered is not None:
            self._ordered.update(keys)

    def get_packed(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return packed rows, for the kernel's folds."""
        if not self._packed:
            return cast("list[bytes | None]", self._db.get([self.prefix + key for key in keys]))
        return [self._packed[key] if key in self._packed else self._db.get(self.prefix + key) for key in keys]

    def range(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, Stored]]:
        """Yield keys in [low, high) in byte order."""
        if self._ordered is None:
            self._ordered = SortedSet([*self._changed, *self._packed])
        waiting = list(self._ordered.irange(low, high, inclusive=(True, False)))
        waiting.reverse()
        for key, data in self.committed(low, high):
            while waiting and waiting[-1] < key:
                yield from self._delta(waiting.pop())
            if waiting and waiting[-1] == key:
                yield from self._delta(waiting.pop())
            else:
                yield key, self.codec.read(data)
        for key in reversed(waiting):
            yield from self._delta(key)

    def _delta(self, key: bytes) -> Iterator[tuple[bytes, Stored]]:
        stored = self.get(key)
        if stored is not None:
            yield key, stored

    def committed(self, low: bytes = b"", high: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield committed keys in [low, high) and their packed rows."""
        end = self.prefix[:-1] + b"\x01" if high is None else self.prefix + high
        skip = len(self.prefix)
        for key, data in cast("Iterator[tuple[bytes, bytes]]", self._db.items(from_key=self.prefix + low)):
            if key >= end or not key.startswith(self.prefix):
                return
            yield key[skip:], data

    def changes(self) -> Iterator[tuple[bytes, Stored | None, int]]:
        """Yield keys, rows and times of what changed since the last commit, in the order of the last change."""
        for key, stored in self._changed.items():
            yield key, stored, self._deleted_at[key] if stored is None else stored[1]

    def take_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield database keys and packed rows to be committed, and regard them as committed."""
        for key in self._expired:
            if key not in self._changed and key not in self._packed:
                yield self.prefix + key, None
                self._clean.pop(key, None)
        self._expired.clear()
        for key, stored in self._changed.items():
            yield self.prefix + key, None if stored is None else self.codec.write(*stored)
            self._clean[key] = stored
        for key, packed in self._packed.items():
            yield self.prefix + key, packed
            self._clean.pop(key, None)
        self._changed.clear()
        self._deleted_at.clear()
        self._packed.clear()
        self._ordered = None
        if len(self._clean) > CLEAN_ROWS_MAX:
            self._clean.clear()

    def expire(self, time_at: int, before: int, interval_ms: int) -> None:
        """Let the next commits remove rows of times before `before`; no change of the changelog.

        A sweep looks at `SWEEP_ROWS` rows a call, so that no commit waits for a large store, and goes on with the next.

        Args:
            time_at: where keys hold their time, 8 bytes, counted from the end.
            before: milliseconds since the epoch.
            interval_ms: no new sweep is begun until `before` has moved on by so much since the last one.
        """
        if self._sweep_from is None:
            if before - self._swept_before < interval_ms:
                return
            self._swept_before = before
            self._sweep_from = b""
        oldest = max(0, self._swept_before).to_bytes(8, "big")
        end, skip, seen, key = self.prefix[:-1] + b"\x01", len(self.prefix), 0, b""
        keys = cast("Iterator[bytes]", self._db.keys(from_key=self.prefix + self._sweep_from))
        for key in islice(takewhile(end.__gt__, keys), SWEEP_ROWS):
            seen += 1
            if key[len(key) - time_at : len(key) - time_at + 8] < oldest:
                self._expired.append(key[skip:])
        self._sweep_from = key[skip:] + b"\x00" if seen == SWEEP_ROWS else None

    @property
    def changed_rows(self) -> int:
        """Number of rows that wait for a commit."""
        return len(self._changed) + len(self._packed)

    @property
    def delta_bytes(self) -> int:
        """About what these rows take in memory."""
        return self.changed_rows * CHANGED_ROW_BYTES

    def clear(self) -> None:
        """Remove all rows, committed ones included."""
        self._changed.clear()
        self._packed.clear()
        self._ordered = None
        self._clean.clear()
        self._db.delete_range(self.prefix, self.prefix[:-1] + b"\x01")
