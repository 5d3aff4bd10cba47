"""Where the columns of an expression live: the scope that the planner hands to the compilers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from kappaflow.serde.schema import Namespace, Schema
from kappaflow.serde.types import BIGINT, INTEGER, Array, DataType, Struct, StructField
from kappaflow.serde.types import BYTES as _BYTES
from kappaflow.serde.types import STRING as _STRING

HEADERS_TYPE = Array(Struct((StructField("KEY", _STRING), StructField("VALUE", _BYTES))))


class Place(Enum):
    """The part of a record that holds a column."""

    KEY = "key"
    VALUE = "value"
    TIMESTAMP = "timestamp"
    PARTITION = "partition"
    OFFSET = "offset"
    WINDOW_START = "window start"
    WINDOW_END = "window end"
    HEADERS = "headers"


@dataclass(frozen=True, slots=True)
class ScopeColumn:
    """A column and where it lives.

    Attributes:
        type: its data type.
        place: the part of the record.
        index: position among the key or value columns.
        header_key: for a column of one header, its name.
    """

    type: DataType
    place: Place
    index: int = 0
    header_key: str | None = None


class Scope(Protocol):
    """Resolves the names of one relation."""

    @property
    def windowed(self) -> bool:
        """Whether keys are `Windowed`."""
        ...

    def resolve(self, name: str, source: str | None) -> ScopeColumn | None:
        """Return the column called `name` (of `source`, where given), or None."""
        ...

    def names(self) -> Iterable[str]:
        """Return the resolvable names, for messages."""
        ...


class SchemaScope:
    """The scope of one relation with a schema: its columns, and the pseudo columns.

    Header columns of the schema are read from the record's headers.  `source` names are not checked: one
    relation has one source.
    """

    def __init__(self, schema: Schema, windowed: bool = False, pseudo_columns: bool = True) -> None:
        self._windowed = windowed
        self._columns: dict[str, ScopeColumn] = {}
        if pseudo_columns:
            self._columns["ROWTIME"] = ScopeColumn(BIGINT, Place.TIMESTAMP)
            self._columns["ROWPARTITION"] = ScopeColumn(INTEGER, Place.PARTITION)
            self._columns["ROWOFFSET"] = ScopeColumn(BIGINT, Place.OFFSET)
        if windowed:
            self._columns["WINDOWSTART"] = ScopeColumn(BIGINT, Place.WINDOW_START)
            self._columns["WINDOWEND"] = ScopeColumn(BIGINT, Place.WINDOW_END)
        counts = {Place.KEY: 0, Place.VALUE: 0}
        for column in schema:
            if column.namespace is Namespace.HEADERS:
                self._columns[column.name] = ScopeColumn(column.type, Place.HEADERS, 0, column.header_key)
                continue
            place = Place.KEY if column.namespace is Namespace.KEY else Place.VALUE
            self._columns[column.name] = ScopeColumn(column.type, place, counts[place])
            counts[place] += 1

    @property
    def windowed(self) -> bool:
        """Whether keys are `Windowed`."""
        return self._windowed

    def resolve(self, name: str, source: str | None = None) -> ScopeColumn | None:
        """Return the column called `name`, or None."""
        return self._columns.get(name)

    def names(self) -> Iterable[str]:
        """Return the resolvable names."""
        return self._columns


class EmptyScope:
    """A scope without columns: for constants."""

    @property
    def windowed(self) -> bool:
        """Constants have no key."""
        return False

    def resolve(self, name: str, source: str | None = None) -> ScopeColumn | None:
        """Return None: there is no column."""
        return None

    def names(self) -> Iterable[str]:
        """Return no names."""
        return ()
