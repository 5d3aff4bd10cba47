"""What the engine knows: streams, tables, custom types, persistent queries, and who reads and writes what.

All state is in memory and changes only through plans, so that replaying the same plans gives the same state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Schema, WindowInfo
from kappaflow.serde.types import DataType
from kappaflow.sql.nearest_names import did_you_mean
from kappaflow.sql.queries import PersistentQuery


class SourceKind(Enum):
    """A stream of facts, or a table of the latest value per key."""

    STREAM = "STREAM"
    TABLE = "TABLE"


@dataclass(frozen=True, slots=True)
class FormatInfo:
    """A format by name, with what was said about it.

    Attributes:
        name: KAFKA, JSON, DELIMITED, AVRO, ..; upper case.
        properties: such as ``("delimiter", "|")``, sorted by name.
        wrap_single: True or False where WRAP_SINGLE_VALUE decides it, None for the format's own way.
    """

    name: str
    properties: tuple[tuple[str, str], ...] = ()
    wrap_single: bool | None = None

    def __str__(self) -> str:
        details = [f"{name}={value}" for name, value in self.properties]
        if self.wrap_single is not None:
            details.append(f"wrapSingleValue={str(self.wrap_single).lower()}")
        return f"{self.name}{{{', '.join(details)}}}" if details else self.name


@dataclass(frozen=True, slots=True)
class TimestampColumn:
    """The column whose value is a record's time, and its pattern when it is a string."""

    column: str
    format: str | None = None


@dataclass(frozen=True, slots=True)
class DataSource:
    """A stream or table.

    Attributes:
        is_read_only: made by CREATE SOURCE STREAM|TABLE.
        created_by: the id of the query that makes it, None for CREATE STREAM|TABLE over a topic.
        made_from: the streams and tables that this query reads; they cannot be dropped before this one.
        statement: the text that created it.
    """

    name: str
    kind: SourceKind
    schema: Schema
    topic: str
    key_format: FormatInfo
    value_format: FormatInfo
    window: WindowInfo | None = None
    timestamp: TimestampColumn | None = None
    is_read_only: bool = False
    created_by: str | None = None
    statement: str = ""
    made_from: tuple[str, ...] = ()

    @property
    def is_table(self) -> bool:
        """True for a table."""
        return self.kind is SourceKind.TABLE

    @property
    def is_windowed(self) -> bool:
        """True when keys carry a window."""
        return self.window is not None


@dataclass(slots=True)
class MetaStore:
    """Sources, types and queries by name.

    Names are exact: the grammar has already upper-cased what was not quoted.
    """

    sources: dict[str, DataSource] = field(default_factory=dict[str, DataSource])
    types: dict[str, DataType] = field(default_factory=dict[str, DataType])
    queries: dict[str, PersistentQuery] = field(default_factory=dict[str, PersistentQuery])

    def copy(self) -> MetaStore:
        """Return an independent copy; the entries themselves are immutable or copied."""
        return MetaStore(
            dict(self.sources), dict(self.types), {name: query.copy() for name, query in self.queries.items()}
        )

    def source(self, name: str) -> DataSource | None:
        """Return the stream or table called `name`, or None."""
        return self.sources.get(name)

    def require(self, name: str) -> DataSource:
        """Return the stream or table called `name`.

        Raises:
            StatementError: there is none; the message hints at a name that differs only in case.
        """
        source = self.sources.get(name)
        if source is None:
            message = f"'{name}' is not a valid stream/table name or alias."
            raise StatementError(f"{message}{self.hint(name)}")
        return source

    def hint(self, name: str) -> str:
        """Return a hint at names that differ from `name` only in case, or an empty text."""
        near = [other for other in self.sources if other.upper() == name.upper() and other != name]
        if not near:
            return did_you_mean(self.sources, name).replace(" Did", "\nDid")
        names = " or ".join(f'"{other}"' for other in near)
        quoting = "wrap the source name in double quotes to make it case-sensitive."
        return f"\nDid you mean {names}? Hint: {quoting}"

    def dependents(self, name: str) -> list[str]:
        """Return the names of the streams and tables that were made from source `name`."""
        return sorted(source.name for source in self.sources.values() if name in source.made_from)

    def readers(self, name: str) -> Iterator[PersistentQuery]:
        """Yield the queries that read from source `name`."""
        return (query for query in self.queries.values() if name in query.sources)

    def writers(self, name: str) -> Iterator[PersistentQuery]:
        """Yield the queries that write into source `name`."""
        return (query for query in self.queries.values() if query.sink == name)

    def materialising_query(self, name: str) -> PersistentQuery | None:
        """Return the query whose state answers pull queries on table `name`, or None."""
        return next((q for q in self.queries.values() if q.materialises == name), None)
