"""Python annotations as SQL types, and values between the two.

    int -> BIGINT              str -> STRING        datetime -> TIMESTAMP (aware, UTC)    list[T] -> ARRAY<T>
    Int -> INT                 bytes -> BYTES       date -> DATE                          dict[K, T] -> MAP<K, T>
    float -> DOUBLE            bool -> BOOLEAN      time -> TIME                          dataclass, TypedDict,
    Decimal -> any DECIMAL     Any -> any type      TypeVar -> a generic                  tuple -> STRUCT
    Annotated[Decimal, "DECIMAL(10, 2)"], Annotated[dict, "STRUCT<A INT>"]: the text is the SQL type

``T | None`` says that NULL is taken, or given: a parameter without it makes the result NULL before the function runs.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import operator
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, is_typeddict

from kappaflow.errors import ConfigError, FunctionError
from kappaflow.serde.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    BigInt,
    Boolean,
    Bytes,
    DataType,
    Date,
    Decimal,
    Double,
    Integer,
    Map,
    String,
    Struct,
    StructField,
    Time,
    Timestamp,
)
from kappaflow.sql.expressions.values import fit
from kappaflow.sql.functions.signature import AnyDecimal, AnyType, Generic, generics_of, parse_type

Convert = Callable[[Any], Any]
Int = Annotated[int, "INT"]
"""An INT column; a plain int is a BIGINT."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST_DAY = _EPOCH.date().toordinal()
_MILLISECOND = dt.timedelta(milliseconds=1)
_SIMPLE: dict[Any, DataType] = {
    int: BIGINT, float: DOUBLE, str: STRING, bytes: BYTES, bool: BOOLEAN, decimal.Decimal: AnyDecimal(),
    dt.datetime: TIMESTAMP, dt.date: DATE, dt.time: TIME, Any: AnyType(),
}  # fmt: skip
_LISTS = (list, Sequence, Iterable, Iterator, Collection)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def optional(hint: Any) -> tuple[Any, bool]:
    """Return a hint without ``| None``, and whether it had it."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        if len(inner) == 1 and len(typing.get_args(hint)) == 2:
            return inner[0], True
    return hint, False


def sql_type(hint: Any, where: str) -> DataType:
    """Return the SQL type of an annotation.

    Raises:
        ConfigError: there is none; the message begins with `where`.
    """
    hint, _ = optional(hint)
    if isinstance(hint, TypeVar):
        return Generic(hint.__name__)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _declared(arguments, where)
    found = _SIMPLE.get(hint) if hint.__hash__ else None
    if found is not None:
        return found
    if origin in _LISTS and len(arguments) == 1:
        return Array(sql_type(arguments[0], where))
    if origin in (dict, Mapping) and len(arguments) == 2:
        return Map(sql_type(arguments[0], where), sql_type(arguments[1], where))
    fields = _fields(hint)
    if fields is not None:
        return Struct(tuple(StructField(_field(name, where), sql_type(inner, where)) for name, inner in fields))
    raise ConfigError(
        f"{where}: {_shown(hint)} is no SQL type. Use int, float, str, bytes, bool, Decimal, datetime, date, time, "
        'list[..], dict[str, ..], a dataclass, a TypedDict, or Annotated[.., "SQL TYPE"].'
    )


def _declared(arguments: tuple[Any, ...], where: str) -> DataType:
    texts = [argument for argument in arguments[1:] if isinstance(argument, str)]
    if not texts:
        return sql_type(arguments[0], where)
    try:
        declared = parse_type(texts[0])
        if generics_of(declared):
            raise ValueError(texts[0])
    except (IndexError, ValueError, TypeError):
        raise ConfigError(f"{where}: '{texts[0]}' is no SQL type.") from None
    return declared


def _field(name: str, where: str) -> str:
    if not _NAME.match(name):
        raise ConfigError(f"{where}: the field name '{name}' has to be of letters, digits and underscores.")
    return name.upper()


def _fields(hint: Any) -> list[tuple[str, Any]] | None:
    """The fields of a dataclass, TypedDict or tuple; None for others."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint, include_extras=True)
        return [(field.name, hints[field.name]) for field in dataclasses.fields(hint)]
    if is_typeddict(hint):
        return list(typing.get_type_hints(hint, include_extras=True).items())
    if typing.get_origin(hint) is tuple and Ellipsis not in typing.get_args(hint):
        return [(f"F{index}", inner) for index, inner in enumerate(typing.get_args(hint))]
    return None


