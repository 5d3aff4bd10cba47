"""How the values of a serde lie in columns: one column for a plain value, one a field for a row.

int, str ..                   one column, the value itself
TypedDict, {"item": str}      a column a field, read by name        {"item": "pen"}
dataclass, msgspec.Struct     a column a field, read by attribute   Order(item="pen")
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np

from kappaflow.serde.arrow import array_to_values, arrays_to_rows, rows_to_arrays, values_to_array
from kappaflow.serde.face import ArrowArray, Mask, Row
from kappaflow.serde.schema import Column
from kappaflow.serde.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DOUBLE,
    STRING,
    Array,
    DataType,
    Map,
    Struct,
    StructField,
)

Access = Literal["whole", "item", "attribute"]
WHOLE = "value"
_PLAIN: dict[Any, DataType] = {bool: BOOLEAN, int: BIGINT, float: DOUBLE, str: STRING, bytes: BYTES}


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of values, and how values are made of them.

    Attributes:
        access: the value itself is the only column, or columns are its items or attributes.
        make: what rows become, where columns are attributes.
        names: of the columns.
    """

    columns: tuple[Column, ...]
    access: Access
    make: Any = None
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(column.name for column in self.columns))

    @property
    def is_whole(self) -> bool:
        """Whether the value itself is the only column."""
        return self.access == "whole"

    @property
    def types(self) -> tuple[DataType, ...]:
        """The types of the columns."""
        return tuple(column.type for column in self.columns)

    @property
    def fields(self) -> tuple[StructField, ...]:
        """The columns as fields of a nested type."""
        return tuple(StructField(column.name, column.type) for column in self.columns)

    def same_columns(self, other: Shape) -> bool:
        """Tell whether columns can go from one to the other as they are."""
        if self.is_whole or other.is_whole:
            return self.is_whole and other.is_whole and self.types == other.types
        return self.columns == other.columns

    def row_of(self, value: Any) -> Row:
        """Return the row of a value that is not None."""
        if self.access == "whole":
            return (value,)
        if self.access == "item":
            return tuple([value.get(name) for name in self.names])
        return tuple([getattr(value, name) for name in self.names])

    def value_of(self, row: Row) -> Any:
        """Return the value of a row."""
        if self.access == "whole":
            return row[0]
        if self.access == "item":
            return dict(zip(self.names, row, strict=True))
        return self.make(*row)

    def arrays(self, values: Sequence[Any]) -> tuple[list[ArrowArray], Mask | None]:
        """Return values, None for none, as columns and the mask of those that are there."""
        valid = np.fromiter([value is not None for value in values], np.bool_, len(values))
        none = None if valid.all() else valid
        if self.access == "whole":
            return [values_to_array(values, self.types[0])], none
        rows = [None if value is None else self.row_of(value) for value in values]
        return rows_to_arrays(rows, self.types), none

    def values(self, columns: Sequence[ArrowArray], valid: Mask | None, count: int) -> list[Any]:
        """Return the values of columns; None where there is none."""
        if self.access == "whole":
            found = array_to_values(columns[0], self.types[0])
            return (
                found if valid is None else [v if is_ else None for v, is_ in zip(found, valid.tolist(), strict=True)]
            )
        rows = arrays_to_rows(columns, self.types, count)
        if valid is None and self.access == "item":
            names = self.names
            return [dict(zip(names, row, strict=True)) for row in rows]
        if valid is None:
            return [self.value_of(row) for row in rows]
        return [self.value_of(row) if there else None for row, there in zip(rows, valid.tolist(), strict=True)]


def whole(data_type: DataType) -> Shape:
    """Return the shape of plain values."""
    return Shape((Column(WHOLE, data_type),), "whole")


def rows(names_and_types: Mapping[str, DataType]) -> Shape:
    """Return the shape of dictionaries."""
    return Shape(tuple(Column(name, data_type) for name, data_type in names_and_types.items()), "item")


def shape_of(of: Any) -> Shape | None:
    """Return the shape of the values of a Python type; None where they do not lie in columns.

    Args:
        of: a plain type, a TypedDict, a dataclass, a msgspec.Struct, or a dictionary of names and types.
    """
    if isinstance(of, Mapping):
        return _rows_of(typing.cast("Mapping[str, Any]", of), "item", None)
    if typing.is_typeddict(of):
        if of.__optional_keys__:
            return None
        return _rows_of(typing.get_type_hints(of), "item", None)
    if dataclasses.is_dataclass(of) and isinstance(of, type):
        hints = typing.get_type_hints(of)
        if not all(each.init for each in dataclasses.fields(of)) or any(
            each.kw_only for each in dataclasses.fields(of)
        ):
            return None
        return _rows_of({each.name: hints[each.name] for each in dataclasses.fields(of)}, "attribute", of)
    if isinstance(of, type) and issubclass(of, msgspec.Struct):
        config = of.__struct_config__
        plain = of.__struct_encode_fields__ == of.__struct_fields__ and not config.omit_defaults
        if not plain or config.tag is not None or config.array_like or config.forbid_unknown_fields:
            return None
        hints = typing.get_type_hints(of)
        return _rows_of({name: hints[name] for name in of.__struct_fields__}, "attribute", of)
    data_type = data_type_of(of, nested=True)
    return None if data_type is None else whole(data_type)


def _rows_of(hints: Mapping[str, Any], access: Access, make: Any) -> Shape | None:
    columns: list[Column] = []
    for name, hint in hints.items():
        data_type = data_type_of(hint, nested=access == "item")
        if data_type is None:
            return None
        columns.append(Column(name, data_type))
    return Shape(tuple(columns), access, make) if columns else None


def data_type_of(hint: Any, *, nested: bool) -> DataType | None:
    """Return the column type of a Python type, or None.

    Args:
        nested: rows within rows are allowed.
    """
    if isinstance(hint, DataType):
        return hint
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        known = [each for each in arguments if each is not type(None)]
        return data_type_of(known[0], nested=nested) if len(known) == 1 else None
    if origin is list and arguments:
        element = data_type_of(arguments[0], nested=nested)
        return None if element is None else Array(element)
    if origin is dict and arguments and arguments[0] is str:
        value = data_type_of(arguments[1], nested=nested)
        return None if value is None else Map(STRING, value)
    if nested and typing.is_typeddict(hint):
        shape = shape_of(hint)
        return None if shape is None else Struct(shape.fields)
    return None
