"""Values at run time: wrapping integers, exact decimals, text, and the conversion behind every CAST."""

from __future__ import annotations

import base64
import decimal
import math
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.kernel.number_text import (
    double_text,
    parse_decimal,
    parse_double,
    parse_integer,
    plain_decimal_text,
)
from kappaflow.serde.coercion import decimal_overflow
from kappaflow.serde.types import (
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
    Time,
    Timestamp,
)
from kappaflow.sql.expressions import times
from kappaflow.sql.expressions.java_text import hash_order

CONTEXT = decimal.Context(prec=200, rounding=ROUND_HALF_UP, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
Convert = Callable[[Any], Any]

BLANKS = "".join(map(chr, range(33)))  # what String.trim takes away
_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_LONG_MIN, _LONG_MAX = -(2**63), 2**63 - 1


def wrap_int(value: int) -> int:
    """Wrap into 32 bits."""
    return ((value + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000


def wrap_long(value: int) -> int:
    """Wrap into 64 bits."""
    return ((value + 0x8000_0000_0000_0000) & 0xFFFF_FFFF_FFFF_FFFF) - 0x8000_0000_0000_0000


def divide_integers(left: int, right: int) -> int:
    """Divide, truncating toward zero.

    Raises:
        FunctionError: `right` is zero.
    """
    if right == 0:
        raise FunctionError("/ by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def remainder_integers(left: int, right: int) -> int:
    """Return the remainder with the sign of `left`.

    Raises:
        FunctionError: `right` is zero.
    """
    if right == 0:
        raise FunctionError("/ by zero")
    remainder = abs(left) % abs(right)
    return -remainder if left < 0 else remainder


def divide_doubles(left: float, right: float) -> float:
    """Divide as IEEE 754: no error, infinities and NaN instead."""
    if right == 0.0:
        if left == 0.0 or left != left:  # noqa: PLR0124
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    return left / right


def remainder_doubles(left: float, right: float) -> float:
    """Return the remainder with the sign of `left`; NaN where there is none."""
    if right == 0.0 or math.isinf(left):
        return math.nan
    return math.fmod(left, right)


def quantum(scale: int) -> decimal.Decimal:
    """Return 10 ** -scale."""
    return decimal.Decimal(1).scaleb(-scale)


def fit(value: decimal.Decimal, data_type: Decimal) -> decimal.Decimal:
    """Round half up to the type's scale.

    Raises:
        FunctionError: the value has too many digits for the type's precision.
    """
    digits = data_type.precision - data_type.scale
    if not value or value.adjusted() < digits:
        rounded = CONTEXT.quantize(value, quantum(data_type.scale))
        if not rounded or rounded.adjusted() < digits:
            return rounded
    raise FunctionError(decimal_overflow(value, data_type))


def text_of(data_type: DataType) -> Callable[[Any], str]:
    """Return the function that prints non-null values of a type as CAST(.. AS STRING) does."""
    match data_type:
        case Boolean():
            return lambda value: "true" if value else "false"
        case Double():
            return double_text
        case Decimal():
            return plain_decimal_text
        case Bytes():
            return lambda value: base64.b64encode(value).decode("ascii")
        case Time():
            return times.time_text
        case Date():
            return times.date_text
        case Timestamp():
            return times.timestamp_text
        case Array(element):
            return _array_text(_nullable_text(element))
        case Map(key, value):
            return _map_text(_nullable_text(key), _nullable_text(value))
        case Struct(fields):
            return _struct_text({field.name: text_of(field.type) for field in fields})
        case _:
            return str


def _nullable_text(data_type: DataType) -> Callable[[Any], str]:
    inner = text_of(data_type)
    return lambda value: "null" if value is None else inner(value)


def _array_text(element: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: f"[{', '.join(element(item) for item in value)}]"


def _map_text(key: Callable[[Any], str], item: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: f"{{{', '.join(f'{key(k)}={item(value[k])}' for k in hash_order(value))}}}"


def _struct_text(fields: dict[str, Callable[[Any], str]]) -> Callable[[Any], str]:
    def text(value: dict[str, Any]) -> str:
        shown = ((name, value.get(name), print_) for name, print_ in fields.items())
        return f"Struct{{{','.join(f'{n}={p(v)}' for n, v, p in shown if v is not None)}}}"

    return text


def caster(source: DataType | None, target: DataType) -> Convert | None:
    """Return the conversion of non-null values from `source` to `target`; None when values stay as they are.

    The conversion raises `FunctionError` for a value that has no form in `target`.
    """
    if source is None or source == target:
        return None
    match target:
        case String():
            return text_of(source)
        case Integer():
            return _to_integer(source, wrap_int, _INT_MIN, _INT_MAX)
        case BigInt():
            return None if isinstance(source, Integer) else _to_integer(source, wrap_long, _LONG_MIN, _LONG_MAX)
        case Double():
            if isinstance(source, Decimal):
                return lambda value: float(value) if value else 0.0
            return _parsed(_finite_double) if isinstance(source, String) else float
        case Decimal():
            return _to_decimal(source, target)
        case Boolean():
            return _string_to_boolean
        case Bytes():
            return _string_to_bytes
        case Array() | Map() | Struct():
            return _collection_caster(source, target)
        case _:
            return _time_caster(source, target)


def _to_integer(source: DataType, wrap: Callable[[int], int], low: int, high: int) -> Convert:
    if isinstance(source, String):
        return _parsed(lambda text: parse_integer(text, high.bit_length() + 1))
    if isinstance(source, Double):
        return _double_to_integer(low, high)
    return lambda value: wrap(int(value))


def _parsed(parse: Callable[[str], Any]) -> Convert:
    """Return a conversion of trimmed text."""

    def convert(value: str) -> Any:
        try:
            return parse(value.strip(BLANKS))
        except ValueError:
            raise FunctionError(f'For input string: "{value}"') from None

    return convert


def _double_to_integer(low: int, high: int) -> Convert:
    def convert(value: float) -> int:
        if value != value:  # noqa: PLR0124
            return 0
        if value >= high:
            return high
        return low if value <= low else int(value)

    return convert


def _finite_double(text: str) -> float:
    number = parse_double(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _to_decimal(source: DataType, target: Decimal) -> Convert:
    if isinstance(source, Double):
        significant = decimal.Context(prec=target.precision, rounding=ROUND_HALF_UP)
        return lambda value: fit(significant.plus(decimal.Decimal(_finite(value))), target)
    if isinstance(source, String):
        parse = _parsed(parse_decimal)
        return lambda value: fit(parse(value), target)
    return lambda value: fit(decimal.Decimal(value), target)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise FunctionError(f"{double_text(value)} has no DECIMAL form.")
    return value


def double_to_decimal(value: float) -> decimal.Decimal:
    """Return the decimal that a double prints as.

    Raises:
        FunctionError: infinite or not a number.
    """
    return decimal.Decimal(repr(_finite(value)))


def _string_to_boolean(value: str) -> bool:
    word = value.strip(BLANKS).lower()
    return bool(word) and ("true".startswith(word) or "yes".startswith(word))


def _string_to_bytes(value: str) -> bytes:
    return base64_bytes(value.strip(BLANKS))


def base64_bytes(text: str) -> bytes:
    """Read base64; the padding may be missing as a whole.

    Raises:
        FunctionError: the text is not base64.
    """
    missing = "" if text.endswith("=") else "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text + missing, validate=True)
    except ValueError:
        raise FunctionError(f"'{text}' is not base64.") from None


def _time_caster(source: DataType, target: DataType) -> Convert | None:
    match source, target:
        case String(), Timestamp():
            return times.millis_of
        case String(), Date():
            return times.days_of
        case String(), Time():
            return times.millis_of_day
        case Timestamp(), Date():
            return lambda value: value // times.MILLIS_PER_DAY
        case Timestamp(), Time():
            return lambda value: value % times.MILLIS_PER_DAY
        case Date(), Timestamp():
            return lambda value: value * times.MILLIS_PER_DAY
        case _:
            return None


def _collection_caster(source: DataType, target: DataType) -> Convert | None:
    match source, target:
        case Array(old), Array(new):
            element = _nullable_caster(old, new)
            return lambda value: [element(item) for item in value]
        case Map(old_key, old_value), Map(new_key, new_value):
            key, item = _nullable_caster(old_key, new_key), _nullable_caster(old_value, new_value)
            return lambda value: {key(k): item(v) for k, v in value.items()}
        case Struct(), Struct(fields):
            parts: list[tuple[str, Convert | None]] = []
            for field in fields:
                old_field = source.field(field.name)
                parts.append((field.name, None if old_field is None else _nullable_caster(old_field.type, field.type)))
            return lambda value: {name: None if c is None else c(value.get(name)) for name, c in parts}
        case _:
            return None


def _nullable_caster(source: DataType, target: DataType) -> Convert:
    convert = caster(source, target)
    if convert is None:
        return lambda value: value
    return lambda value: None if value is None else convert(value)


def element_at(array: list[Any], index: int) -> Any:
    """Return an element by 1-based position, negative from the end; None outside."""
    position = index - 1 if index >= 0 else len(array) + index
    return array[position] if 0 <= position < len(array) else None


def is_among(number: float, others: Sequence[float | None]) -> bool:
    """Tell whether a number equals one of others; NaN equals none.

    >>> is_among(0.0, (None, -0.0)), is_among(math.nan, (math.nan,))
    (True, False)
    """
    return any(number == other for other in others)
