"""What operators call: user logic in two forms.

The row form defines what is right.  The column form is optional (`columnar` false: the operator runs this
function in row form) and must give the same result for every batch cut; it never raises for a row.
SQL compiles expressions to these; the DSL wraps callables, which have only a row form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kappaflow.serde.types import DataType
from kappaflow.streams.batch import ArrowArray, Batch, Int64s, Mask
from kappaflow.streams.record import Record


class Predicate(Protocol):
    """Keeps or drops a record."""

    @property
    def columnar(self) -> bool:
        """Tell whether there is a column form."""
        ...

    def row(self, record: Record) -> bool:
        """Tell whether the record is kept."""
        ...

    def column(self, batch: Batch) -> Mask:
        """Return a mask of the rows that are kept."""
        ...


class Mapper(Protocol):
    """Makes a new value (or a new key) from a record."""

    @property
    def columnar(self) -> bool:
        """Tell whether there is a column form."""
        ...

    def row(self, record: Record) -> Any:
        """Return the new value (SQL: a tuple), or None."""
        ...

    def column(self, batch: Batch) -> tuple[list[ArrowArray], Mask | None]:
        """Return the new columns and the mask of rows whose whole value (or key) is not null."""
        ...


class FlatMapper(Protocol):
    """Makes any number of values from a record."""

    def row(self, record: Record) -> list[Any]:
        """Return the new values in order."""
        ...


class Joiner(Protocol):
    """Makes the value of a joined record."""

    @property
    def columnar(self) -> bool:
        """Tell whether there is a column form."""
        ...

    def row(self, key: Any, left: Any, right: Any) -> Any:
        """Return the joined value; either side may be None in outer joins."""
        ...

    def column(
        self, batch: Batch, right: Sequence[ArrowArray], right_valid: Mask | None
    ) -> tuple[list[ArrowArray], Mask | None]:
        """Return the joined columns and the mask of rows that are not null; the batch is the left side."""
        ...


@dataclass(frozen=True, slots=True)
class Fold:
    """One accumulator that the kernel can run over a column.

    Attributes:
        kind: ``count`` (rows, or non-null inputs when `input` is given), ``sum``, ``min``, ``max``,
            ``latest`` (last non-null), ``earliest`` (first non-null), ``last`` (last, nulls included).
        input: position of its input among the columns of `Aggregator.inputs`, None for ``count(*)``.
        type: the type of the accumulator.
    """

    kind: str
    input: int | None
    type: DataType


class Aggregator(Protocol):
    """Folds the records of a key into a state row of `state_types`, and reads the result out of it."""

    @property
    def state_types(self) -> tuple[DataType, ...]:
        """The types of the state row, as written to the changelog."""
        ...

    @property
    def folds(self) -> tuple[Fold, ...] | None:
        """One fold per state column, or None when only the row form can do it."""
        ...

    def initial(self) -> tuple[Any, ...]:
        """Return the state row of a key without records."""
        ...

    def add(self, key: Any, record: Record, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the state after one more record."""
        ...

    def undo(self, key: Any, record: Record, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the state after a record of a table was taken back."""
        ...

    def merge(self, key: Any, left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the state of two sessions that became one; `left` is the earlier."""
        ...

    def result(self, state: tuple[Any, ...]) -> Any:
        """Return the value that is forwarded for a state."""
        ...

    def inputs(self, batch: Batch) -> Sequence[ArrowArray]:
        """Column form: the inputs of the folds."""
        ...

    def results(self, state_columns: Sequence[ArrowArray]) -> list[ArrowArray]:
        """Column form of `result`."""
        ...


@dataclass(frozen=True, slots=True)
class ExtractedTimes:
    """Times of rows.

    Attributes:
        times: milliseconds since the epoch.
        messages: what is wrong, by position, with rows that have no time that can be read.
    """

    times: Int64s
    messages: Mapping[int, str]


class TimestampExtractor(Protocol):
    """Gives the time of a record."""

    def extract(self, record: Record, partition_time: int) -> int:
        """Return milliseconds since the epoch; a negative time drops the record.

        Raises:
            SerializationError: the record has no time that can be read.
        """
        ...

    def column(self, batch: Batch) -> ExtractedTimes:
        """Return the times of a batch's rows."""
        ...