def _shown(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _inner(hint: Any, index: int) -> Any:
    """The hint of an element; None where the type comes without one, as of a generic."""
    arguments = typing.get_args(hint)
    return arguments[index] if typing.get_origin(hint) is not Annotated and index < len(arguments) else None


def to_python(data_type: DataType, hint: Any) -> Convert | None:
    """Return what makes the function's argument of a value that is not NULL; None: it stays as it is."""
    hint, _ = optional(hint)
    match data_type:
        case Timestamp():
            return lambda value: _EPOCH + value * _MILLISECOND
        case Date():
            return lambda value: dt.date.fromordinal(_FIRST_DAY + value)
        case Time():
            return lambda value: (_EPOCH + value * _MILLISECOND).time()
        case Array(element):
            inner = _or_null(to_python(element, _inner(hint, 0)))
            return None if inner is None else lambda value: [inner(item) for item in value]
        case Map(key, item):
            keys, items = _or_null(to_python(key, _inner(hint, 0))), _or_null(to_python(item, _inner(hint, 1)))
            if keys is None and items is None:
                return None
            keys, items = keys or _same, items or _same
            return lambda value: {keys(k): items(v) for k, v in value.items()}
        case Struct(fields):
            return _struct_to_python(fields, hint)
        case _:
            return None


def _struct_to_python(fields: tuple[StructField, ...], hint: Any) -> Convert | None:
    known = _fields(hint) or [(field.name, None) for field in fields]
    parts = [
        (name, field.name, _or_null(to_python(field.type, inner)) or _same)
        for (name, inner), field in zip(known, fields, strict=True)
    ]
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return lambda value: hint(**{name: convert(value.get(field)) for name, field, convert in parts})
    if typing.get_origin(hint) is tuple:
        return lambda value: tuple(convert(value.get(field)) for _, field, convert in parts)
    return lambda value: {name: convert(value.get(field)) for name, field, convert in parts}


def _same(value: Any) -> Any:
    return value


def _or_null(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def to_sql(data_type: DataType, hint: Any) -> Convert:
    """Return what makes a SQL value of what a function returned; it raises FunctionError for what does not fit."""
    inner = _checked(data_type, optional(hint)[0])
    return lambda value: None if value is None else inner(value)


def _checked(data_type: DataType, hint: Any) -> Convert:
    match data_type:
        case Integer() | BigInt():
            return _integer(31 if isinstance(data_type, Integer) else 63, data_type)
        case Double():
            return _instance((float, int), data_type, float)
        case String():
            return _instance((str,), data_type, str)
        case Bytes():
            return _instance((bytes, bytearray, memoryview), data_type, bytes)
        case Boolean():
            return _instance((bool,), data_type, bool)
        case Decimal():
            return _instance(
                (decimal.Decimal, int), data_type, lambda value: fit(_finite(decimal.Decimal(value)), data_type)
            )
        case Timestamp():
            return _instance((dt.datetime,), data_type, _millis)
        case Date():
            return _instance((dt.date,), data_type, lambda value: value.toordinal() - _FIRST_DAY)
        case Time():
            return _instance((dt.time,), data_type, _millis_of_day)
        case Array(element):
            items = to_sql(element, _inner(hint, 0))
            return _instance((list, tuple), data_type, lambda value: [items(item) for item in value])
        case Map(key, item):
            keys, values = to_sql(key, _inner(hint, 0)), to_sql(item, _inner(hint, 1))
            return _instance((Mapping,), data_type, lambda value: {keys(k): values(v) for k, v in value.items()})
        case Struct(fields):
            return _struct_to_sql(data_type, fields, hint)
        case _:
            return _same


def _instance(kinds: tuple[type, ...], data_type: DataType, make: Convert) -> Convert:
    booleans = bool in kinds

    def convert(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and not booleans):
            raise FunctionError(f"{type(value).__name__} was returned where {data_type} was declared")
        return make(value)

    return convert


def _finite(value: decimal.Decimal) -> decimal.Decimal:
    if not value.is_finite():
        raise FunctionError(f"{value} is no DECIMAL")
    return value


def _integer(bits: int, data_type: DataType) -> Convert:
    def convert(value: Any) -> int:
        try:
            number = None if isinstance(value, bool) else operator.index(value)
        except TypeError:
            number = None
        if number is None:
            raise FunctionError(f"{type(value).__name__} was returned where {data_type} was declared")
        if not -(2**bits) <= number < 2**bits:
            raise FunctionError(f"{number} does not fit {data_type}")
        return number

    return convert


def _millis(value: dt.datetime) -> int:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
    return (aware - _EPOCH) // _MILLISECOND


def _millis_of_day(value: dt.time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000 + value.microsecond // 1000


def _struct_to_sql(data_type: DataType, fields: tuple[StructField, ...], hint: Any) -> Convert:
    known = _fields(hint) or [(field.name, None) for field in fields]
    parts = [(name, f.name, to_sql(f.type, inner)) for (name, inner), f in zip(known, fields, strict=True)]
    if typing.get_origin(hint) is tuple:
        width = len(parts)

        def of_tuple(value: Any) -> dict[str, Any]:
            if not isinstance(value, tuple | list) or len(typing.cast("Sequence[Any]", value)) != width:
                raise FunctionError(f"a tuple of {width} values was declared, {value!r} was returned")
            return {field: convert(item) for (_, field, convert), item in zip(parts, value, strict=True)}

        return of_tuple

    def convert(value: Any) -> dict[str, Any]:
        if isinstance(value, Mapping):
            by_name = {str(name).upper(): item for name, item in typing.cast("Mapping[Any, Any]", value).items()}
            return {field: make(by_name.get(field.upper())) for _, field, make in parts}
        if dataclasses.is_dataclass(value):
            return {field: make(getattr(value, name, None)) for name, field, make in parts}
        raise FunctionError(f"{type(value).__name__} was returned where {data_type} was declared")

    return convert
