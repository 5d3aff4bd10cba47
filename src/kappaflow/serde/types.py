"""The data types of columns, shared by formats, state and SQL.

Values in row form are plain Python objects:

    type                row form                      Arrow (column form)
    BOOLEAN             bool                          bool_
    INTEGER             int                           int32
    BIGINT              int                           int64
    DOUBLE              float                         float64
    DECIMAL(p, s)       decimal.Decimal (scale s)     decimal128(p, s), decimal256 above 38 digits
    STRING              str                           string_view or string
    BYTES               bytes                         binary_view or binary
    TIME                int, milliseconds of the day  time32("ms")
    DATE                int, days since 1970-01-01    date32
    TIMESTAMP           int, milliseconds since epoch timestamp("ms")
    ARRAY<T>            list                          list_(T)
    MAP<K, V>           dict                          map_(K, V)
    STRUCT<f T, ..>     dict, field name to value     struct

A missing value is ``None`` everywhere.  These types print as SQL prints them.

Not here: coercion rules and DECIMAL arithmetic (kappaflow.sql.types), formats (kappaflow.serde).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataType:
    """Base of all types."""

    def __str__(self) -> str:
        return type(self).__name__.upper()


@dataclass(frozen=True, slots=True)
class Boolean(DataType):
    """True or false."""


@dataclass(frozen=True, slots=True)
class Integer(DataType):
    """32-bit signed integer."""


@dataclass(frozen=True, slots=True)
class BigInt(DataType):
    """64-bit signed integer."""


@dataclass(frozen=True, slots=True)
class Double(DataType):
    """IEEE 754 binary64."""


@dataclass(frozen=True, slots=True)
class Decimal(DataType):
    """Exact decimal with fixed precision and scale."""

    precision: int
    scale: int

    def __str__(self) -> str:
        return f"DECIMAL({self.precision}, {self.scale})"


@dataclass(frozen=True, slots=True)
class String(DataType):
    """Unicode text."""


@dataclass(frozen=True, slots=True)
class Bytes(DataType):
    """Raw bytes."""


@dataclass(frozen=True, slots=True)
class Time(DataType):
    """Time of day in milliseconds."""


@dataclass(frozen=True, slots=True)
class Date(DataType):
    """Calendar day."""


@dataclass(frozen=True, slots=True)
class Timestamp(DataType):
    """Instant in milliseconds since the epoch, UTC."""


@dataclass(frozen=True, slots=True)
class Array(DataType):
    """Ordered elements of one type."""

    element: DataType

    def __str__(self) -> str:
        return f"ARRAY<{self.element}>"


@dataclass(frozen=True, slots=True)
class Map(DataType):
    """Keys to values."""

    key: DataType
    value: DataType

    def __str__(self) -> str:
        return f"MAP<{self.key}, {self.value}>"


@dataclass(frozen=True, slots=True)
class StructField:
    """One named field of a struct."""

    name: str
    type: DataType

    def __str__(self) -> str:
        return f"`{self.name}` {self.type}"


@dataclass(frozen=True, slots=True)
class Struct(DataType):
    """Named fields in order."""

    fields: tuple[StructField, ...]

    def __str__(self) -> str:
        return f"STRUCT<{', '.join(str(field) for field in self.fields)}>"

    def field(self, name: str) -> StructField | None:
        """Return the field called `name`, or None."""
        return next((field for field in self.fields if field.name == name), None)


BOOLEAN = Boolean()
INTEGER = Integer()
BIGINT = BigInt()
DOUBLE = Double()
STRING = String()
BYTES = Bytes()
TIME = Time()
DATE = Date()
TIMESTAMP = Timestamp()
