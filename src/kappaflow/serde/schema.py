"""The schema of a stream or table: key columns, value columns, and how the key is windowed.

Printed as users see it: `` `ID` STRING KEY, `C` BIGINT ``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from kappaflow.serde.types import Array, DataType, Map, Struct


class Namespace(Enum):
    """The part of a record in which a column lives."""

    KEY = "KEY"
    VALUE = "VALUE"
    HEADERS = "HEADERS"


class WindowType(Enum):
    """How a windowed key was made."""

    TUMBLING = "TUMBLING"
    HOPPING = "HOPPING"
    SESSION = "SESSION"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: as written, case preserved.
        type: its data type.
        namespace: key, value, or read from record headers.
        header_key: for a header column, the header it reads; None reads all headers.
    """

    name: str
    type: DataType
    namespace: Namespace = Namespace.VALUE
    header_key: str | None = None

    def __str__(self) -> str:
        base = f"`{self.name}` {self.type}"
        if self.namespace is Namespace.KEY:
            return f"{base} KEY"
        if self.namespace is Namespace.HEADERS:
            return f"{base} HEADER('{self.header_key}')" if self.header_key else f"{base} HEADERS"
        return base


def names_within(column: Column) -> Iterator[str]:
    """Yield the names of a column and of all fields within it.

    >>> from kappaflow.serde.types import STRING, StructField
    >>> list(names_within(Column("C", Array(Struct((StructField("A", STRING),))))))
    ['C', 'A']
    """
    yield column.name
    yield from _fields_within(column.type)


def _fields_within(data_type: DataType) -> Iterator[str]:
    match data_type:
        case Array(element):
            yield from _fields_within(element)
        case Map(key, value):
            yield from _fields_within(key)
            yield from _fields_within(value)
        case Struct(fields):
            for each in fields:
                yield each.name
                yield from _fields_within(each.type)
        case _:
            pass


@dataclass(frozen=True, slots=True)
class WindowInfo:
    """How a key is windowed; `size_ms` is None for session windows."""

    type: WindowType
    size_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns of a stream or table in declared order.

    In row form a key is a tuple with one element per key column (or None for a null key) and a value is a
    tuple with one element per value column (or None for a null value: a tombstone).
    """

    columns: tuple[Column, ...] = field(default=())

    @property
    def key(self) -> tuple[Column, ...]:
        """The key columns."""
        return tuple(c for c in self.columns if c.namespace is Namespace.KEY)

    @property
    def value(self) -> tuple[Column, ...]:
        """The value columns."""
        return tuple(c for c in self.columns if c.namespace is Namespace.VALUE)

    @property
    def headers(self) -> tuple[Column, ...]:
        """The columns that are read from record headers."""
        return tuple(c for c in self.columns if c.namespace is Namespace.HEADERS)

    def find(self, name: str) -> Column | None:
        """Return the column called `name`, or None."""
        return next((c for c in self.columns if c.name == name), None)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __str__(self) -> str:
        return ", ".join(str(c) for c in self.columns)
