"""Comparisons: of numbers by value, of texts by code points, of bytes; truth values are equal or not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import pyarrow as pa

from kappaflow.errors import UsageError
from kappaflow.serde.arrow import arrow_type
from kappaflow.serde.types import BIGINT, BOOLEAN, BYTES, DOUBLE, STRING, DataType
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.expressions.operation import (
    Bound,
    Operation,
    convert_column,
    convert_row,
    is_number,
    is_whole,
    pc,
    require,
)

_SYMBOLS = {
    "==": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}


def _comparison(symbol: str, function: str) -> Operation:
    def bind(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
        numbers = all(is_number(each) for each in types)
        alike = types[0] == types[1] and (
            types[0] in (STRING, BYTES) or (types[0] == BOOLEAN and symbol in ("==", "!="))
        )
        require(numbers or alike, symbol, types, "two numbers or two texts")
        if not numbers:
            return Bound(BOOLEAN, f"({{0}} {symbol} {{1}})", lambda a, b: pc.call_function(function, [a, b]))
        common = BIGINT if all(is_whole(each) for each in types) else DOUBLE
        left, right = (convert_row(each, common, f"{{{i}}}") for i, each in enumerate(types))
        return Bound(
            BOOLEAN,
            f"({left} {symbol} {right})",
            lambda a, b: pc.call_function(function, [convert_column(a, common), convert_column(b, common)]),
        )

    return bind


equal, not_equal, less, less_equal, greater, greater_equal = (
    _comparison(symbol, function) for symbol, function in _SYMBOLS.items()
)


def is_in(types: Sequence[DataType], options: Sequence[Any]) -> Bound:
    """Tell whether a value is one of some constants."""
    (values,) = options
    (of,) = types
    if not values:
        return Bound(BOOLEAN, lambda _: False, _false)
    if of == DOUBLE or (is_whole(of) and any(isinstance(each, float) for each in values)):
        numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
        require(numbers and not any(math.isnan(each) for each in values), "in_", types, "values like the column's")
        doubles = frozenset(float(each) for each in values)
        return Bound(
            BOOLEAN,
            lambda a: float(a) in doubles,
            lambda a: _any_equal(convert_column(a, DOUBLE), sorted(doubles)),
        )
    kinds: dict[DataType, type] = {STRING: str, BYTES: bytes, BOOLEAN: bool}
    wanted = int if is_whole(of) else kinds.get(of)
    if wanted is None or any(type(each) is not wanted for each in values):
        raise UsageError(f"in_ compares {of} with values of the same kind, not with {list(values)!r}.")
    known = frozenset(values)
    to = BIGINT if is_whole(of) else of
    listed = pa.array(sorted(known), arrow_type(to))

    def column(array: ArrowArray) -> ArrowArray:
        array = convert_column(array, to)
        return pc.if_else(pc.is_valid(array), pc.is_in(array, value_set=listed), pa.scalar(None, pa.bool_()))

    return Bound(BOOLEAN, lambda a: a in known, column)


def _any_equal(array: ArrowArray, values: Sequence[float]) -> ArrowArray:
    return reduce(pc.or_, [pc.equal(array, value) for value in values])


def _false(array: ArrowArray) -> ArrowArray:
    return pc.if_else(pc.is_valid(array), pa.scalar(False), pa.scalar(None, pa.bool_()))
