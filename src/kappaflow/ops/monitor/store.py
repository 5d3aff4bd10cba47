"""The monitor's memory: what it saw in the last hours at every look, and in the last days as means of ten minutes.

    series.jsonl   which column is whose: one line a series, the last one of a column counts
    recent.ring    a row a look
    days.ring      a row of means every ten minutes
    lock           held by the monitor that writes

Why rings of our own and not a database: decision 14 in ``docs/decisions``.
"""

from __future__ import annotations

import fcntl
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kappaflow.errors import StorageError
from kappaflow.ops.contexts.context_file import home_directory
from kappaflow.ops.monitor import texts as _texts
from kappaflow.ops.monitor.ring import HEADER_BYTES, Ring
from kappaflow.ops.monitor.samples import Series
from kappaflow.runtime.messages import message

assert _texts

RECENT_MS = 6 * 3_600_000
MEAN_STEP_MS = 600_000
FIRST_CAPACITY = 1024
CATALOGUE, RECENT, DAYS = "series.jsonl", "recent.ring", "days.ring"


def store_directory(cluster: str) -> Path:
    """Where the store of a cluster is: under ``monitor`` in kappa's home directory."""
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in cluster)
    return home_directory() / "monitor" / safe


class Point(NamedTuple):
    """A value of a series at a time."""

    at_ms: int
    value: float


