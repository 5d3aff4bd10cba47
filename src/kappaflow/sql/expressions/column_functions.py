"""Casts and functions as Arrow computations, for the types on which they give exactly what the row form gives.

A builder gets the computations of its arguments (already of the parameter types), the values of constant
arguments (None for others), and the parameter types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from kappaflow.serde.arrow import arrow_type
from kappaflow.serde.types import BigInt, Boolean, DataType, Double, Integer, String
from kappaflow.streams.batch import Batch

pc: Any = _compute  # its functions are made at import and have no types
Compute = Callable[[Batch], Any]
_FOUR_BYTES = 0xF0
_SPACES = "".join(map(chr, range(33)))


class Unsupported(Exception):
    """An expression that only the row form evaluates."""


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is computed.

    Attributes:
        compute: gives an Arrow array or scalar.
        undecided: give masks of rows that only the row form decides.
    """

    compute: Compute
    undecided: tuple[Compute, ...] = ()


Builder = Callable[[Sequence[Column], Sequence[Any], Sequence[DataType]], Column]


def plain(value: Any, wanted: Any) -> Any:
    """Return an array or scalar in the Arrow type of its SQL type; views of text become plain text."""
    return value if value.type == wanted else value.cast(wanted, safe=False)


def cast(column: Column, source: DataType | None, target: DataType) -> Column:
    """Return the conversion of a column.

    Raises:
        Unsupported: only the row form can do it.
    """
    wanted = arrow_type(target)
    if source == target:
        return column
    match source, target:
        case (Integer(), BigInt() | Double()) | (BigInt(), Integer() | Double()):
            return Column(lambda batch: _number(column.compute(batch), wanted), column.undecided)
        case (Integer() | BigInt() | Boolean(), String()):
            return Column(lambda batch: column.compute(batch).cast(wanted), column.undecided)
        case (Double(), Integer() | BigInt()):
            limit = 2.0**31 if isinstance(target, Integer) else 2.0**63
            return Column(
                lambda batch: _truncated(column.compute(batch), limit, wanted),
                (*column.undecided, lambda batch: pc.invert(_within(column.compute(batch), limit))),
            )
        case _:
            raise Unsupported(f"a cast of {source} to {target} has no column form")


def _number(value: Any, wanted: Any) -> Any:
    return pc.cast(value, options=pc.CastOptions(wanted, allow_int_overflow=True, allow_float_truncate=True))


def _within(value: Any, limit: float) -> Any:
    return pc.and_(pc.greater(value, -limit), pc.less(value, limit))


def _truncated(value: Any, limit: float, wanted: Any) -> Any:
    return _number(pc.if_else(_within(value, limit), value, 0.0), wanted)


def column_function(name: str, types: Sequence[DataType]) -> Builder:
    """Return the builder of a function over parameter types.

    Raises:
        Unsupported: only the row form can do it.
    """
    found = _FUNCTIONS.get(name)
    if found is None or not all(isinstance(data_type, found[0]) for data_type in types):
        raise Unsupported(f"{name} has no column form")
    return found[1]


def _undecided(columns: Sequence[Column]) -> tuple[Compute, ...]:
    return tuple(mask for column in columns for mask in column.undecided)


def _unary(function: Callable[[Any], Any]) -> Builder:
    def build(columns: Sequence[Column], literals: Sequence[Any], types: Sequence[DataType]) -> Column:
        column = columns[0]
        return Column(lambda batch: function(column.compute(batch)), column.undecided)

    return build


def decided_in_bmp(column: Column) -> Column:
    """Return the column with rows undecided whose text has characters of two UTF-16 units."""
    return Column(column.compute, (*column.undecided, lambda batch: _beyond_bmp(column.compute(batch))))


def _beyond_bmp(value: Any) -> Any:
    # Only these characters take four bytes; looking at the bytes of all rows at once costs little.
    data = value.buffers()[-1] if isinstance(value, pa.Array) else None
    if data is not None and (not data.size or np.frombuffer(data, np.uint8).max() < _FOUR_BYTES):
        return pa.scalar(False)
    return pc.match_substring_regex(value, r"[\x{10000}-\x{10FFFF}]")


def _counted(function: Callable[[Any], Any]) -> Builder:
    """Return the builder of a function that counts characters."""

    def build(columns: Sequence[Column], literals: Sequence[Any], types: Sequence[DataType]) -> Column:
        column = decided_in_bmp(columns[0])
        return Column(lambda batch: function(column.compute(batch)), column.undecided)

    return build


def _ascii(function: Callable[[Any], Any]) -> Builder:
    """Return the builder of a text function that is decided for ASCII text only."""

    def build(columns: Sequence[Column], literals: Sequence[Any], types: Sequence[DataType]) -> Column:
        column = columns[0]
        return Column(
            lambda batch: function(column.compute(batch)),
            (*column.undecided, lambda batch: pc.invert(pc.string_is_ascii(column.compute(batch)))),
        )

    return build


def _concat(columns: Sequence[Column], literals: Sequence[Any], types: Sequence[DataType]) -> Column:
    # Arrow's own way to skip nulls loses rows in which everything is null.
    def joined(batch: Any) -> Any:
        texts = [pc.fill_null(column.compute(batch), "") for column in columns]
        return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "")

    return Column(joined, _undecided(columns))


def _coalesce(columns: Sequence[Column], literals: Sequence[Any], types: Sequence[DataType]) -> Column:
    return Column(lambda batch: pc.coalesce(*(c.compute(batch) for c in columns)), _undecided(columns))


def _substring(columns: Sequence[Column], literals: Sequence[Any], types: Sequence[DataType]) -> Column:
    numbers = list(literals[1:])
    if any(number is None or number < 0 for number in numbers) or not isinstance(types[0], String):
        raise Unsupported("SUBSTRING with a position from the row has no column form")
    start = max(numbers[0] - 1, 0)
    stop = start + numbers[1] if len(numbers) > 1 else None
    column = decided_in_bmp(columns[0])
    return Column(lambda batch: pc.utf8_slice_codeunits(column.compute(batch), start, stop), column.undecided)


def _replace(columns: Sequence[Column], literals: Sequence[Any], types: Sequence[DataType]) -> Column:
    old, new = literals[1:]
    if not old or new is None:
        raise Unsupported("REPLACE of text from the row has no column form")
    column = columns[0]
    return Column(lambda batch: pc.replace_substring(column.compute(batch), old, new), column.undecided)


_TEXT = (String,)
_PLAIN = (Integer, BigInt, Double, String, Boolean)
_FUNCTIONS: dict[str, tuple[tuple[type[DataType], ...], Builder]] = {
    "ABS": ((Integer, BigInt, Double), _unary(pc.abs)),
    "AS_VALUE": (_PLAIN, _unary(lambda value: value)),
    "CEIL": ((Double,), _unary(pc.ceil)),
    "COALESCE": (_PLAIN, _coalesce),
    "CONCAT": (_TEXT, _concat),
    "FLOOR": ((Double,), _unary(pc.floor)),
    "IFNULL": (_PLAIN, _coalesce),
    "LCASE": (_TEXT, _ascii(pc.utf8_lower)),
    "LEN": (_TEXT, _counted(pc.utf8_length)),
    "REPLACE": (_TEXT, _replace),
    "SQRT": ((Double,), _unary(pc.sqrt)),
    "SUBSTRING": ((String, Integer), _substring),
    "TRIM": (_TEXT, _unary(lambda value: pc.utf8_trim(value, _SPACES))),
    "UCASE": (_TEXT, _ascii(pc.utf8_upper)),
}
