"""Sorted tables in the making: chunks of a changelog are decoded, sorted, packed and written beside the fetching.

chunk ─▶ decode ┐
chunk ─▶ decode ┼─ enough of a store, or all ─▶ sorted table ─▶ file ─▶ taken in, in order, by the thread that asks
chunk ─▶ decode ┘
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.execution.restore_rows import Columns

TABLE_BYTES = 64 << 20
"""Of changelog: what becomes one table."""
PENDING_BYTES_MAX = 192 << 20
"""Of changelog: what is neither fetched any more nor in the database yet."""
THREADS = 2


class MadeTable(NamedTuple):
    """A table, and how far the store is with it.

    Attributes:
        table: its file; None where the records held no rows.
    """

    changelog: TopicPartition
    next_offset: int
    table: Path | None


@dataclass(slots=True)
class _Pending:
    """What waits to become a table of one store."""

    columns: list[Future[Columns]] = field(default_factory=list[Future[Columns]])
    size: int = 0
    next_offset: int = -1


class RestoreTables:
    """Makes tables on threads of its own; kernels run beside each other.

    Args:
        write: makes the file of a table from the store's prefix, keys and rows; called on these threads.
        table_bytes: of changelog, that become one table.
    """

    def __init__(
        self,
        write: Callable[[bytes, Sequence[ArrowArray], Sequence[ArrowArray]], Path | None],
        table_bytes: int = TABLE_BYTES,
        pending_bytes_max: int = PENDING_BYTES_MAX,
    ) -> None:
        self._write = write
        self._table_bytes = table_bytes
        self._pending_bytes_max = pending_bytes_max
        self._pool = ThreadPoolExecutor(THREADS, "restore")
        self._pending: dict[TopicPartition, tuple[bytes, _Pending]] = {}
        self._making: deque[tuple[TopicPartition, int, int, Future[Path | None]]] = deque()
        self._bytes = 0

    def __enter__(self) -> RestoreTables:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        for _, _, _, made in self._making:  # nobody takes these in any more
            if not made.cancelled() and made.exception() is None and (path := made.result()) is not None:
                path.unlink(missing_ok=True)

    def add(
        self, changelog: TopicPartition, prefix: bytes, size: int, next_offset: int, decode: Callable[[], Columns]
    ) -> None:
        """Take one more chunk of a store.

        Args:
            changelog: of the store.
            prefix: of the store's keys in the database.
            size: of the chunk, in bytes.
            next_offset: behind the chunk.
            decode: gives its keys and rows; called on another thread.
        """
        _, pending = self._pending.setdefault(changelog, (prefix, _Pending()))
        pending.columns.append(self._pool.submit(decode))
        pending.size += size
        pending.next_offset = next_offset
        self._bytes += size
        if pending.size >= self._table_bytes:
            self.end(changelog)

    def end(self, changelog: TopicPartition) -> None:
        """Make a table of what waits of a store."""
        if changelog not in self._pending:
            return
        prefix, pending = self._pending.pop(changelog)
        # The chunks were handed in before, so a thread that waits for them never waits for its own turn.
        made = self._pool.submit(self._table, prefix, pending.columns)
        self._making.append((changelog, pending.next_offset, pending.size, made))

    def end_all(self) -> None:
        """Make tables of all that waits."""
        for changelog in list(self._pending):
            self.end(changelog)

    def made(self, *, wait: bool = False) -> Iterator[MadeTable]:
        """Give the tables that are ready, oldest first.

        Args:
            wait: for all of them; otherwise only as long as too much is in memory.

        Raises:
            SerializationError: a record cannot be read.
            CorruptRecordError: a changelog is damaged.
        """
        if self._bytes > self._pending_bytes_max and not self._making:
            self.end(max(self._pending, key=lambda changelog: self._pending[changelog][1].size))
        while self._making and (wait or self._bytes > self._pending_bytes_max or self._making[0][3].done()):
            changelog, next_offset, size, made = self._making.popleft()
            table = made.result()
            self._bytes -= size
            yield MadeTable(changelog, next_offset, table)

    def _table(self, prefix: bytes, waiting: list[Future[Columns]]) -> Path | None:
        columns = [each.result() for each in waiting]
        return self._write(prefix, [keys for keys, _ in columns], [rows for _, rows in columns])