class TimeStore:
    """The store of one cluster; one process writes, any may read."""

    def __init__(
        self,
        directory: Path,
        *,
        interval_ms: int = 60_000,
        retention_ms: int = 7 * 86_400_000,
        bytes_max: int = 1 << 30,
        write: bool = True,
    ) -> None:
        """Open the store, or begin it.

        Args:
            directory: of the store.
            interval_ms: between two looks.
            retention_ms: how long means are kept.
            bytes_max: what the files may take together; series that have no room are counted and not kept.
            write: whether snapshots will be added.

        Raises:
            StorageError: it cannot be used, or another monitor writes to it.
        """
        self._directory = directory
        self._write = write
        self._lock: IO[str] | None = self._take_lock() if write else None
        mean_ms = max(MEAN_STEP_MS, interval_ms)
        self._shapes = {
            RECENT: (interval_ms, max(1, RECENT_MS // interval_ms)),
            DAYS: (mean_ms, max(1, math.ceil(retention_ms / mean_ms))),
        }
        slots = sum(slots for _, slots in self._shapes.values())
        self._columns_max = max(1, (bytes_max - 2 * HEADER_BYTES - 8 * slots) // (4 * slots))
        self._retention_ms = retention_ms
        self._columns: dict[Series, int] = {}
        self._since: dict[int, int] = {}
        self._seen: dict[int, int] = {}
        self.dropped = 0
        try:
            self._read_catalogue()
            capacity = min(self._columns_max, max(FIRST_CAPACITY, len(self._since)))
            self._rings = {
                name: Ring(directory / name, *shape, self._capacity_of(name, capacity), write=write)
                for name, shape in self._shapes.items()
            }
        except (OSError, ValueError, KeyError) as error:
            self.close()
            raise StorageError(message("time_store.unusable", path=directory, error=error)) from error
        except StorageError:
            self.close()
            raise
        self._mean_of = 0
        self._sums: NDArray[np.float64] = np.zeros(0)
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)

    def __enter__(self) -> TimeStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[Series]:
        return iter(sorted(self._columns))

    def _take_lock(self) -> IO[str]:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            file = (self._directory / "lock").open("w")
        except OSError as error:
            raise StorageError(message("time_store.unmade", directory=self._directory, error=error)) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise StorageError(message("time_store.taken", directory=self._directory)) from error
        return file

    def _capacity_of(self, name: str, wanted: int) -> int:
        """Rings only grow, so that no series loses its column."""
        path = self._directory / name
        if not path.exists():
            return wanted
        try:
            return min(self._columns_max, max(wanted, Ring(path, 0, 0, 0, write=False).capacity))
        except StorageError:
            return wanted

    def _read_catalogue(self) -> None:
        path = self._directory / CATALOGUE
        if not path.exists() and not self._write:
            raise StorageError(message("time_store.none", directory=self._directory))
        whole, _, _torn = (path.read_text(encoding="utf-8") if path.exists() else "").rpartition("\n")
        owners: dict[int, tuple[Series, int]] = {}
        for line in whole.splitlines():
            row: dict[str, Any] = json.loads(line)
            if row["column"] < self._columns_max or not self._write:
                owners[row["column"]] = (Series(row["metric"], tuple(sorted(row["labels"].items()))), row["since"])
        self._columns = {series: column for column, (series, _) in owners.items()}
        self._since = {column: since for column, (_, since) in owners.items()}
        self._seen = dict(self._since)
        if self._write:
            temporary = path.with_suffix(".tmp")
            rows = [_line(series, column, since) for column, (series, since) in sorted(owners.items())]
            temporary.write_text("".join(rows), encoding="utf-8")
            temporary.replace(path)

    def add(self, at_ms: int, values: Mapping[Series, float]) -> None:
        """Keep what was seen at a time.

        Raises:
            StorageError: the disk is full, or fails.
        """
        try:
            self._give_columns(at_ms, values)
            row = np.full(self._rings[RECENT].capacity, np.nan, np.float32)
            kept = [(column, value) for s, value in values.items() if (column := self._columns.get(s)) is not None]
            columns = np.fromiter((column for column, _ in kept), np.int64, len(kept))
            row[columns] = np.fromiter((value for _, value in kept), np.float64, len(kept))
            self._seen.update(dict.fromkeys(columns.tolist(), at_ms))
            self._rings[RECENT].write(at_ms, row)
            self._add_to_mean(at_ms, row)
        except (OSError, ValueError) as error:
            raise StorageError(message("time_store.unwritable", directory=self._directory, error=error)) from error

    def _add_to_mean(self, at_ms: int, row: NDArray[np.float32]) -> None:
        days = self._rings[DAYS]
        step = at_ms // days.step_ms
        if step != self._mean_of:
            self._mean_of = step
            self._sums, self._counts = np.zeros(0), np.zeros(0, np.int64)
        missing = len(row) - len(self._sums)
        self._sums = np.pad(self._sums, (0, missing))
        self._counts = np.pad(self._counts, (0, missing))
        good = ~np.isnan(row)
        self._sums[good] += row[good]
        self._counts[good] += 1
        with np.errstate(invalid="ignore"):
            days.write(at_ms, (self._sums / np.where(self._counts, self._counts, np.nan)).astype(np.float32))

    def _give_columns(self, at_ms: int, values: Mapping[Series, float]) -> None:
        new = [series for series in values if series not in self._columns]
        self.dropped = 0
        if not new:
            return
        free = self._free_columns(at_ms, len(new))
        lines: list[str] = []
        for series, column in zip(new, free, strict=False):
            self._columns[series] = column
            self._since[column] = at_ms
            lines.append(_line(series, column, at_ms))
        self.dropped = len(new) - len(lines)
        with (self._directory / CATALOGUE).open("a", encoding="utf-8") as file:
            file.write("".join(lines))

    def _free_columns(self, at_ms: int, wanted: int) -> list[int]:
        """Columns that nobody has, then those whose series was not seen for as long as anything is kept."""
        free = list(range(len(self._since), min(len(self._since) + wanted, self._columns_max)))
        if len(free) < wanted:
            stale = {c for c, seen in self._seen.items() if at_ms - seen > self._retention_ms}
            for series in [s for s, column in self._columns.items() if column in stale]:
                free.append(self._columns.pop(series))
        needed = max(free, default=-1) + 1
        if needed > self._rings[RECENT].capacity:
            capacity = min(self._columns_max, max(needed, 2 * self._rings[RECENT].capacity))
            for name, shape in self._shapes.items():
                self._rings[name].close()
                self._rings[name] = Ring(self._directory / name, *shape, capacity)
        return free

    def read(self, series: Series, since_ms: int = 0, until_ms: int = 1 << 62, *, means: bool = False) -> list[Point]:
        """The values of a series, oldest first; none where it is not known.

        Args:
            series: which.
            since_ms: from when.
            until_ms: to when, inclusive.
            means: means of ten minutes, which are kept for days, instead of single looks.
        """
        column = self._columns.get(series)
        if column is None:
            return []
        ring = self._rings[DAYS if means else RECENT]
        if column >= ring.capacity:
            return []
        times, values = ring.read(column, max(since_ms, self._since[column]), until_ms)
        return [Point(int(at), float(value)) for at, value in zip(times, values, strict=True)]

    def bytes(self) -> int:
        """What the rings take on disk."""
        return sum(ring.bytes() for ring in self._rings.values())

    def flush(self) -> None:
        """Make what was added durable."""
        for ring in self._rings.values():
            ring.flush()

    def close(self) -> None:
        """Let another process write."""
        for ring in getattr(self, "_rings", {}).values():
            ring.close()
        self._rings = {}
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _line(series: Series, column: int, since: int) -> str:
    row = {"column": column, "metric": series.metric, "labels": dict(series.labels), "since": since}
    return json.dumps(row, ensure_ascii=False) + "\n"
