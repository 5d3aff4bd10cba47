"""Serdes of whole objects: one Python value to bytes and back.

Where the values have a shape (`kappaflow.serde.shape`) they lie in columns as well: a text or a number is one column, a
dataclass one a field.  They write what Kafka's own serializers write, so that other clients read it.
Source: ``Serdes`` of Apache Kafka.
"""

from __future__ import annotations

import struct
import uuid
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np
import pyarrow as pa

from kappaflow.errors import SerializationError, TopologyError
from kappaflow.serde.face import ArrowArray, Decoded, Mask, Serde
from kappaflow.serde.kafka_format import KafkaSerde
from kappaflow.serde.schema import Column
from kappaflow.serde.shape import Shape, shape_of, whole
from kappaflow.serde.types import BIGINT, BOOLEAN, BYTES, DOUBLE, INTEGER, STRING, Array, DataType, Map, Struct


class ObjectSerde(Serde):
    """A serde whose row is one object; None is no bytes.

    Subclasses give `write` and `read`, which see neither None nor empty input.

    Attributes:
        shape: how the values lie in columns; None where they do not.
    """

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__(() if shape is None else shape.columns)
        self.shape = shape

    @property
    def columnar(self) -> bool:
        """Whether the values lie in columns."""
        return self.shape is not None

    @abstractmethod
    def write(self, value: Any) -> bytes:
        """Write a value that is not None."""

    @abstractmethod
    def read(self, data: bytes) -> Any:
        """Read a value."""

    def serialize(self, row: Any) -> bytes | None:
        """Write a value.

        Raises:
            SerializationError: it is of another type, or does not fit.
        """
        if row is None:
            return None
        try:
            return self.write(row)
        except SerializationError:
            raise
        except Exception as error:
            raise SerializationError(
                f"{type(row).__name__} {_short(row)} cannot be written as {self.name}: {error}"
            ) from error

    def deserialize(self, data: bytes | None) -> Any:
        """Read a value.

        Raises:
            SerializationError: the bytes are something else.
        """
        if data is None:
            return None
        try:
            return self.read(bytes(data))
        except SerializationError:
            raise
        except Exception as error:
            raise SerializationError(f"{len(data)} bytes {_short(bytes(data))} are no {self.name}: {error}") from error

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read a column of records into the columns of the shape."""
        assert self.shape is not None
        values: list[Any] = []
        messages: dict[int, str] = {}
        for position, record in enumerate(data.to_pylist()):
            try:
                values.append(self.deserialize(record.encode() if isinstance(record, str) else record))
            except SerializationError as error:
                values.append(None)
                messages[position] = str(error)
        columns, valid = self.shape.arrays(values)
        picked = columns if projection is None else [columns[at] for at in projection]
        return Decoded(picked, valid, _errors(messages, len(values)), messages)

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write the columns of the shape as a column of records.

        Raises:
            SerializationError: a value cannot be written.
        """
        assert self.shape is not None
        values = self.shape.values(columns, valid, len(columns[0]))
        return pa.array([self.serialize(value) for value in values], pa.binary())


def _errors(messages: dict[int, str], length: int) -> Mask | None:
    if not messages:
        return None
    mask = np.zeros(length, np.bool_)
    mask[list(messages)] = True
    return mask


def _there(column: ArrowArray) -> Mask | None:
    """Return the mask of values that are there; None when all are."""
    return None if not column.null_count else column.is_valid().to_numpy(zero_copy_only=False)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class StringSerde(ObjectSerde):
    """Text in UTF-8.

    >>> StringSerde().serialize("é")
    b'\\xc3\\xa9'
    """

    name = "STRING"

    def __init__(self) -> None:
        super().__init__(whole(STRING))

    def write(self, value: Any) -> bytes:
        """Write a text."""
        if not isinstance(value, str):
            raise SerializationError(f"{type(value).__name__} {_short(value)} is no text.")
        return value.encode()

    def read(self, data: bytes) -> str:
        """Read a text; bytes that are no UTF-8 become replacement characters, as Java does."""
        return data.decode("utf-8", "replace")

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read a column of texts."""
        try:
            column = data.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            return super().decode(data, projection)
        return Decoded([column], _there(column))

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write a column of texts."""
        if valid is not None:
            return super().encode(columns, valid, length)
        return columns[0].cast(pa.string()).cast(pa.binary())


