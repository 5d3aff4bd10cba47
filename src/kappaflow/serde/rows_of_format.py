"""Values in the formats of SQL: what a query writes, a program reads, and the other way round, as columns.

The bytes are those of `kappaflow.serde.formats`; a row is a dictionary, or what the program's type makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde.face import ArrowArray, Decoded, Mask, Serde
from kappaflow.serde.formats import format_serde
from kappaflow.serde.objects import ObjectSerde
from kappaflow.serde.shape import Shape, shape_of


class ColumnsSerde(ObjectSerde):
    """Rows of columns in a format.

    Args:
        shape: of the rows.
        format: JSON, DELIMITED or KAFKA.

    Raises:
        ConfigError: the format is not known, or cannot hold the columns.
    """

    def __init__(self, shape: Shape, format: str = "JSON") -> None:  # noqa: A002
        super().__init__(shape)
        self.format = format.upper()
        self.name = f"COLUMNS({self.format})"
        self.inner: Serde = format_serde(self.format, shape.columns, is_key=False, unwrapped=shape.is_whole)

    def write(self, value: Any) -> bytes:
        """Write a row."""
        assert self.shape is not None
        return self.inner.serialize(self.shape.row_of(value))  # type: ignore[return-value]

    def read(self, data: bytes) -> Any:
        """Read a row; one that is written as null is none."""
        assert self.shape is not None
        row = self.inner.deserialize(data)
        return None if row is None else self.shape.value_of(row)

    def decode(self, data: ArrowArray, projection: Sequence[int] | None = None) -> Decoded:
        """Read a column of rows."""
        return self.inner.decode(data, projection)

    def encode(self, columns: Sequence[ArrowArray], valid: Mask | None = None, length: int | None = None) -> ArrowArray:
        """Write a column of rows."""
        return self.inner.encode(columns, valid, length)


def columns_serde(of: Any, format: str = "JSON") -> ColumnsSerde:  # noqa: A002
    """Return the serde of rows of a type.

    Args:
        of: a TypedDict, a dataclass, or a dictionary of names and types.

    Raises:
        UsageError: its values do not lie in columns.
    """
    shape = shape_of(of)
    if shape is None:
        name = getattr(of, "__name__", repr(of))
        raise UsageError(
            f"{name} does not lie in columns: its fields have to be bool, int, float, str, bytes, lists or "
            "dictionaries of these, or other TypedDicts; one of None as well is fine."
        )
    return ColumnsSerde(shape, format)
