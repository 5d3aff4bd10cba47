"""JSON values as values of columns, for rows that clients insert as JSON objects.

column     JSON
BOOLEAN    true, false
numbers    numbers that the type can hold; DECIMAL also as text, so that no digit is lost
STRING     text
BYTES      text in Base64
times      ISO text
ARRAY, MAP, STRUCT   arrays and objects; names of fields as names of columns are written
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from decimal import Context, InvalidOperation
from decimal import Decimal as DecimalValue
from typing import Any

from kappaflow.errors import KappaError, StatementError
from kappaflow.serde import types as t
from kappaflow.sql.expressions import times

Read = Callable[[Any], Any]
_BOUNDS: dict[type[t.DataType], int] = {t.Integer: 2**31, t.BigInt: 2**63}


def column_name(text: str) -> str:
    """Return the name that a client writes: upper-cased unless it stands in back-quotes or double quotes.

    >>> column_name("id"), column_name("`id`")
    ('ID', 'id')
    """
    if len(text) > 1 and text[0] == text[-1] and text[0] in '`"':
        return text[1:-1].replace(text[0] * 2, text[0])
    return text.upper()


def json_reader(data_type: t.DataType) -> Read:
    """Return the function from a JSON value to a value of a type; it raises StatementError for what does not fit."""
    match data_type:
        case t.Array(element):
            read = _array(data_type, json_reader(element))
        case t.Map(key, value):
            read = _map(data_type, json_reader(key), json_reader(value))
        case t.Struct(fields):
            read = _struct(data_type, {field.name: json_reader(field.type) for field in fields})
        case t.Decimal():
            read = _decimal(data_type)
        case _:
            read = _scalar(data_type)
    return lambda value: None if value is None else read(value)


def _misfit(value: Any, data_type: t.DataType) -> StatementError:
    return StatementError(f"Can't coerce a field of type {_kind(value)} ({value}) into type {data_type}")


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "BOOLEAN"
        case int():
            return "INTEGER"
        case DecimalValue() | float():
            return "DOUBLE"
        case str():
            return "STRING"
        case list():
            return "ARRAY"
        case _:
            return "OBJECT"


def _scalar(data_type: t.DataType) -> Read:
    def read(value: Any) -> Any:
        match data_type, value:
            case (t.Boolean(), bool()) | (t.String(), str()):
                return value
            case (t.Integer() | t.BigInt(), int()) if not isinstance(value, bool):
                bound = _BOUNDS[type(data_type)]
                if -bound <= value < bound:
                    return value
            case (t.Double(), int() | DecimalValue() | float()) if not isinstance(value, bool):
                return float(value)
            case (t.Bytes() | t.Timestamp() | t.Date() | t.Time(), str()):
                return _from_text(value, data_type)
            case _:
                pass
        raise _misfit(value, data_type)

    return read


def _from_text(value: str, data_type: t.DataType) -> Any:
    try:
        match data_type:
            case t.Bytes():
                return base64.b64decode(value, validate=True)
            case t.Timestamp():
                return times.millis_of(value)
            case t.Date():
                return times.days_of(value)
            case _:
                return times.millis_of_day(value)
    except (KappaError, ValueError, binascii.Error):
        raise _misfit(value, data_type) from None


def _decimal(data_type: t.Decimal) -> Read:
    context = Context(prec=data_type.precision, traps=[InvalidOperation])
    unit = DecimalValue(1).scaleb(-data_type.scale)

    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | str | DecimalValue):
            raise _misfit(value, data_type)
        try:
            number = DecimalValue(value)
            fitted = number.quantize(unit, context=context)
        except (InvalidOperation, ArithmeticError):
            raise _misfit(value, data_type) from None
        if fitted != number:
            raise _misfit(value, data_type)
        return fitted

    return read


def _array(data_type: t.DataType, read: Read) -> Read:
    def read_all(value: Any) -> Any:
        if not isinstance(value, list):
            raise _misfit(value, data_type)
        return [read(item) for item in value]

    return read_all


def _map(data_type: t.DataType, read_key: Read, read_value: Read) -> Read:
    def read_all(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _misfit(value, data_type)
        return {read_key(key): read_value(item) for key, item in value.items()}

    return read_all


def _struct(data_type: t.DataType, readers: Mapping[str, Read]) -> Read:
    def read_all(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _misfit(value, data_type)
        given = {column_name(name): item for name, item in value.items()}
        return {name: read(given.get(name)) for name, read in readers.items()}

    return read_all