class PackedSerde(ObjectSerde):
    """A number of fixed size, big-endian.

    Args:
        name: how error messages call it.
        code: of the struct module.
    """

    _COLUMNS: ClassVar[dict[str, DataType]] = {"q": BIGINT, "i": INTEGER, "d": DOUBLE, "?": BOOLEAN}

    def __init__(self, name: str, code: str) -> None:
        of = self._COLUMNS.get(code)
        super().__init__(None if of is None else whole(of))
        self.name = name
        self._struct = struct.Struct(">" + code)
        self._columns = KafkaSerde((Column("value", of),)) if of is not None and of != BOOLEAN else None

    def write(self, value: Any) -> bytes:
        """Write a number."""
        return self._struct.pack(value)

    def read(self, data: bytes) -> Any:
        """Read a number."""
        if len(data) != self._struct.size:
            raise SerializationError(f"{len(data)} bytes are no {self.name}, which has {self._struct.size}.")
        return self._struct.unpack(data)[0]

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read a column of numbers."""
        found = None if self._columns is None else self._columns.decode(data, projection)
        return super().decode(data, projection) if found is None or found.messages else found

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write a column of numbers."""
        if self._columns is None:
            return super().encode(columns, valid, length)
        there = _there(columns[0])
        both = there if valid is None else valid if there is None else valid & there
        return self._columns.encode(columns, both, length)


class BytesSerde(ObjectSerde):
    """Bytes as they are."""

    name = "BYTES"

    def __init__(self) -> None:
        super().__init__(whole(BYTES))

    def write(self, value: Any) -> bytes:
        """Return the bytes."""
        return bytes(memoryview(value))

    def read(self, data: bytes) -> bytes:
        """Return the bytes."""
        return data


class UuidSerde(ObjectSerde):
    """A UUID as its text."""

    name = "UUID"

    def write(self, value: Any) -> bytes:
        """Write a UUID."""
        return str(uuid.UUID(str(value))).encode()

    def read(self, data: bytes) -> uuid.UUID:
        """Read a UUID."""
        return uuid.UUID(data.decode())


class JsonSerde(ObjectSerde):
    """JSON without spaces, in the order of the fields.

    Args:
        of: a type that msgspec knows (dataclass, Struct, TypedDict, list[int] ..); values are checked against it when
            they are read; whole numbers of a column have 64 bits. Without it: dictionaries, lists, texts, numbers.

    >>> JsonSerde().serialize({"a": [1, None]})
    b'{"a":[1,null]}'
    """

    name = "JSON"

    def __init__(self, of: Any = Any) -> None:
        super().__init__(None if of is Any else shape_of(of))
        self.of = of
        self._check: Callable[[Any], None] | None = None if self.shape is None else _whole_numbers(self.shape)
        self._names = self.shape.names if self.shape is not None and self.shape.access == "item" else None
        self._encoder = msgspec.json.Encoder()
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(of)

    def with_shape(self, shape: Shape) -> JsonSerde:
        """Return a serde that writes values of a shape, also as columns."""
        made = JsonSerde(self.of)
        Serde.__init__(made, shape.columns)
        made.shape = shape
        return made

    def write(self, value: Any) -> bytes:
        """Write a value."""
        return self._encoder.encode(value)

    def read(self, data: bytes) -> Any:
        """Read a value."""
        value = self._decoder.decode(data)
        if self._names is not None:
            value = {name: value[name] for name in self._names}
        if self._check is not None:
            self._check(value)
        return value


def _whole_numbers(shape: Shape) -> Callable[[Any], None] | None:
    """Return what refuses whole numbers that do not fit into 64 bits; None where there are none."""
    places = [(at, column.name, fits) for at, column in enumerate(shape.columns) if (fits := _fits(column.type))]
    if not places:
        return None

    def check(value: Any) -> None:
        row = shape.row_of(value)
        for at, name, fits in places:
            if row[at] is not None and not fits(row[at]):
                raise SerializationError(f"{name} {_short(row[at])} does not fit into 64 bits.")

    return check


