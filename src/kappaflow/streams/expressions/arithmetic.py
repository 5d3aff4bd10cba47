"""Arithmetic: whole numbers have 64 bits and wrap around, a division by zero is null.

+  -  *     whole where both are, else a double; + also joins texts
/           always a double
//  %       of whole numbers, rounded down as in Python: the rest has the divisor's sign
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.serde.types import BIGINT, DOUBLE, STRING, DataType
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.expressions.operation import (
    Bound,
    Operation,
    as_double,
    as_long,
    convert_row,
    is_number,
    is_text,
    is_whole,
    pc,
    require,
    wrap,
)


def _arithmetic(symbol: str, function: str) -> Operation:
    def bind(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
        if symbol == "+" and all(is_text(each) for each in types):
            return Bound(STRING, "({0} + {1})", lambda a, b: pc.binary_join_element_wise(a, b, ""))
        require(all(is_number(each) for each in types), symbol, types, "numbers")
        if all(is_whole(each) for each in types):
            row = {"+": lambda a, b: wrap(a + b), "-": lambda a, b: wrap(a - b), "*": lambda a, b: wrap(a * b)}[symbol]
            return Bound(BIGINT, row, lambda a, b: pc.call_function(function, [as_long(a), as_long(b)]))
        left, right = (convert_row(each, DOUBLE, f"{{{i}}}") for i, each in enumerate(types))
        return Bound(
            DOUBLE,
            f"({left} {symbol} {right})",
            lambda a, b: pc.call_function(function, [as_double(a), as_double(b)]),
        )

    return bind


add = _arithmetic("+", "add")
subtract = _arithmetic("-", "subtract")
multiply = _arithmetic("*", "multiply")


def _divide_row(left: float, right: float) -> float | None:
    return None if right == 0 else float(left) / float(right)


def _divide_column(left: ArrowArray, right: ArrowArray) -> ArrowArray:
    divisor = as_double(right)
    quotient = pc.divide(as_double(left), divisor)
    return pc.if_else(pc.equal(divisor, 0.0), pa.scalar(None, pa.float64()), quotient)


def divide(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """Divide numbers; the result is a double."""
    require(all(is_number(each) for each in types), "/", types, "numbers")
    return Bound(DOUBLE, _divide_row, _divide_column)


def _vector(array: ArrowArray) -> Any:
    """Return whole numbers for numpy; nulls are 1."""
    longs = as_long(array)
    if isinstance(longs, pa.Scalar):
        return np.int64(1 if not longs.is_valid else longs.as_py())
    return longs.fill_null(1).to_numpy(zero_copy_only=False)


def _whole_division(symbol: str, row: Callable[[int, int], int | None], vector: Callable[[Any, Any], Any]) -> Operation:
    def column(left: ArrowArray, right: ArrowArray) -> ArrowArray:
        known = pc.and_(pc.is_valid(left), pc.and_(pc.is_valid(right), pc.not_equal(right, 0)))
        divisor = _vector(right)
        made = vector(_vector(left), np.where(divisor == 0, 1, divisor))
        return pc.if_else(known, pa.array(made, pa.int64()), pa.scalar(None, pa.int64()))

    def bind(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
        require(all(is_whole(each) for each in types), symbol, types, "whole numbers")
        return Bound(BIGINT, row, column)

    return bind


def _floor_divide(left: Any, right: Any) -> Any:
    # The least number divided by -1 does not fit; it wraps around to itself, as its negation does.
    turned = right == -1
    return np.where(turned, np.negative(left), np.floor_divide(left, np.where(turned, 1, right)))


def _remainder(left: Any, right: Any) -> Any:
    turned = right == -1
    return np.where(turned, 0, np.remainder(left, np.where(turned, 1, right)))


floor_divide = _whole_division("//", lambda a, b: None if b == 0 else wrap(a // b), _floor_divide)
remainder = _whole_division("%", lambda a, b: None if b == 0 else a % b, _remainder)


def negate(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """Turn the sign."""
    require(is_number(types[0]), "-", types, "a number")
    if is_whole(types[0]):
        return Bound(BIGINT, lambda a: wrap(-a), lambda a: pc.negate(as_long(a)))
    return Bound(DOUBLE, "(-{0})", pc.negate)


def absolute(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """Take the sign away."""
    require(is_number(types[0]), "abs", types, "a number")
    if is_whole(types[0]):
        return Bound(BIGINT, lambda a: wrap(abs(a)), lambda a: pc.abs(as_long(a)))
    return Bound(DOUBLE, "abs({0})", pc.abs)


def _rounding(name: str, function: Callable[[float], int]) -> Operation:
    def row(value: float) -> float:
        if math.isnan(value) or math.isinf(value):
            return value
        return math.copysign(float(function(value)), value)

    def bind(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
        require(is_number(types[0]), name, types, "a number")
        if is_whole(types[0]):
            return Bound(BIGINT, "{0}", as_long)
        return Bound(DOUBLE, row, lambda a: pc.call_function(name, [a]))

    return bind


floor = _rounding("floor", math.floor)
ceil = _rounding("ceil", math.ceil)
