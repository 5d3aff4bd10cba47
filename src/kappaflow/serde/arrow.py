"""Data types as Arrow types, rows as arrays and arrays as rows.

Row values are those of kappaflow.serde.types: time types are plain ints, a MAP is a dict, a STRUCT is a dict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

from kappaflow.serde import types as t

ArrowArray = Any
ArrowType = Any

_SCALARS: dict[type[t.DataType], ArrowType] = {
    t.Boolean: pa.bool_(),
    t.Integer: pa.int32(),
    t.BigInt: pa.int64(),
    t.Double: pa.float64(),
    t.String: pa.string(),
    t.Bytes: pa.binary(),
    t.Time: pa.time32("ms"),
    t.Date: pa.date32(),
    t.Timestamp: pa.timestamp("ms"),
}
_INTEGERS: dict[type[t.DataType], ArrowType] = {
    t.Time: pa.int32(),
    t.Date: pa.int32(),
    t.Timestamp: pa.int64(),
}
_DIGITS_MAX = 76
_PLAIN = (t.Boolean, t.Integer, t.BigInt, t.Double, t.String, t.Bytes, t.Decimal)


@lru_cache(maxsize=4096)
def arrow_type(data_type: t.DataType, *, temporal_as_int: bool = False) -> ArrowType:
    """Return the Arrow type of a column.

    Args:
        data_type: the column's type.
        temporal_as_int: time types as the integers of the row form instead.
    """
    if temporal_as_int and type(data_type) in _INTEGERS:
        return _INTEGERS[type(data_type)]
    scalar = _SCALARS.get(type(data_type))
    if scalar is not None:
        return scalar
    match data_type:
        case t.Decimal(precision, scale):
            if precision <= 38:
                return pa.decimal128(precision, scale)
            # The widest there is also holds the values of wider types, all but the longest of them.
            return pa.decimal256(min(precision, _DIGITS_MAX), min(scale, _DIGITS_MAX))
        case t.Array(element):
            return pa.list_(arrow_type(element, temporal_as_int=temporal_as_int))
        case t.Map(key, value):
            inner = (arrow_type(inner, temporal_as_int=temporal_as_int) for inner in (key, value))
            return pa.map_(*inner)
        case t.Struct(fields):
            return pa.struct([pa.field(f.name, arrow_type(f.type, temporal_as_int=temporal_as_int)) for f in fields])
        case _:
            raise TypeError(f"no Arrow type for {data_type}")


def values_to_array(values: Sequence[Any], data_type: t.DataType) -> ArrowArray:
    """Make an array of row values of one column."""
    if isinstance(data_type, t.Struct) and not data_type.fields:
        return pa.array(values, type=pa.struct([]))
    array = pa.array(values, type=arrow_type(data_type))
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def rows_to_arrays(rows: Sequence[tuple[Any, ...] | None], data_types: Sequence[t.DataType]) -> list[ArrowArray]:
    """Make one array a column; a missing row is null in every column."""
    if not data_types:
        return []
    absent = (None,) * len(data_types)
    columns = zip(*[absent if row is None else row for row in rows], strict=True) if rows else ((),) * len(absent)
    return [values_to_array(list(values), dt) for values, dt in zip(columns, data_types, strict=True)]


@lru_cache(maxsize=4096)
def _converter(data_type: t.DataType) -> Callable[[Any], Any] | None:
    """Return what turns pyarrow's Python value into the row form; None where they are the same."""
    match data_type:
        case t.Array(element):
            each = _converter(element)
            return None if each is None else (lambda values: values and [each(value) for value in values])
        case t.Map(_, value_type):
            convert = _converter(value_type) or (lambda value: value)
            return lambda pairs: None if pairs is None else {key: convert(value) for key, value in pairs}
        case t.Struct(fields):
            changed = [(f.name, inner) for f in fields if (inner := _converter(f.type)) is not None]
            if not changed:
                return None

            def convert_struct(value: dict[str, Any] | None) -> dict[str, Any] | None:
                if value is not None:
                    for name, inner in changed:
                        value[name] = inner(value[name])
                return value

            return convert_struct
        case _:
            return None


def array_to_values(array: ArrowArray, data_type: t.DataType) -> list[Any]:
    """Return the row values of a column."""
    if not isinstance(data_type, _PLAIN):
        as_int = arrow_type(data_type, temporal_as_int=True)
        if as_int != arrow_type(data_type):
            array = array.cast(as_int)
    values: list[Any] = array.to_pylist()
    convert = _converter(data_type)
    return values if convert is None else [convert(value) for value in values]


def arrays_to_rows(
    arrays: Sequence[ArrowArray], data_types: Sequence[t.DataType], length: int
) -> list[tuple[Any, ...]]:
    """Return one tuple a row.

    Args:
        arrays: one a column, each of `length` values.
        data_types: their types.
        length: number of rows, needed where there are no columns.
    """
    if not data_types:
        return [()] * length
    return list(zip(*(array_to_values(a, dt) for a, dt in zip(arrays, data_types, strict=True)), strict=True))