def _fits(of: DataType) -> Callable[[Any], bool] | None:
    """Return what tells whether the whole numbers of a value fit into 64 bits; None where it has none."""
    if of == BIGINT:
        return lambda number: -0x8000000000000000 <= number <= 0x7FFFFFFFFFFFFFFF
    if isinstance(of, Array | Map):
        inner = _fits(of.element if isinstance(of, Array) else of.value)
        if inner is None:
            return None
        elements = (lambda value: value) if isinstance(of, Array) else (lambda value: value.values())
        return lambda value: all(each is None or inner(each) for each in elements(value))
    if isinstance(of, Struct):
        places = [(field.name, fits) for field in of.fields if (fits := _fits(field.type))]
        return (
            (lambda value: all(value.get(name) is None or fits(value[name]) for name, fits in places))
            if places
            else None
        )
    return None


class VoidSerde(ObjectSerde):
    """Nothing: only None, as of keys that nobody needs."""

    name = "VOID"

    def write(self, value: Any) -> bytes:
        """Refuse a value."""
        raise SerializationError("A void serde writes only None.")

    def read(self, data: bytes) -> None:
        """Forget the bytes."""


class FunctionSerde(ObjectSerde):
    """Two functions as a serde.

    Args:
        serializer: makes bytes of a value that is not None.
        deserializer: makes the value of bytes.
    """

    def __init__(
        self, serializer: Callable[[Any], bytes], deserializer: Callable[[bytes], Any], name: str = "own format"
    ) -> None:
        super().__init__()
        self.name = name
        self._serializer = serializer
        self._deserializer = deserializer

    def write(self, value: Any) -> bytes:
        """Write a value."""
        return self._serializer(value)

    def read(self, data: bytes) -> Any:
        """Read a value."""
        return self._deserializer(data)


class ListSerde(ObjectSerde):
    """A list of values: their number, then the size and bytes of each; -1 as size is None."""

    name = "LIST"

    def __init__(self, inner: Serde) -> None:
        super().__init__()
        self._inner: Any = inner

    def write(self, value: Any) -> bytes:
        """Write a list."""
        out = [struct.pack(">i", len(value))]
        for element in value:
            data: bytes | None = self._inner.serialize(element)
            out.append(struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data)
        return b"".join(out)

    def read(self, data: bytes) -> list[Any]:
        """Read a list."""
        (count,) = struct.unpack_from(">i", data)
        position, found = 4, list[Any]()
        for _ in range(count):
            (size,) = struct.unpack_from(">i", data, position)
            position += 4
            if size < 0:
                found.append(None)
                continue
            found.append(self._inner.deserialize(data[position : position + size]))
            position += size
        return found


class MissingSerde(ObjectSerde):
    """Stands where nobody said how bytes are written; says so when it is needed.

    Args:
        what: names the place, such as ``the values of topic orders``.
    """

    name = "unknown format"

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def write(self, value: Any) -> bytes:
        """Refuse."""
        raise self._error()

    def read(self, data: bytes) -> Any:
        """Refuse."""
        raise self._error()

    def serialize(self, row: Any) -> bytes | None:
        """Refuse."""
        raise self._error()

    def deserialize(self, data: bytes | None) -> Any:
        """Refuse."""
        raise self._error()

    def _error(self) -> TopologyError:
        return TopologyError(
            f"There is no serde for {self._what}. Name one there, or a default for all: "
            "StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.json())."
        )


class RawRowSerde(Serde):
    """Rows of one column of bytes, as they are: the changelog of stores that keep objects as bytes."""

    name = "RAW"

    def __init__(self) -> None:
        super().__init__((Column("VALUE", BYTES),))

    def serialize(self, row: Any) -> bytes | None:
        """Return the bytes of a row."""
        return None if row is None else row[0]

    def deserialize(self, data: bytes | None) -> Any:
        """Return a row of the bytes."""
        return None if data is None else (bytes(data),)

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Return the bytes as the only column."""
        del projection
        return Decoded([data.cast(pa.binary())], data.is_valid().to_numpy(zero_copy_only=False))
