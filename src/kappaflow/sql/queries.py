"""Queries as the engine hands them out: persistent, push and pull.

PersistentQuery  runs in workers until terminated; writes to a sink topic
PushQuery        a transient topology that ends in a result collector
PullQuery        reads the state of one persistent query once
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Schema, WindowInfo
from kappaflow.sql.functions.user.declarations import Declaration
from kappaflow.streams.functions import Mapper, Predicate
from kappaflow.streams.record import Record, Windowed

TopologyFactory = Callable[..., Any]  # takes log=, by step told about expressions that fail for a row


def application_id_of(service_id: str, query_id: str) -> str:
    """Return the name of a query's consumer group, which also begins the names of its internal topics."""
    return f"_confluent-ksql-{service_id}query_{query_id}"


class QueryKind(Enum):
    """What made a persistent query."""

    CREATE_STREAM_AS = "CSAS"
    CREATE_TABLE_AS = "CTAS"
    INSERT = "INSERTQUERY"
    CREATE_SOURCE_TABLE = "CST"


class QueryState(Enum):
    """Where a persistent query is in its life."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    ERROR = "ERROR"
    TERMINATED = "TERMINATED"


TRANSITIONS: dict[QueryState, frozenset[QueryState]] = {
    QueryState.RUNNING: frozenset({QueryState.PAUSED, QueryState.ERROR, QueryState.TERMINATED}),
    QueryState.PAUSED: frozenset({QueryState.RUNNING, QueryState.TERMINATED}),
    QueryState.ERROR: frozenset({QueryState.RUNNING, QueryState.PAUSED, QueryState.TERMINATED}),
    QueryState.TERMINATED: frozenset(),
}


@dataclass(slots=True)
class PersistentQuery:
    """A query that runs until it is terminated.

    Attributes:
        id: such as ``CSAS_OUT_0``.
        statement: the text that created it.
        sink: name of the stream or table it writes; None for a query that only materialises a source table.
        sink_topic: the topic it writes.
        sources: names of the streams and tables it reads, in the order of FROM.
        source_topics: their topics, in the same order.
        schema: of its result.
        window: how the keys of its result are windowed.
        build_topology: returns a new ``streams`` topology; every call gives an equal one.
        materialises: name of the table whose pull queries its state answers, or None.
        store: name of the store that holds that state.
        store_schema: schema of the rows in that store.
        held: how planning makes the table's rows of the store's rows.
        properties: session overrides stored with the statement.
        explainer: makes the text that EXPLAIN prints, by section.
        functions: the user functions that it calls, as they were declared when it was made.
        steps: the last of its physical steps, for a replacement to be compared with.
    """

    id: str
    kind: QueryKind
    statement: str
    sink: str | None
    sink_topic: str | None
    sources: tuple[str, ...]
    source_topics: tuple[str, ...]
    schema: Schema
    build_topology: TopologyFactory
    window: WindowInfo | None = None
    materialises: str | None = None
    store: str | None = None
    store_schema: Schema | None = None
    held: Any = None
    properties: dict[str, str] = field(default_factory=dict[str, str])
    explainer: Callable[[], dict[str, str]] = dict[str, str]
    state: QueryState = QueryState.RUNNING
    functions: dict[str, Declaration] = field(default_factory=dict[str, Declaration])
    steps: Any = None

    def copy(self) -> PersistentQuery:
        """Return an independent copy."""
        return replace(self)

    @property
    def explanation(self) -> dict[str, str]:
        """The text that EXPLAIN prints, by section."""
        return self.explainer()

    def application_id(self, service_id: str) -> str:
        """Return the id of its consumer group and the prefix of its internal topics."""
        return application_id_of(service_id, self.id)

    def move(self, state: QueryState) -> None:
        """Go to another state.

        Raises:
            StatementError: the query cannot go from its state to that one.
        """
        if state is self.state:
            return
        if state not in TRANSITIONS[self.state]:
            raise StatementError(f"Query {self.id} is {self.state.value} and cannot become {state.value}.")
        self.state = state


@dataclass(frozen=True, slots=True)
class PushQuery:
    """A transient query; its topology ends in a sink named `RESULT` that collects rows.

    Attributes:
        schema: the result columns in SELECT order; all are value columns.
        limit: number of rows after which the query ends, or None.
        is_table: rows are updates of a table: null values are tombstones.
        rows_as: how its rows are handed out; planning leaves it to who runs the query.
        key_places: what a tombstone knows of each result column: the position of a key column, or the name of a
            bound of its window; None for others.
    """

    statement: str
    sources: tuple[str, ...]
    source_topics: tuple[str, ...]
    schema: Schema
    build_topology: TopologyFactory
    limit: int | None = None
    is_table: bool = False
    key_places: tuple[int | str | None, ...] = ()
    rows_as: str = ""
    properties: dict[str, str] = field(default_factory=dict[str, str])
    explainer: Callable[[], dict[str, str]] = dict[str, str]

    @property
    def explanation(self) -> dict[str, str]:
        """The text that EXPLAIN prints, by section."""
        return self.explainer()

    def tombstone(self, record: Record) -> tuple[Any, ...]:
        """Return the row that says that a table's row is gone: its key, where it was selected, and nulls."""
        windowed = isinstance(record.key, Windowed)
        key: tuple[Any, ...] = (record.key.key if windowed else record.key) or ()
        bounds = {"WINDOWSTART": record.key.start, "WINDOWEND": record.key.end} if windowed else {}
        return tuple(
            bounds.get(place) if isinstance(place, str) else key[place] if place is not None and key else None
            for place in self.key_places
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """Inclusive bounds in milliseconds; None is open."""

    low: int | None = None
    high: int | None = None

    def contains(self, value: int) -> bool:
        """Tell whether `value` lies within."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class PullQuery:
    """A look-up in the state of a persistent query.

    How to answer it: for every key of `keys` (or every row of the store when None) whose window is within
    `window_start` and `window_end`, make a Record(key, stored row, timestamp), or Record(Windowed(..), ..);
    ``answer(record)`` gives the row of the result, or None; hand out at most `limit` rows.

    Attributes:
        query_id: the persistent query that holds the state; None for a pull query on a stream.
        store: name of its store.
        source: name of the table or stream.
        source_topic: its topic: a pull query on a stream reads it from start to end.
        keys: key tuples to look up; None is a scan.
        schema: the result columns; key columns are marked as such.
        store_schema: schema of the records that `where` and `select` see: the table's own.
        stored: makes the table's record of a record of the store; None for a row that the table does not hold.
        is_windowed: keys of the store are `Windowed`.
    """

    statement: str
    source: str
    source_topic: str
    query_id: str | None
    store: str | None
    keys: tuple[tuple[Any, ...], ...] | None
    window_start: Bounds
    window_end: Bounds
    schema: Schema
    store_schema: Schema
    select: Mapper
    where: Predicate | None = None
    stored: Callable[[Record], Record | None] | None = None
    limit: int | None = None
    is_windowed: bool = False
    build_topology: TopologyFactory | None = None

    def answer(self, record: Record) -> tuple[Any, ...] | None:
        """Return the result row of a stored row, or None when the query leaves it out."""
        row = self.stored(record) if self.stored is not None else record
        if row is None or row.value is None:
            return None
        if self.where is not None and not self.where.row(row):
            return None
        return self.select.row(row)


@dataclass(frozen=True, slots=True)
class InsertRecord:
    """The record that INSERT INTO .. VALUES writes.

    Attributes:
        timestamp: milliseconds since the epoch; None is now.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int | None
