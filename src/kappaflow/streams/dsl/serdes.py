"""How keys and values are written: the serdes of the streams library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.serde import Serde, WindowedKeySerde
from kappaflow.serde.objects import (
    BytesSerde,
    FunctionSerde,
    JsonSerde,
    ListSerde,
    PackedSerde,
    StringSerde,
    UuidSerde,
    VoidSerde,
)
from kappaflow.serde.rows_of_format import columns_serde
from kappaflow.serde.schema import WindowInfo, WindowType
from kappaflow.streams.dsl.windows import Span, milliseconds


class Serdes:
    """Makes serdes that write what Kafka's own write.

    >>> Serdes.long().serialize(258).hex()
    '0000000000000102'
    """

    @staticmethod
    def string() -> Serde:
        """Text in UTF-8."""
        return StringSerde()

    @staticmethod
    def long() -> Serde:
        """Whole numbers in 8 bytes."""
        return PackedSerde("LONG", "q")

    @staticmethod
    def integer() -> Serde:
        """Whole numbers in 4 bytes."""
        return PackedSerde("INTEGER", "i")

    @staticmethod
    def short() -> Serde:
        """Whole numbers in 2 bytes."""
        return PackedSerde("SHORT", "h")

    @staticmethod
    def double() -> Serde:
        """Floating-point numbers in 8 bytes."""
        return PackedSerde("DOUBLE", "d")

    @staticmethod
    def float() -> Serde:
        """Floating-point numbers in 4 bytes."""
        return PackedSerde("FLOAT", "f")

    @staticmethod
    def boolean() -> Serde:
        """True or false in 1 byte."""
        return PackedSerde("BOOLEAN", "?")

    @staticmethod
    def bytes() -> Serde:
        """Bytes as they are."""
        return BytesSerde()

    @staticmethod
    def uuid() -> Serde:
        """UUIDs as text."""
        return UuidSerde()

    @staticmethod
    def json(of: Any = Any) -> Serde:
        """JSON; values are read as `of`: a dataclass, a TypedDict, ``list[int]``, or as dictionaries and lists."""
        return JsonSerde(of)

    @staticmethod
    def columns(of: Any, format: str = "JSON") -> Serde:  # noqa: A002
        """Rows of columns of a type, in a format of SQL: what queries write and read, and the fastest here.

        Args:
            of: a TypedDict or a dictionary of names and types (rows are dictionaries), or a dataclass.
            format: JSON, DELIMITED or KAFKA.
        """
        return columns_serde(of, format)

    @staticmethod
    def void() -> Serde:
        """Only None."""
        return VoidSerde()

    @staticmethod
    def list_of(inner: Serde) -> Serde:
        """Lists of values of one kind."""
        return ListSerde(inner)

    @staticmethod
    def of(serializer: Callable[[Any], Any], deserializer: Callable[[Any], Any]) -> Serde:
        """Two functions of yours: of a value to bytes, and back."""
        return FunctionSerde(serializer, deserializer)

    @staticmethod
    def time_windowed(inner: Serde, size: Span) -> WindowedKeySerde:
        """Keys of time windows: the inner key and the window's start."""
        return WindowedKeySerde(inner, WindowInfo(WindowType.TUMBLING, milliseconds(size, "size of a window")))

    @staticmethod
    def session_windowed(inner: Serde) -> WindowedKeySerde:
        """Keys of sessions: the inner key, the session's end and its start."""
        return WindowedKeySerde(inner, WindowInfo(WindowType.SESSION))
