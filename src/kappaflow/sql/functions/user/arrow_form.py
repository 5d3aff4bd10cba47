"""The column form of a user's scalar function, and the check that it gives what the row form gives.

A row whose arguments are there and whose result is null is left to the row form: it knows the value or the message.
A call that fails as a whole leaves all rows of its batch to the row form.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as _compute

from kappaflow.serde.arrow import array_to_values, arrow_type, values_to_array
from kappaflow.serde.types import Array as ArrayType
from kappaflow.serde.types import (
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
from kappaflow.sql.functions.signature import Generic, bind_generics, substitute
from kappaflow.sql.functions.user.decorators import UserFunction, Variant
from kappaflow.sql.functions.user.scalar import argument_converters, scalar_factory
from kappaflow.streams.batch import Batch

pc: Any = _compute
SAMPLE_ROWS = 64
Compute = Callable[[Batch], Any]
_GENERIC_TYPES: tuple[DataType, ...] = (String(), BigInt(), Double())


class ArrowForm:
    """One call of a function over columns: result and undecided rows of a batch, computed once."""

    def __init__(self, variant: Variant, types: Sequence[DataType | None], returns: DataType) -> None:
        assert variant.arrow is not None
        self._function = variant.arrow
        self._wanted = arrow_type(returns)
        _, self._strict = argument_converters(variant, types)
        self._last: tuple[Any, Any, Any] | None = None

    def over(self, batch: Batch, arguments: Sequence[Compute]) -> tuple[Any, Any]:
        """Return the column, and the mask of rows that only the row form decides."""
        if self._last is None or self._last[0] is not batch:
            columns = [_column(compute(batch), len(batch)) for compute in arguments]
            self._last = (batch, *self.apply(columns, len(batch)))
        return self._last[1], self._last[2]

    def apply(self, columns: Sequence[Any], rows: int) -> tuple[Any, Any]:
        """Return the column and the mask of undecided rows for argument columns of `rows` rows."""
        try:
            result = self._function(*columns)
            result = result.combine_chunks() if isinstance(result, pa.ChunkedArray) else result
            if len(result) != rows:
                raise ValueError(f"{len(result)} rows of {rows}")
            result = result if result.type == self._wanted else result.cast(self._wanted)
        except Exception:  # the row form says what is wrong, by row
            return pa.nulls(rows, self._wanted), pa.array([True] * rows)
        present = pa.array([True] * rows)
        for index in self._strict:
            present = pc.and_(present, pc.is_valid(columns[index]))
        result = pc.if_else(present, result, pa.scalar(None, self._wanted))
        return result, pc.and_(present, pc.is_null(result))


def _column(value: Any, rows: int) -> Any:
    if isinstance(value, pa.Scalar):
        return pa.repeat(value, rows)
    return value.combine_chunks() if isinstance(value, pa.ChunkedArray) else value


def difference(function: UserFunction, variant: Variant) -> str | None:
    """Compare both forms over made-up rows; return what differs, or None."""
    bound: dict[str, DataType] = {}
    for generic in _GENERIC_TYPES:
        problem = _difference(function, variant, generic, bound)
        if problem is not None or not any(isinstance(p.type, Generic) for p in variant.signature.parameters):
            return problem
    return None


def _difference(function: UserFunction, variant: Variant, generic: DataType, bound: dict[str, DataType]) -> str | None:
    bound = {}
    types: list[DataType] = []
    for parameter in variant.signature.parameters:
        data_type = {"DECIMAL": Decimal(10, 2), "ANY": generic}.get(str(parameter.type), parameter.type)
        concrete = substitute(data_type, bound) or (generic if isinstance(data_type, Generic) else None)
        if concrete is None:
            return None  # nested generics are compared when they are used
        bind_generics(parameter.type, concrete, bound)
        types += [concrete] * (2 if parameter.variadic else 1)
    returns = substitute(variant.signature.returns, bound)
    if returns is None:
        return None
    samples = [_samples(data_type) for data_type in types]
    rows = [
        tuple(s[(r * (2 * i + 1) + r // len(s)) % len(s)] for i, s in enumerate(samples)) for r in range(SAMPLE_ROWS)
    ]
    columns = [values_to_array([row[i] for row in rows], data_type) for i, data_type in enumerate(types)]
    result, undecided = ArrowForm(variant, types, returns).apply(columns, len(rows))
    call = scalar_factory(function, variant)(tuple(types), returns)
    for row, given, left in zip(rows, array_to_values(result, returns), undecided.to_pylist(), strict=True):
        if left:
            continue
        try:
            wanted = call(*row)
        except Exception as error:
            return f"for {row} the column form gives {given!r}, the row form fails: {error}"
        if not _same(wanted, given):
            return f"for {row} the column form gives {given!r}, the row form {wanted!r}"
    return None


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    return left == right


def _samples(data_type: DataType) -> list[Any]:
    match data_type:
        case Integer():
            return [None, 0, 1, -1, 7, 2**31 - 1, -(2**31)]
        case BigInt():
            return [None, 0, 1, -1, 7, 1000, 2**53 + 1, 2**63 - 1, -(2**63)]
        case Double():
            return [None, 0.0, -0.0, 1.5, -2.25, 1e300, float("inf"), float("nan"), 0.1]
        case String():
            return [None, "", "a", "Ab c", "\u00e9\u00df", "\U0001f600x", " 12 ", "12"]
        case Bytes():
            return [None, b"", b"a", b"\x00\xff"]
        case Boolean():
            return [None, True, False]
        case Decimal(precision, scale):
            unit = decimal.Decimal(1).scaleb(-scale)
            return [None, unit * 0, unit, -unit, unit * (10**precision - 1)]
        case Timestamp():
            return [None, 0, 1, -1, 1_700_000_000_123]
        case Date():
            return [None, 0, -1, (dt.date(2024, 2, 29) - dt.date(1970, 1, 1)).days]
        case Time():
            return [None, 0, 1, 86_399_999]
        case ArrayType(element):
            inner = _samples(element)
            return [None, [], inner[:2], inner]
        case Map(key, value):
            keys = [item for item in _samples(key) if item is not None]
            return [None, {}, dict(zip(keys, _samples(value), strict=False))]
        case Struct(fields):
            parts = [_samples(field.type) for field in fields]
            made = [{f.name: p[i % len(p)] for f, p in zip(fields, parts, strict=True)} for i in range(5)]
            return [None, *made]
        case _:
            return [None]
