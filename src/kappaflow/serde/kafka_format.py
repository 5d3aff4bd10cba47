"""The KAFKA format: one column, written as Kafka's own serializers do."""

from __future__ import annotations

from kappaflow.errors import SerializationError
from kappaflow.kernel.primitives import READERS, WRITERS, PrimitiveError
from kappaflow.serde.face import Row, Serde
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
