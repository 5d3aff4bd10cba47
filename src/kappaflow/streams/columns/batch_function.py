"""A function of the program over Arrow record batches, such as a model: called with whole batches, one row a record.

Records without a value are not shown to it and stay without one.  Where it fails for a batch it is called with halves
of it until the record for which it fails stands alone, and is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.errors import StreamsError
from kappaflow.serde.arrow import arrow_type
from kappaflow.serde.shape import Shape
from kappaflow.streams.batch import ArrowArray, Batch
from kappaflow.streams.columns.batches import plain, take
from kappaflow.streams.columns.operator import only


class BatchFunction:
    """Calls the function and checks what it returns.

    Args:
        name: of the operator, for messages.
        function: of a record batch with the columns of `given`; returns a record batch, a table, or for plain values an
            array, with as many rows.
        made: the columns that it makes.
        rows_max: of one call.
    """

    def __init__(self, name: str, function: Callable[[Any], Any], given: Shape, made: Shape, rows_max: int) -> None:
        self.name = name
        self.given = given
        self.made = made
        self.rows_max = rows_max
        self._function = function

    def call(self, columns: Sequence[ArrowArray], count: int) -> list[ArrowArray]:
        """Return the columns that the function makes of columns without missing rows.

        Raises:
            StreamsError: the function fails, or returns something else.
        """
        batch = pa.RecordBatch.from_arrays([plain(column) for column in columns], list(self.given.names))
        parts = [self._made(batch.slice(at, self.rows_max), at) for at in range(0, count, self.rows_max)]
        return [pa.concat_arrays(pieces) for pieces in zip(*parts, strict=True)]

    def _made(self, batch: Any, at: int) -> list[ArrowArray]:
        try:
            returned = self._function(batch)
        except Exception as error:
            if len(batch) == 1:
                raise StreamsError(
                    f"The function of {self.name} fails for {batch.to_pylist()[0]!r}: {type(error).__name__}: {error}"
                ) from error
            half = len(batch) // 2
            halves = (self._made(batch.slice(0, half), at), self._made(batch.slice(half), at + half))
            return [pa.concat_arrays(pieces) for pieces in zip(*halves, strict=True)]
        made = self._columns(returned)
        for column, name in zip(made, self.made.names, strict=True):
            if len(column) != len(batch):
                raise StreamsError(
                    f"The function of {self.name} returns {len(column)} rows of {name} for {len(batch)} records; it "
                    "has to return one for each, in their order."
                )
        return made

    def _columns(self, returned: Any) -> list[ArrowArray]:
        if isinstance(returned, pa.RecordBatch | pa.Table):
            missing = [name for name in self.made.names if name not in returned.schema.names]
            if missing:
                raise StreamsError(
                    f"The function of {self.name} returns {', '.join(returned.schema.names)}, but not {missing[0]}."
                )
            found: list[Any] = [returned.column(name) for name in self.made.names]
        elif self.made.is_whole:
            found = [returned]
        else:
            raise StreamsError(
                f"The function of {self.name} returns {type(returned).__name__}; it has to return a RecordBatch or a "
                f"Table with {', '.join(self.made.names)}."
            )
        return [self._column(*each) for each in zip(found, self.made.names, self.made.types, strict=True)]

    def _column(self, found: Any, name: str, of: Any) -> ArrowArray:
        wanted = arrow_type(of)
        try:
            if isinstance(found, pa.ChunkedArray):
                found = found.combine_chunks()
            if not isinstance(found, pa.Array):
                return pa.array(found, wanted)
            return found if found.type == wanted else found.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise StreamsError(f"The function of {self.name} returns a {name} that is no {of}: {error}") from error


class MapBatchesColumns:
    """Gives rows the values that the function makes of them."""

    def __init__(self, function: BatchFunction) -> None:
        self._function = function

    def run(self, inputs: Sequence[Batch | None]) -> Batch:
        """Return the rows with new values."""
        batch = only(inputs)
        valid = batch.value_valid
        if valid is None or valid.all():
            batch.value, batch.value_valid = self._function.call(batch.value, len(batch)), None
        elif valid.any():
            made = self._function.call(take(batch, valid).value, int(valid.sum()))
            places = pa.array(np.cumsum(valid) - 1, mask=~valid)
            batch.value = [column.take(places) for column in made]
        else:
            batch.value = [pa.nulls(len(batch), arrow_type(of)) for of in self._function.made.types]
        if self._function.made.is_whole and batch.value[0].null_count:
            batch.value_valid = batch.value[0].is_valid().to_numpy(zero_copy_only=False)
        return batch
