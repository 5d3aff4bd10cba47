"""What operators of the DSL are given, a function or an expression, as what runs, and how its results are written.

A function has a row form only, and nobody knows what it returns: values behind it have the default serde.  An
expression runs as columns, and what it makes is known: values behind it have a serde of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.serde.objects import BytesSerde, JsonSerde, PackedSerde, StringSerde
from kappaflow.serde.rows_of_format import ColumnsSerde
from kappaflow.serde.shape import Shape
from kappaflow.serde.types import BIGINT, BOOLEAN, BYTES, DOUBLE, INTEGER, STRING
from kappaflow.streams.dsl.functions import Joins, Keeps, Maps, joiner_with_key, with_key
from kappaflow.streams.expressions.binding import Scope
from kappaflow.streams.expressions.nodes import Aggregate, Expression
from kappaflow.streams.expressions.scopes import joined_scope, record_scope
from kappaflow.streams.expressions.values import (
    ExpressionFlatMapper,
    ExpressionJoiner,
    ExpressionMapper,
    ExpressionPredicate,
    ExpressionTopic,
    is_expression,
)
from kappaflow.streams.functions import FlatMapper, Joiner, Mapper, Predicate
from kappaflow.streams.record import Record
from kappaflow.streams.topology.nodes import KeySerde


class Typed(Protocol):
    """A stream or table as far as expressions care."""

    name: str
    key_serde: Any
    value_serde: Any
    builder: Any


def scope_of(of: Typed) -> Scope:
    """Return what names mean in expressions over a stream or table; rows of tables are looked up without a time."""
    return record_scope(value_serde_of(of), key_serde_of(of), of.name, timed=not hasattr(of, "step"))


def value_serde_of(of: Typed) -> Serde | None:
    """Return how the values of a stream or table are written, by default where nothing else is known."""
    return of.value_serde or of.builder.value_serde


def key_serde_of(of: Typed) -> KeySerde | None:
    """Return how the keys of a stream or table are written, by default where nothing else is known."""
    return of.key_serde or of.builder.key_serde


def predicate_of(given: Callable[..., Any] | Expression, of: Typed, *, negated: bool) -> Predicate:
    """Return a predicate."""
    if isinstance(given, Expression):
        return ExpressionPredicate(given, scope_of(of), negated=negated)
    return Keeps(with_key(given, "predicate"), negated=negated)


def value_mapper(given: Any, of: Typed) -> tuple[Mapper, Serde | None]:
    """Return a mapper of values, and how its values are written where that is known."""
    if not is_expression(given):
        return Maps(with_key(given, "mapper")), None
    mapper = ExpressionMapper(given, scope_of(of), "map_values", keeps_null=True)
    return mapper, serde_of_shape(mapper.shape)


def key_mapper(given: Any, of: Typed) -> tuple[Mapper, Serde | None]:
    """Return a mapper of keys, and how its keys are written where that is known."""
    if not is_expression(given):
        return Maps(with_key(given, "mapper")), None
    mapper = ExpressionMapper(given, scope_of(of), "the key", keeps_null=False)
    return mapper, serde_of_shape(mapper.shape)


def topic_of(given: Callable[[Record], str] | Expression, of: Typed) -> Callable[[Record], str | None]:
    """Return what chooses the topic of each record."""
    return ExpressionTopic(given, scope_of(of)) if isinstance(given, Expression) else given


def flat_mapper(given: Any, of: Typed) -> tuple[FlatMapper, Serde | None]:
    """Return a mapper to any number of values, and how its values are written where that is known."""
    if not is_expression(given):
        return Maps(with_key(given, "mapper")), None
    if not isinstance(given, Expression):
        raise UsageError("flat_map_values takes one expression that makes a list, such as col.value.split().")
    mapper = ExpressionFlatMapper(given, scope_of(of))
    return mapper, serde_of_shape(mapper.shape)


def joiner_of(given: Any, left: Typed, right: Serde | None, key: KeySerde | None) -> tuple[Joiner, Serde | None]:
    """Return a joiner, and how its values are written where that is known."""
    if not is_expression(given):
        return Joins(joiner_with_key(given)), None
    scope = joined_scope(value_serde_of(left), right, key, f"the join of {left.name}")
    joiner = ExpressionJoiner(given, scope, "the join")
    return joiner, serde_of_shape(joiner.shape)


def serde_of_shape(shape: Shape) -> Serde:
    """Return how values are written where nobody says it: plain ones as Kafka's serializers do, rows as JSON."""
    plain: dict[Any, Callable[[], Serde]] = {
        BIGINT: lambda: PackedSerde("LONG", "q"),
        INTEGER: lambda: PackedSerde("INTEGER", "i"),
        DOUBLE: lambda: PackedSerde("DOUBLE", "d"),
        BOOLEAN: lambda: PackedSerde("BOOLEAN", "?"),
        STRING: StringSerde,
        BYTES: BytesSerde,
    }
    make = plain.get(shape.types[0]) if shape.is_whole else None
    return ColumnsSerde(shape) if make is None else make()


def written_as(given: Serde | None, known: Serde | None) -> Serde | None:
    """Return the serde of a sink: JSON of no type writes the columns that are known."""
    shape: Shape | None = getattr(known, "shape", None)
    if isinstance(given, JsonSerde) and given.shape is None and given.of is Any and shape is not None:
        return given.with_shape(shape)
    return given or known


def same_columns(one: Any, other: Any) -> Any:
    """Return the serde of merged streams: the one that both have, else None, which is the default."""
    shape: Shape | None = getattr(one, "shape", None)
    others: Shape | None = getattr(other, "shape", None)
    alike = type(one) is type(other) and shape is not None and others is not None and shape.same_columns(others)
    return one if alike else None


def is_fold(given: Any) -> bool:
    """Tell whether an aggregate is given as folds of expressions."""
    return isinstance(given, Aggregate | Mapping)
