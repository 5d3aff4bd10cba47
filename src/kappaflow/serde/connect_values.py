"""Plain values of a schema to the values of columns: the lenient part of reading formats with a registry.

Numbers widen, every scalar becomes text for a STRING column, fields are found by name in any case, and what the
writer did not have is null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from kappaflow.kernel.number_text import double_text, plain_decimal_text
from kappaflow.serde import types as t
from kappaflow.serde.coercion import CoercionError, fit_decimal

Reader = Callable[[Any], Any]


def value_reader(data_type: t.DataType) -> Reader:
    """Return the function from a plain value, or None, to the value of a column; it raises `CoercionError`."""
    match data_type:
        case t.Array(element):
            return _nullable(_array(value_reader(element), data_type))
        case t.Map(key, value):
            return _nullable(_map(value_reader(key), value_reader(value), data_type))
        case t.Struct(fields):
            read = fields_reader([(f.name, f.type) for f in fields], data_type)
            names = [f.name for f in fields]
            return _nullable(lambda value: dict(zip(names, read(value), strict=True)))
        case t.Decimal():
            return _nullable(_decimal(data_type))
        case t.String():
            return _nullable(_text)
        case t.Double():
            return _nullable(_double)
        case t.Boolean():
            return _nullable(_of_kind(bool, data_type))
        case t.Bytes():
            return _nullable(_of_kind(bytes, data_type))
        case _:
            return _nullable(_integer(32 if isinstance(data_type, t.Integer | t.Date | t.Time) else 64, data_type))


def fields_reader(fields: list[tuple[str, t.DataType]], required: object) -> Callable[[Any], list[Any]]:
    """Return the function from a mapping to the values of `fields`."""
    parts = [(name, name.upper(), value_reader(data_type)) for name, data_type in fields]

    def read(value: Any) -> list[Any]:
        if not isinstance(value, Mapping):
            raise _mismatch(value, required)
        upper: dict[str, Any] | None = None
        out: list[Any] = []
        for name, folded, convert in parts:
            if name in value:
                item = value[name]
            else:
                if upper is None:
                    upper = {key.upper(): member for key, member in value.items() if isinstance(key, str)}
                item = upper.get(folded)
            try:
                out.append(convert(item))
            except CoercionError as error:
                raise CoercionError(str(error), f".{name}{error.path}") from None
        return out

    return read


def _nullable(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _mismatch(value: Any, required: object) -> CoercionError:
    return CoercionError(f"Cannot deserialize type {type(value).__name__} as type {required}")


def _of_kind(kind: type, data_type: t.DataType) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, kind):
            raise _mismatch(value, data_type)
        return value

    return read


def _integer(bits: int, data_type: t.DataType) -> Reader:
    half = 1 << (bits - 1)

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not -half <= value < half:
            raise _mismatch(value, data_type)
        return value

    return read


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _mismatch(value, t.DOUBLE)
    return float(value)


def _decimal(data_type: t.Decimal) -> Reader:
    def read(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
            raise _mismatch(value, data_type)
        try:
            return fit_decimal(value if isinstance(value, Decimal) else Decimal(str(value)), data_type)
        except (ValueError, ArithmeticError) as error:
            raise CoercionError(str(error)) from None

    return read


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return plain_decimal_text(value)
    raise _mismatch(value, t.STRING)


def _array(element: Reader, data_type: t.DataType) -> Reader:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _mismatch(value, data_type)
        return [element(item) for item in value]

    return read


def _map(key: Reader, inner: Reader, data_type: t.DataType) -> Reader:
    def read(value: Any) -> dict[Any, Any]:
        if isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value):
            found = {key(entry.get("key")): inner(entry.get("value")) for entry in value}
        elif isinstance(value, Mapping):
            found = {key(name): inner(item) for name, item in value.items()}
        else:
            raise _mismatch(value, data_type)
        if None in found:
            raise CoercionError("A key of a MAP cannot be null")
        return found

    return read
