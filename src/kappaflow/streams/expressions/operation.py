"""What an operation of expressions is: its type rule, its row form and its column form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as _compute

from kappaflow.errors import UsageError
from kappaflow.serde.arrow import arrow_type
from kappaflow.serde.types import BIGINT, DOUBLE, STRING, BigInt, DataType, Double, Integer
from kappaflow.streams.batch import ArrowArray

pc: Any = _compute  # its functions are made at import and have no types

ColumnFunction = Callable[..., ArrowArray]


@dataclass(frozen=True, slots=True)
class Null(DataType):
    """The type of a literal None."""


NULL = Null()


@dataclass(frozen=True, slots=True)
class Bound:
    """An operation for arguments of known types.

    Attributes:
        type: of the result.
        row: a Python expression with ``{0}``, ``{1}`` .. for its arguments, or a function of them.
        column: of Arrow arrays (scalars where an argument is a literal) to an array.
        strict: null in, null out: neither form has to care, the row form sees no None.
    """

    type: DataType
    row: str | Callable[..., Any]
    column: ColumnFunction
    strict: bool = True


Operation = Callable[[Sequence[DataType], Sequence[Any]], Bound]
"""Takes the types of the arguments and the options that are constants of the program.

Raises UsageError for arguments that it does not take.
"""


def is_whole(data_type: DataType) -> bool:
    """Tell whether values are whole numbers."""
    return isinstance(data_type, Integer | BigInt)


def is_number(data_type: DataType) -> bool:
    """Tell whether values are numbers."""
    return is_whole(data_type) or isinstance(data_type, Double)


def wrap(number: int) -> int:
    """Return a whole number as it is in 64 bits.

    >>> wrap(2**63) == -(2**63)
    True
    """
    return ((number + 0x8000000000000000) & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000


def as_double(array: ArrowArray) -> ArrowArray:
    """Return numbers as doubles; whole ones are rounded to the nearest."""
    return pc.cast(array, pa.float64(), safe=False)


def as_long(array: ArrowArray) -> ArrowArray:
    """Return whole numbers in 64 bits."""
    return pc.cast(array, pa.int64())


def of_common(types: Sequence[DataType], what: str) -> DataType:
    """Return the type that values of all these types fit into; literals of None fit everywhere.

    Raises:
        UsageError: there is none.
    """
    known = [each for each in types if each != NULL]
    if not known:
        raise UsageError(f"{what} has no type: all its values are None.")
    if all(is_number(each) for each in known):
        if all(each == known[0] for each in known):
            return known[0]
        return DOUBLE if DOUBLE in known else BIGINT
    if any(each != known[0] for each in known):
        raise UsageError(f"{what} mixes {', '.join(sorted({str(each) for each in known}))}: cast them to one type.")
    return known[0]


def convert_row(data_type: DataType, to: DataType, source: str) -> str:
    """Return Python source that makes a value of a common type of one that is not None."""
    return f"float({source})" if to == DOUBLE and is_whole(data_type) else source


def convert_column(array: ArrowArray, to: DataType) -> ArrowArray:
    """Make values of a common type."""
    wanted = arrow_type(to)
    return array if array.type == wanted else pc.cast(array, wanted, safe=False)


def by_value(function: Callable[[Any], Any], to: DataType) -> ColumnFunction:
    """Return the column form that calls the row form once for each distinct value."""

    def column(array: ArrowArray) -> ArrowArray:
        coded = array.dictionary_encode()
        made = [function(value) for value in coded.dictionary.to_pylist()]
        return pa.array(made, arrow_type(to)).take(coded.indices)

    return column


def require(condition: bool, name: str, types: Sequence[DataType], wanted: str) -> None:
    """Refuse arguments.

    Raises:
        UsageError: the condition does not hold.
    """
    if not condition:
        given = " and ".join("None" if each == NULL else str(each) for each in types)
        raise UsageError(f"{name} takes {wanted}, not {given}.")


def is_text(data_type: DataType) -> bool:
    """Tell whether values are texts."""
    return data_type == STRING
