"""State stores: what they are when a topology is built, and what processors see of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde, WindowedKeySerde
from kappaflow.serde.objects import MissingSerde, RawRowSerde
from kappaflow.serde.schema import WindowInfo, WindowType
from kappaflow.serde.types import BYTES
from kappaflow.state import NOT_PUT, OrderedStore, Version, VersionedStore
from kappaflow.streams.dsl.names import checked_name
from kappaflow.streams.dsl.windows import Span, milliseconds
from kappaflow.streams.processors.base import NO_TIME, TaskContext
from kappaflow.streams.processors.buffered_changes import CHANGELOG_HEADERS
from kappaflow.streams.processors.keys import KeyReader, KeyWriter
from kappaflow.streams.topology.nodes import StoreSpec


def check_serdes(what: str, *serdes: Any) -> None:
    """Refuse what does not read and write.

    Raises:
        UsageError: something is no serde, such as a function that makes one.
    """
    for serde in serdes:
        if serde is not None and not isinstance(serde, Serde | WindowedKeySerde):
            name = getattr(serde, "__qualname__", repr(serde))
            raise UsageError(f"{name} is no serde of {what}: give one, such as Serdes.string(), with its brackets.")


@dataclass(frozen=True, slots=True)
class Materialized:
    """How the state behind an operator is kept.

    Attributes:
        name: of the store; with one its rows can be looked up from outside.
        key_serde, value_serde: None takes those of the operator's input.
        retention_ms: how long windows are kept; None is as long as they can change.
        logging: whether changes go to a changelog topic.
        changelog_config: settings of that topic.
        history_retention_ms: earlier versions of rows are kept for so long, and can be looked up by their time; None
            keeps the latest alone.
        caching: whether changes may be held back until a commit, where the application caches.
        in_memory: whether the state is kept in memory alone; a restart restores it from the changelog.
        max_entries: keys not used for longest beyond so many are deleted; such a store is in memory.
    """

    name: str | None = None
    key_serde: Serde | None = None
    value_serde: Serde | None = None
    retention_ms: int | None = None
    logging: bool = True
    changelog_config: Mapping[str, str] = field(default_factory=dict[str, str])
    history_retention_ms: int | None = None
    caching: bool = True
    in_memory: bool = False
    max_entries: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.name, str):  # what is no text is told where it is used
            checked_name(self.name, "name of a store")
        if self.is_versioned and (self.in_memory or self.max_entries is not None):
            raise UsageError(
                "A store with history_retention_ms is kept on the disk: leave in_memory and max_entries out."
            )

    @property
    def is_versioned(self) -> bool:
        """Whether earlier versions of rows are kept."""
        return self.history_retention_ms is not None


@dataclass(frozen=True, slots=True)
class StoreDefinition:
    """A store of a topology.

    Attributes:
        key_serde, value_serde: None takes the default of the topology.
        window: how keys are windowed.
        retention_ms: how long windows are kept.
        changelog_topic: the source topic that serves as changelog.
        buffers: it holds changes back, and is logged at commits.
        logs_headers: its changelog has the headers of records.
        history_ms: how far back earlier versions of values are kept.
        max_entries: the keys that were not used for longest beyond so many are deleted.
        caching: changes may be held back until a commit, where the application caches.
        in_memory: nothing of it is on the disk; those with `max_entries` are in memory in any case.
    """

    name: str
    key_serde: Serde | None = None
    value_serde: Serde | None = None
    window: WindowInfo | None = None
    retention_ms: int | None = None
    logging: bool = True
    changelog_topic: str | None = None
    changelog_config: Mapping[str, str] = field(default_factory=dict[str, str])
    buffers: bool = False
    logs_headers: bool = False
    history_ms: int | None = None
    max_entries: int | None = None
    caching: bool = False
    in_memory: bool = False

    def __post_init__(self) -> None:
        checked_name(self.name, "name of a store")
        check_serdes(f"store {self.name}", self.key_serde, self.value_serde)
        if self.max_entries is not None and self.max_entries < 1:
            raise UsageError(f"Store {self.name} keeps at least one key: max_entries is {self.max_entries}.")

    def spec(self, default_key: Serde | None, default_value: Serde | None) -> StoreSpec:
        """Return what the execution layer opens."""
        inner = self.key_serde or default_key or MissingSerde(f"the keys of store {self.name}")
        return StoreSpec(
            self.name,
            inner if self.window is None else WindowedKeySerde(inner, self.window),
            RawRowSerde(),
            (BYTES,),
            self.window,
            self.retention_ms,
            self.logging and self.changelog_topic is None,
            self.changelog_topic,
            self.value_serde or default_value or MissingSerde(f"the values of store {self.name}"),
            tuple(self.changelog_config.items()),
            key_suffix=self._key_suffix,
            headers=CHANGELOG_HEADERS if self.buffers else (),
            logged_at_commit=self.buffers,
            logs_headers=self.logs_headers,
            history_ms=self.history_ms,
            max_entries=self.max_entries,
            caching=self.caching,
            in_memory=self.in_memory or self.max_entries is not None,
        )

    @property
    def _key_suffix(self) -> bytes:
        """Windows have a number behind their start, which tells duplicates apart where there are any."""
        is_timed = self.window is not None and self.window.type is not WindowType.SESSION
        return bytes(4) if is_timed and self.retention_ms is not None else b""


def key_value_store(
    name: str,
    *,
    key_serde: Serde | None = None,
    value_serde: Serde | None = None,
    logging: bool = True,
    changelog_config: Mapping[str, str] | None = None,
    in_memory: bool = False,
) -> StoreDefinition:
    """A store of keys and values for processors.

    Args:
        key_serde, value_serde: None takes the defaults of the topology.
        logging: whether changes go to a changelog, from which the store is made again elsewhere.
        changelog_config: settings of that topic.
        in_memory: whether nothing of it is on the disk; a restart restores it from its changelog.
    """
    return StoreDefinition(
        name, key_serde, value_serde, logging=logging, changelog_config=changelog_config or {}, in_memory=in_memory
    )


def lru_store(
    name: str,
    max_entries: int,
    *,
    key_serde: Serde | None = None,
    value_serde: Serde | None = None,
    logging: bool = True,
    changelog_config: Mapping[str, str] | None = None,
) -> StoreDefinition:
    """A store for processors, in memory, that forgets the keys that were not used for longest.

    Args:
        max_entries: how many keys it keeps.
    """
    return StoreDefinition(
        name, key_serde, value_serde, logging=logging, changelog_config=changelog_config or {}, max_entries=max_entries
    )


def versioned_key_value_store(
    name: str,
    history_retention_ms: Span,
    *,
    key_serde: Serde | None = None,
    value_serde: Serde | None = None,
    logging: bool = True,
    changelog_config: Mapping[str, str] | None = None,
) -> StoreDefinition:
    """A store of keys and versions of values for processors.

    Args:
        history_retention_ms: how far back versions are kept, and taken, behind the greatest time that was put;
            milliseconds, or a timedelta.
    """
    history_ms = milliseconds(history_retention_ms, "history of a store")
    return StoreDefinition(
        name, key_serde, value_serde, logging=logging, changelog_config=changelog_config or {}, history_ms=history_ms
    )


class KeyValueStore:
    """Keys and values as a processor sees them.  Keys are in the order of their serialised bytes."""

    def __init__(self, store: OrderedStore, spec: StoreSpec, context: TaskContext) -> None:
        self._store: Any = store
        self._context = context
        self._write = KeyWriter(spec.key_serde)
        self._read = KeyReader(spec.key_serde)

    def get(self, key: Any) -> Any:
        """Return the value of a key, or None."""
        found = self._store.get(self._write(key))
        return None if found is None else found[0]

    def get_with_timestamp(self, key: Any) -> tuple[Any, int] | None:
        """Return the value of a key and when it was set, or None."""
        return self._store.get(self._write(key))

    def put(self, key: Any, value: Any, timestamp: int | None = None) -> None:
        """Set a value; None deletes it.

        Args:
            timestamp: of the value; None is that of the record, or call, that is processed.
        """
        self._store.put(self._write(key), value, now_of(self._context) if timestamp is None else timestamp)

    def put_if_absent(self, key: Any, value: Any, timestamp: int | None = None) -> Any:
        """Set a value unless there is one, and return what there was."""
        before = self.get(key)
        if before is None:
            self.put(key, value, timestamp)
        return before

    def delete(self, key: Any) -> Any:
        """Delete a key and return what there was."""
        before = self.get(key)
        if before is not None:
            self.put(key, None)
        return before

    def put_all(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Set the values of several keys."""
        for key, value in pairs:
            self.put(key, value)

    def range(self, low: Any = None, high: Any = None, *, backward: bool = False) -> Iterator[tuple[Any, Any]]:
        """Yield keys and values from `low` to `high`, both included, in the order of key bytes; None is no bound.

        What is yielded is a copy: the store may change meanwhile, and nothing has to be closed.

        Args:
            backward: from `high` to `low` instead.
        """
        start = b"" if low is None else self._write(low)
        end = None if high is None else self._write(high) + b"\x00"
        found = list(self._store.range(start, end))
        for key, (value, _) in reversed(found) if backward else found:
            yield self._read(key), value

    def prefix_scan(self, prefix: Any) -> Iterator[tuple[Any, Any]]:
        """Yield keys that begin with something, and values.

        Args:
            prefix: bytes, or a key whose bytes are meant: ``prefix_scan("user-")`` where keys are texts.
        """
        first = prefix if isinstance(prefix, bytes) else self._write(prefix)
        for key, (value, _) in list(takewhile(lambda row: row[0].startswith(first), self._store.range(first))):
            yield self._read(key), value

    def all(self, *, backward: bool = False) -> Iterator[tuple[Any, Any]]:
        """Yield all keys and values, in the order of key bytes, or backwards."""
        return self.range(backward=backward)

    def approximate_num_entries(self) -> int:
        """Return how many keys there are."""
        return len(self)

    def __len__(self) -> int:
        return sum(1 for _ in self._store.range())


