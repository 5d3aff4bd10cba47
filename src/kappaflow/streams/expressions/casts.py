"""Casts: what cannot be read as the wanted type is null.

to int      of a double: cut off towards zero, null beyond 64 bits; of a text: optional sign and digits
to float    of a text: as Python reads it
to str      of a double: as Python writes it; true and false
to bool     of a number: not zero; of a text: true or false in any case
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from kappaflow.errors import UsageError
from kappaflow.serde.types import BIGINT, BOOLEAN, DOUBLE, STRING, DataType
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.expressions.operation import Bound, ColumnFunction, as_double, as_long, by_value, is_whole, pc

TARGETS: dict[Any, DataType] = {int: BIGINT, float: DOUBLE, str: STRING, bool: BOOLEAN}
_WHOLE = re.compile(r"[+-]?[0-9]+")
_LEAST, _GREATEST = -(2**63), 2**63 - 1


def _whole_of_double(value: float) -> int | None:
    if math.isnan(value) or math.isinf(value):
        return None
    whole = int(value)
    return whole if _LEAST <= whole <= _GREATEST else None


def _whole_of_double_column(array: ArrowArray) -> ArrowArray:
    fits = pc.and_(pc.greater_equal(array, -(2.0**63)), pc.less(array, 2.0**63))
    safe = pc.if_else(pc.fill_null(fits, False), array, pa.scalar(None, pa.float64()))
    return pc.cast(safe, pa.int64(), safe=False)


def _whole_of_text(text: str) -> int | None:
    if _WHOLE.fullmatch(text) is None or len(text) > 4000:
        return None
    whole = int(text)
    return whole if _LEAST <= whole <= _GREATEST else None


def _double_of_text(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _truth_of_text(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _text_of_truth(value: bool) -> str:
    return "true" if value else "false"


def _slow(row: Callable[[Any], Any], to: DataType) -> tuple[Callable[[Any], Any], ColumnFunction]:
    return row, by_value(row, to)


_Cast = tuple[str | Callable[[Any], Any], ColumnFunction]
_FROM_NUMBER: dict[DataType, _Cast] = {
    BIGINT: ("{0}", as_long),
    DOUBLE: ("float({0})", as_double),
    STRING: ("str({0})", lambda a: pc.cast(a, pa.string())),
    BOOLEAN: ("({0} != 0)", lambda a: pc.not_equal(a, 0)),
}


def _from(of: DataType, to: DataType) -> _Cast | None:
    if of == to:
        return "{0}", lambda a: a
    return _FROM_NUMBER[to] if is_whole(of) else _CASTS.get((of, to))


def _double_of_truth(array: ArrowArray) -> ArrowArray:
    return pc.cast(pc.cast(array, pa.int64()), pa.float64())


_CASTS: dict[tuple[DataType, DataType], _Cast] = {
    (DOUBLE, BIGINT): (_whole_of_double, _whole_of_double_column),
    (STRING, BIGINT): _slow(_whole_of_text, BIGINT),
    (BOOLEAN, BIGINT): ("int({0})", lambda a: pc.cast(a, pa.int64())),
    (STRING, DOUBLE): _slow(_double_of_text, DOUBLE),
    (BOOLEAN, DOUBLE): ("float({0})", _double_of_truth),
    (DOUBLE, STRING): _slow(repr, STRING),
    (BOOLEAN, STRING): (_text_of_truth, lambda a: pc.cast(a, pa.string())),
    (DOUBLE, BOOLEAN): ("({0} != 0)", lambda a: pc.not_equal(a, 0.0)),
    (STRING, BOOLEAN): _slow(_truth_of_text, BOOLEAN),
}


def cast(types: Sequence[DataType], options: Sequence[Any]) -> Bound:
    """Make a value of another type."""
    (target,) = options
    to = TARGETS.get(target)
    if to is None:
        known = ", ".join(each.__name__ for each in TARGETS)
        raise UsageError(f"cast makes {known}, not {target!r}.")
    found = _from(types[0], to)
    if found is None:
        raise UsageError(f"{types[0]} cannot be cast to {target.__name__}.")
    return Bound(to, *found)
