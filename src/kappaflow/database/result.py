"""The rows of a query, as Python rows or as a frame."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kappaflow.database.protocol import ResultSchema
from kappaflow.runtime.closing import Closing

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

SHOWN_ROWS_MAX = 20


class Row(tuple[Any, ...]):
    """A row: a tuple whose values are also found by column name, as ``row["TOTAL"]`` or ``row.total``.

    DATE, TIME and TIMESTAMP values are integers: days, milliseconds of the day, milliseconds since the epoch.
    """

    __slots__ = ()
    _names: tuple[str, ...] = ()

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return tuple.__getitem__(self, self._position(key))
        return tuple.__getitem__(self, key)

    def __getattr__(self, name: str) -> Any:
        try:
            return tuple.__getitem__(self, self._position(name))
        except KeyError as error:
            raise AttributeError(name) from error

    def _position(self, name: str) -> int:
        names = type(self)._names
        for candidate in (name, name.upper()):
            if candidate in names:
                return names.index(candidate)
        raise KeyError(f"{name}: the columns are {', '.join(names)}")

    def as_dict(self) -> dict[str, Any]:
        """Return the row as a dictionary."""
        return dict(zip(type(self)._names, self, strict=True))

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self.as_dict().items())
        return f"Row({inner})"


def row_type(names: tuple[str, ...]) -> type[Row]:
    """Return the row class of a result."""
    return type("Row", (Row,), {"__slots__": (), "_names": names})


class Result(Closing):
    """The answer to one statement.

    Iterate it for rows as they come (a push query goes on until it is closed or its LIMIT is reached), or collect
    it into a frame.  For a statement that is no query `entities` holds the server's answers.
    """

    def __init__(
        self,
        schema: ResultSchema | None,
        lines: Iterator[Any],
        close: Callable[[], None],
        entities: list[dict[str, Any]] | None = None,
    ) -> None:
        self.schema = schema
        self.entities = entities or []
        self._lines = lines
        self._close = close
        self._rows: list[Row] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self.schema.names if self.schema is not None else ()

    def __iter__(self) -> Iterator[Row]:
        if self._rows is not None:
            yield from self._rows
            return
        if self.schema is None:
            return
        make, read = row_type(self.schema.names), self.schema.row_reader()
        try:
            for line in self._lines:
                yield make(read(line))
        finally:
            self._close()

    def rows(self) -> list[Row]:
        """Return all rows; a push query without LIMIT never ends."""
        if self._rows is None:
            self._rows = list(self)
        return self._rows

    def to_arrow(self) -> pa.Table:
        """Return all rows as an Arrow table."""
        import pyarrow as pa

        from kappaflow.serde.arrow import rows_to_arrays

        if self.schema is None:
            return pa.table({})
        arrays = rows_to_arrays([tuple(row) for row in self.rows()], self.schema.types)
        return pa.Table.from_arrays(arrays, names=list(self.schema.names))

    def to_polars(self) -> pl.DataFrame:
        """Return all rows as a Polars frame."""
        import polars as pl

        frame = pl.from_arrow(self.to_arrow())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def to_pandas(self) -> pd.DataFrame:
        """Return all rows as a pandas frame; needs pandas."""
        return self.to_arrow().to_pandas()

    def close(self) -> None:
        """End the query; harmless when it has ended."""
        self._close()

    def __repr__(self) -> str:
        if self.schema is None:
            return "\n".join(str(entity.get("commandStatus", {}).get("message", entity)) for entity in self.entities)
        types = ", ".join(f"{n} {t}" for n, t in zip(self.schema.names, self.schema.types, strict=True))
        return f"Result({types})"

    def _repr_html_(self) -> str:
        if self.schema is None:
            return f"<pre>{html.escape(repr(self))}</pre>"
        rows = self._rows[:SHOWN_ROWS_MAX] if self._rows is not None else self._first_rows()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.schema.names)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(str(v))}</td>" for v in row) + "</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _first_rows(self) -> list[Row]:
        # A notebook shows the value of a cell once: a pull query is collected, a push query only described.
        return self.rows()[:SHOWN_ROWS_MAX] if self.schema and self.schema.query_id.startswith("query_") else []
