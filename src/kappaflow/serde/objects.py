"""Serdes of whole objects: one Python value to bytes and back, without columns.

They write what Kafka's own serializers write, so that other clients read it.  Source: ``Serdes`` of Apache Kafka.
"""

from __future__ import annotations

import struct
import uuid
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from kappaflow.errors import SerializationError, TopologyError
from kappaflow.serde.face import ArrowArray, Decoded, Serde
from kappaflow.serde.schema import Column
from kappaflow.serde.types import BYTES


class ObjectSerde(Serde):
    """A serde whose row is one object; None is no bytes.

    Subclasses give `write` and `read`, which see neither None nor empty input.
    """

    def __init__(self) -> None:
        super().__init__(())

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


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class StringSerde(ObjectSerde):
    """Text in UTF-8.

    >>> StringSerde().serialize("é")
    b'\\xc3\\xa9'
    """

    name = "STRING"

    def write(self, value: Any) -> bytes:
        """Write a text."""
        if not isinstance(value, str):
            raise SerializationError(f"{type(value).__name__} {_short(value)} is no text.")
        return value.encode()

    def read(self, data: bytes) -> str:
        """Read a text; bytes that are no UTF-8 become replacement characters, as Java does."""
        return data.decode("utf-8", "replace")


class PackedSerde(ObjectSerde):
    """A number of fixed size, big-endian.

    Args:
        name: how error messages call it.
        code: of the struct module.
    """

    def __init__(self, name: str, code: str) -> None:
        super().__init__()
        self.name = name
        self._struct = struct.Struct(">" + code)

    def write(self, value: Any) -> bytes:
        """Write a number."""
        return self._struct.pack(value)

    def read(self, data: bytes) -> Any:
        """Read a number."""
        if len(data) != self._struct.size:
            raise SerializationError(f"{len(data)} bytes are no {self.name}, which has {self._struct.size}.")
        return self._struct.unpack(data)[0]


class BytesSerde(ObjectSerde):
    """Bytes as they are."""

    name = "BYTES"

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
            they are read. Without it: dictionaries, lists, texts, numbers.

    >>> JsonSerde().serialize({"a": [1, None]})
    b'{"a":[1,null]}'
    """

    name = "JSON"

    def __init__(self, of: Any = Any) -> None:
        super().__init__()
        self.of = of
        self._encoder = msgspec.json.Encoder()
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(of)

    def write(self, value: Any) -> bytes:
        """Write a value."""
        return self._encoder.encode(value)

    def read(self, data: bytes) -> Any:
        """Read a value."""
        return self._decoder.decode(data)


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
