"""Table functions: one row in, any number of rows out."""

from __future__ import annotations

from itertools import product
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.serde.types import Array, DataType
from kappaflow.sql.functions.registry import table

_MAX_COLUMNS = 20

_explode = table("explode", "One row for each element of an array.", ("EXPLODE(ARRAY[1, 2])",))
_cube = table(
    "cube_explode",
    "One row for each combination of the array's elements, every element as it is or NULL.",
    ("CUBE_EXPLODE(ARRAY['a', 'b'])",),
)


def _element_type(types: tuple[DataType | None, ...]) -> DataType:
    array = types[0]
    assert isinstance(array, Array)
    return array.element


@_explode("(list ARRAY<T>) -> T", total=True)
@_explode("(input ARRAY<DECIMAL>) -> DECIMAL", total=True, returns=_element_type)
def _elements(array: list[Any]) -> list[Any]:
    return array


@_cube("(columns ARRAY<T>) -> ARRAY<T>")
def _combinations(array: list[Any]) -> list[list[Any]]:
    if len(array) > _MAX_COLUMNS:
        raise FunctionError(f"CUBE_EXPLODE takes at most {_MAX_COLUMNS} elements, as n of them give 2^n rows")
    choices = [(None, element) if element is not None else (None,) for element in array]
    return [list(row) for row in product(*choices)]
