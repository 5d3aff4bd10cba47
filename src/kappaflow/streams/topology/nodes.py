"""The nodes of a topology; each is the specification of one operator.

Stream nodes carry plain values; table nodes carry `Change(new, old)`.  Keys and values in row form are tuples with
one element per column (see kappaflow.serde.schema), or `Windowed` around such a key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from kappaflow.serde import Serde, WindowedKeySerde
from kappaflow.serde.schema import WindowInfo
from kappaflow.serde.types import DataType
from kappaflow.streams.functions import Aggregator, FlatMapper, Joiner, Mapper, Predicate, TimestampExtractor
from kappaflow.streams.record import Headers, Record

KeySerde = Serde | WindowedKeySerde
PartitionOf = Callable[[Record, int], int | Collection[int] | None]


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """A state store and its changelog.

    Attributes:
        name: as its changelog topic is called: ``<application id>-<name>-changelog``.
        key_serde: writes the keys of store and changelog.
        value_serde: writes the rows of the changelog.
        types: of the columns of a state row.
        window: how keys are windowed; None for a plain key-value store.
        retention_ms: how long a window is kept after stream time passed its start; None for plain stores.
        logged: a changelog is written; false when the source topic serves as one.
        changelog_topic: the source topic that serves as changelog, where `logged` is false.
        objects: writes the values, where they are objects of users, not rows; `types` is one column of bytes then.
        topic_configs: of the changelog, above those that follow from the kind of store.
        key_suffix: what the keys of the changelog have behind those of the store.
        headers: of the changelog's records that have a value.
        logged_at_commit: also where a changelog gets every change, it gets this store's last ones at each commit.
        history_ms: how far back earlier versions of rows are kept; None keeps none.
        max_entries: the keys not used for longest beyond so many are deleted.
        caching: changes may be held back until a commit.
        in_memory: nothing of it is on the disk; a restart restores it from its changelog.
        logs_headers: a changelog that gets every change has the headers of the records that made them.
    """

    name: str
    key_serde: KeySerde
    value_serde: Serde
    types: tuple[DataType, ...]
    window: WindowInfo | None = None
    retention_ms: int | None = None
    logged: bool = True
    changelog_topic: str | None = None
    objects: Serde | None = None
    topic_configs: tuple[tuple[str, str], ...] = ()
    key_suffix: bytes = b""
    headers: Headers = ()
    logged_at_commit: bool = False
    logs_headers: bool = False
    history_ms: int | None = None
    max_entries: int | None = None
    caching: bool = True
    in_memory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Base of all nodes; `name` is unique in its topology."""

    name: str

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """The stores that the operator uses."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatefulNode(Node):
    """Base of the nodes whose operator keeps its state in one store, or looks it up in one."""

    store: StoreSpec

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """The one store."""
        return (self.store,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Node):
    """Read a topic as a stream.

    Attributes:
        reads_headers: headers are decoded, because a column or a sink reads them.
        reads_position: partition and offset are kept.
        projection: positions of the value columns that anything reads; None reads all.
        is_global: all partitions are read into a store that every task sees.
        offset_reset: where it begins without committed offsets: ``earliest``, ``latest``, or so many milliseconds ago;
            None is as the application says.
    """

    topic: str
    key_serde: KeySerde
    value_serde: Serde
    timestamp: TimestampExtractor | None = None
    reads_headers: bool = False
    reads_position: bool = False
    projection: tuple[int, ...] | None = None
    is_global: bool = False
    offset_reset: str | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSource(Source):
    """Read a topic as a table; null keys are dropped, null values delete.

    Attributes:
        store: keeps the rows; without one old values are unknown (None).
    """

    store: StoreSpec | None = None

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """The table's store."""
        return (self.store,) if self.store is not None else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Node):
    """Keep the records of a stream for which the predicate is true."""

    predicate: Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class MapValues(Node):
    """Give the records of a stream new values."""

    mapper: Mapper


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatMapValues(Node):
    """Turn each record of a stream into any number of records with the same key."""

    mapper: FlatMapper


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge(Node):
    """Put several streams together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectKey(Node):
    """Give the records of a stream new keys.

    Attributes:
        drop_null: records whose new key is None are dropped.
    """

    mapper: Mapper
    drop_null: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Repartition(Node):
    """Send a stream, or the changes of a regrouped table, through an internal topic.

    Attributes:
        topic: its whole name.
        carries_changes: values are `Change`, written as old and new value in one record.
        partitions: None takes the number of the source topics.
        sink_name: of the half that writes; `name` is that of the half that reads.
        partition_of: chooses the partition of a record by its number of partitions; None, or None from it, leaves it
            to the key.
    """

    topic: str
    key_serde: KeySerde
    value_serde: Serde
    carries_changes: bool = False
    partitions: int | None = None
    sink_name: str | None = None
    partition_of: PartitionOf | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAggregate(StatefulNode):
    """Fold the records of each key of a stream; null keys and null values are dropped.

    Attributes:
        initial_is_old: the old value of a new key is its first aggregate instead of nothing.
    """

    aggregator: Aggregator
    initial_is_old: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowedAggregate(StatefulNode):
    """Fold the records of each key and time window; keys become `Windowed`.

    Attributes:
        advance_ms: equal to `size_ms` for tumbling windows.
        emit_final: results are forwarded when their window closes instead of at each update.
        initial_is_old: the old value of a new window is its first aggregate instead of nothing.
    """

    aggregator: Aggregator
    size_ms: int
    advance_ms: int
    grace_ms: int
    emit_final: bool = False
    initial_is_old: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAggregate(StatefulNode):
    """Fold the records of each key into sessions separated by gaps; keys become `Windowed`.

    Attributes:
        aggregator: also merges the states of two sessions: ``merge(key, left, right)``.
        keeps_record_time: the state's time is that of the last record instead of the session's end.
    """

    aggregator: Any
    gap_ms: int
    grace_ms: int
    emit_final: bool = False
    keeps_record_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFilter(Node):
    """Keep the rows of a table for which the predicate is true; a row that stops matching is deleted.

    Attributes:
        tracks_old: old rows are known, so that a row that neither matches nor did is left out; otherwise it is
            deleted once more.
    """

    predicate: Predicate
    tracks_old: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMapValues(Node):
    """Give the rows of a table new values."""

    mapper: Mapper


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTable(Node):
    """Regroup a table: each change becomes a subtraction from its old group and an addition to its new one.

    Attributes:
        key_mapper: makes the group of a row; None leaves the row out.
    """

    key_mapper: Mapper


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAggregate(StatefulNode):
    """Fold the rows of each group of a regrouped table, taking old rows back with `Aggregator.undo`."""

    aggregator: Aggregator


@dataclass(frozen=True, slots=True, kw_only=True)
class Materialise(StatefulNode):
    """Keep a table in a store, to answer look-ups; changes pass through with their old values known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToStream(Node):
    """The changes of a table as a stream of new values; deletions are null values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToTable(Node):
    """A stream as the changes of a table: null keys are dropped, null values delete.

    Attributes:
        store: keeps the rows; without one old values are unknown (None).
    """

    store: StoreSpec | None = None

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """The table's store."""
        return (self.store,) if self.store is not None else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppress(StatefulNode):
    """Hold the result of a window back until stream time passes its end and the grace period."""

    grace_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTableJoin(StatefulNode):
    """Look each record of a stream (first parent) up in a table (second parent)."""

    joiner: Joiner
    left: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTableJoin(Node):
    """Join two tables by key.

    Attributes:
        keep_left, keep_right: rows of that side without a partner are kept (outer joins).
    """

    joiner: Joiner
    left_store: StoreSpec
    right_store: StoreSpec
    keep_left: bool = False
    keep_right: bool = False

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """The current rows of both sides."""
        return (self.left_store, self.right_store)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStreamJoin(Node):
    """Join the records of two streams whose times are near.

    Attributes:
        before_ms, after_ms: a right record is near when its time is within [left - before, left + after].
        grace_ms: None emits unmatched records of outer joins at once; otherwise they wait until their window closes.
    """

    joiner: Joiner
    left_store: StoreSpec
    right_store: StoreSpec
    outer_store: StoreSpec | None
    before_ms: int
    after_ms: int
    grace_ms: int | None = None
    keep_left: bool = False
    keep_right: bool = False

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """The recent records of both sides, and the unmatched ones."""
        both = (self.left_store, self.right_store)
        return (*both, self.outer_store) if self.outer_store is not None else both


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink(Node):
    """Write a stream to a topic.

    Attributes:
        timestamp: gives records their time from the written value; None keeps the record's time.
        topic: None hands records to whoever runs the topology (push queries), where `topic_of` is not set either.
        topic_of: chooses the topic of each record.
        partition_of: chooses the partition of a record by its number of partitions; None, or None from it, leaves it
            to the key; a negative number drops the record.
    """

    topic: str | None
    key_serde: KeySerde | None = None
    value_serde: Serde | None = None
    timestamp: TimestampExtractor | None = None
    carries_headers: bool = field(default=True)
    topic_of: Callable[[Record], str | None] | None = None
    partition_of: PartitionOf | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator(Node):
    """An operator that a function makes: those of the streams library that have only a row form, and of users.

    Attributes:
        make: called once per task with the context and all stores of the subtopology by name; returns a processor.
        specs: the stores that it is connected to.
        columns: makes its column form likewise; None where it has none.
        shape: of the values behind it (`kappaflow.serde.shape`), where they are of another kind; columns only.
        reads_old: whether its column form reads old values of tables.
        keeps: the stores whose rows its column form makes, for others to look up.
        splits: whether a record goes to at most one child.
        why: it has no column form.
        looks_up: the stores whose rows its column form looks up; what changes them in a batch runs before.
        key_shape: of the keys behind it, where they are of another kind.
        steps: how its row form runs row by row within columns (`kappaflow.streams.columns.step_rows.Steps`); None where
            it does not.
        may_fail: its column form calls a function of the program, which may fail.
    """

    make: Callable[[Any, Mapping[str, Any]], Any]
    specs: tuple[StoreSpec, ...] = ()
    columns: Callable[[Any, Mapping[str, Any]], Any] | None = None
    shape: Any = None
    reads_old: bool = False
    looks_up: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    splits: bool = False
    may_fail: bool = False
    why: str = "it calls functions of the program"
    steps: Any = None
    key_shape: Any = None

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """The stores that it is connected to."""
        return self.specs
