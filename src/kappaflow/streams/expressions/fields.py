"""Fields of nested values and elements of lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde.types import DataType, Map, Struct
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.expressions.operation import Bound, pc


def field(types: Sequence[DataType], options: Sequence[Any]) -> Bound:
    """Take a field of a nested value."""
    (of,), (name,) = types, options
    found = of.field(name) if isinstance(of, Struct) else None
    if found is None:
        have = f"it has {', '.join(each.name for each in of.fields)}" if isinstance(of, Struct) else f"{of} has none"
        if isinstance(of, Map):
            have = "a map has no fields that are known beforehand"
        raise UsageError(f"There is no field {name}: {have}.")

    def column(array: ArrowArray) -> ArrowArray:
        return pc.struct_field(array, [name])

    return Bound(found.type, f"{{0}}.get({name!r})", column)