class VersionedKeyValueStore:
    """Versions of the values of keys as a processor sees them.

    A version is valid from its time until the next one begins.  Source: KIP-889.
    """

    def __init__(self, store: VersionedStore, spec: StoreSpec) -> None:
        self._store = store
        self._write = KeyWriter(spec.key_serde)

    def put(self, key: Any, value: Any, timestamp: int) -> int | None:
        """Set the value from a time on; None deletes.

        Returns:
            When the version ends: -1 for the latest; None where it is too old to be kept.
        """
        result = self._store.put(self._write(key), value, timestamp)
        return None if result == NOT_PUT else result

    def delete(self, key: Any, timestamp: int) -> Version | None:
        """Delete the value from a time on, and return the version that was valid then."""
        return self._store.delete(self._write(key), timestamp)

    def get(self, key: Any, as_of: int | None = None) -> Version | None:
        """Return the latest version, or the one that was valid at a time."""
        data = self._write(key)
        if as_of is not None:
            return self._store.at(data, as_of)
        found = self._store.get(data)
        return None if found is None else Version(found[0], found[1], None)

    def versions(self, key: Any, earliest: int = 0, latest: int = 2**63 - 1) -> Iterator[Version]:
        """Yield the versions that were valid at some time within [earliest, latest], the oldest first."""
        return self._store.versions(self._write(key), earliest, latest)


def now_of(context: TaskContext) -> int:
    """Return the time of what is processed."""
    return context.stream_time if context.record_time == NO_TIME else context.record_time


def store_for_processor(store: OrderedStore, spec: StoreSpec, context: TaskContext) -> Any:
    """Return the face of a store for a processor."""
    if isinstance(store, VersionedStore):
        return VersionedKeyValueStore(store, spec)
    if spec.window is None or spec.retention_ms is None:
        return KeyValueStore(store, spec, context)
    from kappaflow.streams.dsl.window_stores import SessionStoreView, WindowStore

    face = SessionStoreView if spec.window.type is WindowType.SESSION else WindowStore
    return face(store, spec, context)
