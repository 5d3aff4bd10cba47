"""Columns between row form and Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from kappaflow.serde.types import (
    Array,
    BigInt,
    Boolean,
    Bytes,
    DataType,
    Date,
    Decimal,
    Double,
    Integer,
    Map,
    String,
    Struct,
    Time,
    Timestamp,
)
from kappaflow.streams.batch import ArrowArray


def arrow_type(data_type: DataType) -> Any:
    """Return the Arrow type of a column."""
    match data_type:
        case Boolean():
            return pa.bool_()
        case Integer():
            return pa.int32()
        case BigInt():
            return pa.int64()
        case Double():
            return pa.float64()
        case Decimal(precision, scale):
            return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
        case Bytes():
            return pa.binary()
        case Time():
            return pa.time32("ms")
        case Date():
            return pa.date32()
        case Timestamp():
            return pa.timestamp("ms")
        case Array(element):
            return pa.list_(arrow_type(element))
        case Map(key, value):
            return pa.map_(arrow_type(key), arrow_type(value))
        case Struct(fields):
            return pa.struct([(field.name, arrow_type(field.type)) for field in fields])
        case String():
            return pa.string()
        case _:
            raise TypeError(f"no Arrow type for {data_type}")


def column_of(values: Sequence[Any], data_type: DataType) -> ArrowArray:
    """Return row-form values as an Arrow column."""
    if isinstance(data_type, Time | Date):
        return pa.array(values, pa.int32()).cast(arrow_type(data_type))
    if isinstance(data_type, Timestamp):
        return pa.array(values, pa.int64()).cast(arrow_type(data_type))
    return pa.array(values, arrow_type(data_type))
