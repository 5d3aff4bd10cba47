"""Stores of a running application as a program sees them from outside: to read, never to change.

What is read is what this instance has, changes that are not committed yet included; rows of other instances are not
asked for.  Source: KIP-67, KIP-614 (reverse scans), KIP-889 (versions)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kappaflow.errors import StreamsError
from kappaflow.runtime.clock import SYSTEM_CLOCK
from kappaflow.serde.schema import WindowType
from kappaflow.state import ObjectStore, Version
from kappaflow.streams.dsl.stores import KeyValueStore, VersionedKeyValueStore, store_for_processor
from kappaflow.streams.dsl.window_stores import SessionStoreView, WindowStore
from kappaflow.streams.execution.global_tables import GlobalTables
from kappaflow.streams.execution.stream_thread import StreamThread
from kappaflow.streams.processors.base import NO_TIME, TaskContext
from kappaflow.streams.processors.keys import KeyReader, KeyWriter
from kappaflow.streams.record import Windowed
from kappaflow.streams.topology import StoreSpec

_FOREVER = 2**63 - 1


class ReadOnlyStore:
    """The rows of a store in this instance, as they are now, changes that are not committed yet included.

    What its kind has not is refused: `fetch` is of stores of windows and sessions, `versions` of versioned ones.  Scans
    give copies, task by task; nothing has to be closed.
    """

    def __init__(
        self, threads: list[StreamThread], global_tables: GlobalTables, spec: StoreSpec, partition: int | None = None
    ) -> None:
        self._threads = threads
        self._globals = global_tables
        self._spec = spec
        self._partition = partition
        self._write = KeyWriter(spec.key_serde)
        self._read = KeyReader(spec.key_serde)

    # ---- keys and values ----

    def get(self, key: Any, as_of: int | None = None) -> Any:
        """Return the value of a key, or None; windowed stores take `Windowed` keys.

        Args:
            as_of: of versioned stores: the value that was valid at a time.
        """
        if as_of is not None:
            versions: list[Version | None] = self._all(lambda store: store.get(key, as_of), VersionedKeyValueStore)
            return next((version.value for version in versions if version is not None), None)
        found = self.get_with_timestamp(key)
        return None if found is None else found[0]

    def get_with_timestamp(self, key: Any) -> tuple[Any, int] | None:
        """Return the value of a key and its time, or None."""
        data = self._write(key)
        return next((found for found in self._rows(lambda rows: rows.get(data)) if found is not None), None)

    def range(self, low: Any = None, high: Any = None, *, backward: bool = False) -> Iterator[tuple[Any, Any]]:
        """Yield keys and values from `low` to `high`, both included, in the order of key bytes; None is no bound."""
        return self._each(lambda store: store.range(low, high, backward=backward), KeyValueStore)

    def prefix_scan(self, prefix: Any) -> Iterator[tuple[Any, Any]]:
        """Yield keys that begin with bytes, or with the bytes of a key, and values."""
        return self._each(lambda store: store.prefix_scan(prefix), KeyValueStore)

    def all(self, *, backward: bool = False) -> Iterator[tuple[Any, Any]]:
        """Yield keys and values, in the order of key bytes, or backwards; of versioned stores the latest ones."""

        def rows(store: Any) -> list[tuple[bytes, Any]]:
            found = [(key, row) for key, (row, _) in store.range()]
            return found[::-1] if backward else found

        for found in self._rows(rows):
            for key, row in found:
                yield self._read(key), row

    def approximate_num_entries(self) -> int:
        """Return how many rows there are."""
        return sum(self._rows(lambda store: sum(1 for _ in store.range())))

    def versions(self, key: Any, earliest: int = 0, latest: int = _FOREVER) -> list[Version]:
        """Return what was valid of a key at some time within [earliest, latest], the oldest first.

        Raises:
            StreamsError: the store keeps no versions.
        """
        return list(self._each(lambda store: store.versions(key, earliest, latest), VersionedKeyValueStore))

    # ---- windows and sessions ----

    def fetch(self, key: Any, earliest: int = 0, latest: int = _FOREVER, *, backward: bool = False) -> Iterator[Any]:
        """Yield (start, value) of the windows of a key that begin within [earliest, latest], the oldest first; or
        (session, value) of its sessions that overlap that span."""
        if self._is_of_sessions:
            find = lambda store: store.find_sessions(key, earliest, latest, backward=backward)  # noqa: E731
            return self._each(find, SessionStoreView)
        return self._each(lambda store: store.fetch_range(key, earliest, latest, backward=backward), WindowStore)

    def fetch_all(
        self, earliest: int = 0, latest: int = _FOREVER, *, backward: bool = False
    ) -> Iterator[tuple[Windowed, Any]]:
        """Yield the windows of all keys that begin within [earliest, latest], or the sessions that overlap that span,
        and their values."""
        if self._is_of_sessions:
            find = lambda store: store.find_sessions_of_keys(None, None, earliest, latest, backward=backward)  # noqa: E731
            return self._each(find, SessionStoreView)
        return self._each(lambda store: store.fetch_all(earliest, latest, backward=backward), WindowStore)

    # ---- shared ----

    @property
    def _is_of_sessions(self) -> bool:
        return self._spec.window is not None and self._spec.window.type is WindowType.SESSION

    def _each(self, look: Callable[[Any], Iterable[Any]], kind: type) -> Iterator[Any]:
        found = self._all(lambda store: list(look(store)), kind)
        return (row for rows in found for row in rows)

    def _all(self, look: Callable[[Any], Any], kind: type) -> list[Any]:
        """Ask the store of each task, as a processor would see it.

        Raises:
            StreamsError: it is of another kind.
        """

        def ask(rows: Any, newest: int) -> Any:
            context = TaskContext(_nothing, SYSTEM_CLOCK.time_ms, newest={self._spec.name: newest})
            store = store_for_processor(rows, self._spec, context)
            if not isinstance(store, kind):
                raise StreamsError(
                    f"Store {self._spec.name} is a {type(store).__name__}; only a {kind.__name__} has what is asked. "
                    "Versions are kept where history_retention_ms is set, windows where results are windowed."
                )
            return look(store)

        return list(self._visit(ask))

    def _rows(self, look: Callable[[Any], Any]) -> Iterator[Any]:
        return self._visit(lambda rows, _newest: look(rows))

    def _visit(self, look: Callable[[Any, int], Any]) -> Iterator[Any]:
        name = self._spec.name
        if name in self._globals.stores:
            objects = self._spec.objects
            assert objects is not None
            yield look(ObjectStore(self._globals.stores[name], objects), NO_TIME)
            return
        for thread in self._threads:
            with thread.reading() as tasks:
                held = [
                    task
                    for task in (tasks or {}).values()
                    if name in task.stores and self._partition in (None, task.id.partition)
                ]
                found = [look(task.open_store(self._spec), task.newest(name)) for task in held]
            yield from found


def _nothing(_node: Any, _record: Any) -> None:
    """Who reads writes nothing."""
