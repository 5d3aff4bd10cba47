"""What the native kernel is told of a registered schema: steps from its fields to columns, and from columns to them.

A step is its kind, its inner steps, numbers and names.  Where a schema and the columns do not match in the usual way
there is no plan, and the row form reads or writes those records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from kappaflow.serde import types as t

Step: TypeAlias = tuple[str, list[Any], list[int], list[bytes]]
NO_COLUMN = -1
WHOLE_NUMBERS = (t.Integer, t.BigInt, t.Date, t.Time, t.Timestamp)
"""Types whose values are whole numbers in the row form."""


class Unplannable(Exception):
    """The row form has to read, or write, records of this schema."""


def match_fields(written: Sequence[str], wanted: Sequence[t.StructField]) -> list[t.StructField | None]:
    """Return the column that takes each written field: of its name, else of its name in upper case.

    Raises:
        Unplannable: a field would fill two columns.
    """
    by_name = {name: at for at, name in enumerate(written)}
    by_upper = {name.upper(): at for at, name in enumerate(written)}
    found: list[t.StructField | None] = [None] * len(written)
    for column in wanted:
        at = by_name.get(column.name, by_upper.get(column.name.upper()))
        if at is None:
            continue
        if found[at] is not None:
            raise Unplannable
        found[at] = column
    return found


def source_of(name: str, sources: Sequence[t.StructField]) -> int | None:
    """Return the position of the column that a written field takes its value from.

    Columns of the same name come before those that differ in case, of which the last one counts.
    """
    exact = next((at for at, source in enumerate(sources) if source.name == name), None)
    if exact is not None:
        return exact
    wanted = name.upper()
    return max((at for at, source in enumerate(sources) if source.name.upper() == wanted), default=None)


def struct_of(data_type: t.DataType | None) -> t.Struct | None:
    """Return the type of a column that takes a record; None for none.

    Raises:
        Unplannable: the column is no STRUCT.
    """
    if data_type is None or isinstance(data_type, t.Struct):
        return data_type
    raise Unplannable


def value_of(data_type: t.DataType) -> t.DataType:
    """Return the type of the values of a column of maps.

    Raises:
        Unplannable: the column is no MAP, or its keys are no strings.
    """
    if not isinstance(data_type, t.Map) or data_type.key != t.STRING:
        raise Unplannable
    return data_type.value


def position(wanted: t.Struct | None, column: t.StructField | None) -> int:
    """Return the position of a column, or -1."""
    return NO_COLUMN if wanted is None or column is None else wanted.fields.index(column)
