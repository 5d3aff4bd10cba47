"""From what users write to what runs: names become columns, every part gets its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde.shape import Shape
from kappaflow.serde.types import BIGINT, BOOLEAN, BYTES, DOUBLE, STRING, DataType, Struct
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.expressions import conditions
from kappaflow.streams.expressions.nodes import Call, Column, Constant, Expression, Place, Then
from kappaflow.streams.expressions.operation import NULL, Bound
from kappaflow.streams.expressions.row_form import compile_row

_CONSTANT_TYPES: dict[type, DataType] = {bool: BOOLEAN, int: BIGINT, float: DOUBLE, str: STRING, bytes: BYTES}


@dataclass(slots=True)
class Inputs:
    """What the column form reads.

    Attributes:
        right, right_valid: of joiners: the columns of the other side, and where it has a row.
    """

    batch: Batch
    right: list[ArrowArray] | None = None
    right_valid: Mask | None = None


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A part of the record.

    Attributes:
        row: Python source that reads it in the row form.
        column: reads it in the column form.
    """

    type: DataType
    row: str
    column: Callable[[Inputs], ArrowArray]


@dataclass(frozen=True, slots=True)
class BoundConstant:
    """A constant."""

    type: DataType
    value: Any


@dataclass(frozen=True, slots=True)
class BoundCall:
    """An operation."""

    bound: Bound
    arguments: tuple[BoundExpression, ...]

    @property
    def type(self) -> DataType:
        """The type of the result."""
        return self.bound.type


BoundExpression = BoundColumn | BoundConstant | BoundCall
Read = Callable[[str | None], BoundColumn]


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean.

    Attributes:
        places: how the parts of a record are read, by part.
        variables: the row form's variables.
    """

    places: Mapping[Place, Read]
    variables: tuple[str, ...] = ("v", "k", "t", "w")

    def column(self, place: Place, name: str | None) -> BoundColumn:
        """Return a part of the record.

        Raises:
            UsageError: there is none.
        """
        read = self.places.get(place)
        if read is None:
            where = {"left": "a joiner", "right": "a joiner", "timestamp": "records of a stream"}
            raise UsageError(f"col.{place} is there in {where.get(place, 'the results of windows')} only.")
        return read(name)


def shape_column(shape: Shape | None, name: str | None, what: str, unknown: str) -> tuple[DataType, int | None]:
    """Return the type and the position of a column; None for the position is the whole row.

    Raises:
        UsageError: there is no such column.
    """
    if shape is None:
        raise UsageError(
            f"The columns of {what} are not known: {unknown} Read them with Serdes.columns(..) or Serdes.json(..) of "
            "a type (TypedDict, dataclass), or with a serde of a plain type such as Serdes.string()."
        )
    names = [column.name for column in shape.columns]
    if shape.is_whole:
        if name is not None:
            raise UsageError(f"There is no column {name}: {what} are {shape.columns[0].type}. Take col.value, col.key.")
        return shape.columns[0].type, 0
    if name is None:
        return Struct(shape.fields), None
    if name not in names:
        raise UsageError(f"There is no column {name}: {what} have {', '.join(names)}.")
    return shape.columns[names.index(name)].type, names.index(name)


def bind(expression: Expression, scope: Scope) -> BoundExpression:
    """Resolve names and types.

    Raises:
        UsageError: a name is not there, or an operation does not take what it is given.
    """
    match expression:
        case Column(place, name):
            return scope.column(place, name)
        case Constant(value):
            return BoundConstant(NULL if value is None else _CONSTANT_TYPES[type(value)], value)
        case Call(operation, arguments, options):
            if _is_field_of_row(expression):
                return scope.column(arguments[0].place, options[0])  # type: ignore[attr-defined]
            bound = tuple(bind(each, scope) for each in arguments)
            return _folded(BoundCall(operation(tuple(each.type for each in bound), options), bound))
        case Then(parts):
            return bind(Call(conditions.when, (*parts, Constant(None))), scope)
        case _:
            raise UsageError(f"{expression!r} is no expression: use col, lit, when.")


def _is_field_of_row(call: Call) -> bool:
    """Whether it is such as ``col.key["name"]``: a column, not a field of a nested value."""
    from kappaflow.streams.expressions import fields

    first = call.arguments[0]
    return call.operation is fields.field and isinstance(first, Column) and first.name is None


def _folded(call: BoundCall) -> BoundExpression:
    """Compute what does not depend on records."""
    if not all(isinstance(each, BoundConstant) for each in call.arguments):
        return call
    return BoundConstant(call.type, compile_row([call], ())())
