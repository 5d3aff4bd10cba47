"""Values as plain comma-separated columns, without quoting: easy to write in any language."""

from __future__ import annotations

from kappaflow.errors import SerializationError
from kappaflow.serde import Row, Serde
from kappaflow.serde.types import BIGINT


class CommaSeparated(Serde):
    """Numbers and texts between commas; nothing is NULL.

    >>> from kappaflow.serde.schema import Column
    >>> serde = CommaSeparated((Column("A", BIGINT), Column("B", BIGINT)))
    >>> serde.serialize((1, None)), serde.deserialize(b"1,")
    (b'1,', (1, None))
    """

    name = "COMMA"

    def serialize(self, row: Row | None) -> bytes | None:
        """Write a row."""
        return None if row is None else ",".join("" if cell is None else str(cell) for cell in row).encode()

    def deserialize(self, data: bytes | None) -> Row | None:
        """Read a row.

        Raises:
            SerializationError: the number of columns, or a number, is wrong.
        """
        if data is None:
            return None
        cells = data.decode().split(",")
        if len(cells) != len(self.columns):
            raise SerializationError(f"{len(cells)} columns were found, {len(self.columns)} are needed.")
        return tuple(
            None if cell == "" else self._number(cell) if column.type == BIGINT else cell
            for cell, column in zip(cells, self.columns, strict=True)
        )

    @staticmethod
    def _number(cell: str) -> int:
        try:
            return int(cell)
        except ValueError:
            raise SerializationError(f"{cell!r} is not a number.") from None
