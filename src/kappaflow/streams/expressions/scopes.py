"""The scopes of operators: a record's value and key, the two sides of a join."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.errors import UsageError
from kappaflow.serde import Serde, WindowedKeySerde
from kappaflow.serde.arrow import values_to_array
from kappaflow.serde.shape import Shape
from kappaflow.serde.types import BIGINT, Struct
from kappaflow.streams.batch import ArrowArray, Mask
from kappaflow.streams.columns.batches import plain
from kappaflow.streams.expressions.binding import BoundColumn, Inputs, Read, Scope, shape_column
from kappaflow.streams.expressions.nodes import Place
from kappaflow.streams.expressions.operation import pc
from kappaflow.streams.topology.nodes import KeySerde

READ_RECORD = ("v = record.value", "k = record.key")
READ_WINDOWED = ("v = record.value", "w = record.key", "k = None if w is None else w.key")


def record_scope(value: Serde | None, key: KeySerde | None, where: str, *, timed: bool = True) -> Scope:
    """Return the scope of one record; its row form reads ``record``."""
    value_shape, key_shape = shape_of_serde(value), shape_of_key(key)
    windowed = isinstance(key, WindowedKeySerde)

    def of_value(name: str | None) -> BoundColumn:
        of, at = shape_column(value_shape, name, f"the values of {where}", _unknown(value))
        return _column(value_shape, of, at, "v", name, _value)

    def of_key(name: str | None) -> BoundColumn:
        of, at = shape_column(key_shape, name, f"the keys of {where}", _unknown(key))
        return _column(key_shape, of, at, "k", name, _key)

    places: dict[Place, Read] = {
        "value": of_value,
        "key": of_key,
    }
    if timed:
        places["timestamp"] = lambda _: BoundColumn(
            BIGINT, "record.timestamp", lambda inputs: pa.array(inputs.batch.timestamp)
        )
    if windowed:
        places["window_start"] = lambda _: BoundColumn(BIGINT, "None if w is None else w.start", _bound("window_start"))
        places["window_end"] = lambda _: BoundColumn(BIGINT, "None if w is None else w.end", _bound("window_end"))
    return Scope(places, READ_WINDOWED if windowed else READ_RECORD)


def joined_scope(left: Serde | None, right: Serde | None, key: KeySerde | None, where: str) -> Scope:
    """Return the scope of a joiner, whose row form reads key, left and right value."""
    shapes: dict[Place, Serde | None] = {"left": left, "right": right}

    def of_side(place: Place) -> Read:
        serde = shapes[place]
        shape = shape_of_serde(serde)

        def read(name: str | None) -> BoundColumn:
            of, at = shape_column(shape, name, f"the {place} values of {where}", _unknown(serde))
            return _column(shape, of, at, place[0], name, _value if place == "left" else _right)

        return read

    def of_key(name: str | None) -> BoundColumn:
        shape = shape_of_key(key)
        of, at = shape_column(shape, name, f"the keys of {where}", _unknown(key))
        return _column(shape, of, at, "k", name, _key)

    def of_value(name: str | None) -> BoundColumn:
        raise UsageError(f"A joiner has two values: col.left({name!r}) or col.right({name!r})?")

    return Scope({"left": of_side("left"), "right": of_side("right"), "key": of_key, "value": of_value}, ())


def shape_of_serde(serde: Any) -> Shape | None:
    """Return how the values of a serde lie in columns; None where they do not."""
    return getattr(serde, "shape", None)


def shape_of_key(serde: KeySerde | None) -> Shape | None:
    """Return how keys lie in columns; of windowed keys the keys within."""
    return shape_of_serde(serde.inner if isinstance(serde, WindowedKeySerde) else serde)


def _unknown(serde: Any) -> str:
    return "no serde is named." if serde is None else f"{getattr(serde, 'name', serde)} has no columns."


def _column(shape: Shape | None, of: Any, at: int | None, variable: str, name: str | None, read: Any) -> BoundColumn:
    assert shape is not None
    if at is None:
        if shape.access == "attribute":
            raise UsageError("A row of a dataclass is not a value of an expression: take its columns by name.")
        assert isinstance(of, Struct)
        return BoundColumn(of, variable, lambda inputs: _struct(inputs, shape, read))
    if shape.is_whole:
        row = variable
    elif shape.access == "item":
        row = f"None if {variable} is None else {variable}.get({name!r})"
    else:
        row = f"None if {variable} is None else {variable}.{name}"
    return BoundColumn(of, row, lambda inputs: read(inputs, at))


def _value(inputs: Inputs, at: int) -> ArrowArray:
    return _masked(inputs.batch.value[at], inputs.batch.value_valid)


def _key(inputs: Inputs, at: int) -> ArrowArray:
    return _masked(inputs.batch.key[at], inputs.batch.key_valid)


def _right(inputs: Inputs, at: int) -> ArrowArray:
    assert inputs.right is not None
    return _masked(inputs.right[at], inputs.right_valid)


def _masked(column: ArrowArray, valid: Mask | None) -> ArrowArray:
    column = plain(column)
    if valid is None:
        return column
    return pc.if_else(pa.array(valid), column, pa.scalar(None, column.type))


def _struct(inputs: Inputs, shape: Shape, read: Any) -> ArrowArray:
    columns = [read(inputs, at) for at in range(len(shape.columns))]
    batch = inputs.batch
    valid: Any = {_value: batch.value_valid, _key: batch.key_valid}.get(read, inputs.right_valid)
    mask = None if valid is None else pa.array(np.logical_not(valid))
    return pa.StructArray.from_arrays(columns, list(shape.names), mask=mask)


def _bound(name: str) -> Any:
    def read(inputs: Inputs) -> ArrowArray:
        bounds = getattr(inputs.batch, name)
        if bounds is None:
            return values_to_array([None] * len(inputs.batch), BIGINT)
        return _masked(pa.array(bounds), inputs.batch.key_valid)

    return read
