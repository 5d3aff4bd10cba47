"""Choices between values: is_null, fill_null, when/then/otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from kappaflow.serde.arrow import arrow_type
from kappaflow.serde.types import BOOLEAN, DOUBLE, DataType
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.expressions.operation import (
    NULL,
    Bound,
    convert_column,
    is_whole,
    of_common,
    pc,
    require,
)


def is_null(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """Tell whether there is no value; never null itself."""
    del types
    return Bound(BOOLEAN, "({0} is None)", pc.is_null, strict=False)


def is_not_null(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """Tell whether there is a value; never null itself."""
    del types
    return Bound(BOOLEAN, "({0} is not None)", pc.is_valid, strict=False)


def _converted(data_type: DataType, to: DataType, source: str) -> str:
    """Return source that makes a value, which may be None, one of the common type."""
    return f"number({source})" if to == DOUBLE and is_whole(data_type) else source


def fill_null(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """The first value, or the second where there is none."""
    common = of_common(types, "fill_null")
    converts = [to_double if common == DOUBLE and is_whole(each) else None for each in types]

    def row(first: Any, second: Any) -> Any:
        at = 0 if first is not None else 1
        value, convert = (first, second)[at], converts[at]
        return value if convert is None else convert(value)

    def column(first: ArrowArray, second: ArrowArray) -> ArrowArray:
        return pc.coalesce(convert_column(first, common), convert_column(second, common))

    return Bound(common, row, column, strict=False)


def when(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """The value behind the first condition that is true, or the last value; a null condition is not true.

    The arguments are condition, value, condition, value .., value.
    """
    conditions, values = types[:-1:2], (*types[1::2], types[-1])
    require(all(each == BOOLEAN for each in conditions), "when", conditions, "conditions")
    common = of_common(values, "when")
    source = _converted(types[-1], common, f"{{{len(types) - 1}}}")
    for at in range(len(types) - 3, -1, -2):
        value = _converted(types[at + 1], common, f"{{{at + 1}}}")
        source = f"({value} if {{{at}}} is True else {source})"

    def column(*arrays: ArrowArray) -> ArrowArray:
        chosen = _typed(arrays[-1], common)
        for at in range(len(arrays) - 3, -1, -2):
            condition = pc.fill_null(arrays[at], False)
            chosen = pc.if_else(condition, _typed(arrays[at + 1], common), chosen)
        return chosen

    return Bound(common, source, column, strict=False)


def _typed(array: ArrowArray, to: DataType) -> ArrowArray:
    if pa.types.is_null(array.type):
        return pa.scalar(None, arrow_type(to))
    return convert_column(array, to)


def to_double(value: Any) -> float | None:
    """Return a number as a double; None stays None."""
    return None if value is None else float(value)


__all__ = ["NULL", "fill_null", "is_not_null", "is_null", "to_double", "when"]
