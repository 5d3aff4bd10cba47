"""The KAFKA format: one column, written as Kafka's own serializers do."""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.errors import SerializationError
from kappaflow.kernel.primitives import READERS, WRITERS, PrimitiveError
from kappaflow.kernel.selection import USE_NATIVE
from kappaflow.serde.face import ArrowArray, Decoded, Mask, Row, Serde
from kappaflow.serde.schema import Column


class KafkaSerde(Serde):
    """A single primitive; a null column is no bytes at all."""

    name = "KAFKA"

    def __init__(self, columns: tuple[Column, ...], topic: str = "") -> None:
        super().__init__(columns)
        kind = str(columns[0].type)
        self._read = READERS[kind]
        self._write = WRITERS[kind]
        self._topic = topic

    def serialize(self, row: Row | None) -> bytes | None:
        """Write a row."""
        if row is None or row[0] is None:
            return None
        return self._write(row[0])

    def deserialize(self, data: bytes | None) -> Row | None:
        """Read a row."""
        if data is None:
            return None
        try:
            return (self._read(data),)
        except PrimitiveError as error:
            raise SerializationError(f"Error deserializing KAFKA message from topic: {self._topic}. {error}") from None

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read a column of primitives."""
        if not USE_NATIVE:
            return super().decode(data, projection)
        from kappaflow.serde.column_form import primitive_decode

        return primitive_decode(self, data, projection)

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write a column of primitives."""
        if not USE_NATIVE:
            return super().encode(columns, valid, length)
        from kappaflow.serde.column_form import primitive_encode

        return primitive_encode(self, columns, valid)


class NoneSerde(Serde):
    """No columns and no bytes: the NONE format, and KAFKA of a stream without a key."""

    name = "NONE"

    def __init__(self) -> None:
        super().__init__(())

    def serialize(self, row: Row | None) -> bytes | None:
        """Write a row."""
        return None

    def deserialize(self, data: bytes | None) -> Row | None:
        """Read a row."""
        return None
