"""Lenient conversion of JSON nodes to column values, and the checks that formats share.

column type   accepted nodes
BOOLEAN       booleans
INTEGER, ..   numbers (truncated, low bits kept), texts of integers
DOUBLE        numbers, texts as Double.parseDouble reads them
DECIMAL       numbers and texts that fit without rounding
STRING        anything: the text of the node
BYTES         base64 texts
TIME, DATE    numbers and texts of integers
ARRAY         arrays; MAP and STRUCT: objects
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

from kappaflow.kernel.json_read import MISSING, FloatText
from kappaflow.kernel.json_write import node_text
from kappaflow.kernel.number_text import (
    decimal_text,
    decimal_to_integer,
    parse_decimal,
    parse_double,
    parse_integer,
)
from kappaflow.serde import types as t

Coercion = Callable[[Any], Any]

DAY_MS = 86_400_000
_BASE64 = re.compile(r"(?:[\x00-\x20]*[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/][A-Za-z0-9+/=]))*[\x00-\x20]*")
_BLANK = re.compile(r"[\x00-\x20]+")


class CoercionError(ValueError):
    """A node does not fit its column.

    Attributes:
        path: where, below the place that reports it.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


def node_kind(node: Any) -> str:
    """Return the name by which messages call a node."""
    if type(node) is int:
        return (
            "IntNode"
            if -(1 << 31) <= node < 1 << 31
            else "LongNode"
            if -(1 << 63) <= node < 1 << 63
            else "BigIntegerNode"
        )
    kinds = {
        bool: "BooleanNode", FloatText: "DecimalNode", str: "TextNode", dict: "ObjectNode", list: "ArrayNode",
    }  # fmt: skip
    return kinds.get(type(node), "MissingNode")


def _mismatch(node: Any, required: object) -> CoercionError:
    return CoercionError(f"Can't convert type. sourceType: {node_kind(node)}, requiredType: {required}")


def decimal_overflow(value: Decimal, data_type: t.Decimal) -> str:
    """Return the message about a value with too many digits for its type."""
    precision, scale = data_type.precision, data_type.scale
    return (
        f"Numeric field overflow: A field with precision {precision} and scale {scale} must round to an"
        f" absolute value less than 10^{precision - scale}. Got {_shown(value)}"
    )


def _shown(value: Decimal) -> str:
    """Print a number plainly unless its exponent would make a giant text of it."""
    return format(value, "f") if abs(value.adjusted()) < 5000 else str(value)


def fit_decimal(value: Decimal, data_type: t.Decimal) -> Decimal:
    """Give a value the scale of its column.

    Raises:
        ValueError: it is too large, or would have to be rounded.
    """
    precision, scale = data_type.precision, data_type.scale
    if value and value.adjusted() >= precision - scale:
        raise ValueError(decimal_overflow(value, data_type))
    sign, digits, exponent = value.as_tuple()
    shift = int(exponent) + scale
    if not value:
        return Decimal((0, (0,), -scale))
    if shift >= 0:
        return Decimal((sign, digits + (0,) * shift, -scale))
    if len(digits) > -shift and not any(digits[shift:]):
        return Decimal((sign, digits[:shift], -scale))
    raise ValueError(
        f"Cannot fit decimal '{_shown(value)}' into DECIMAL({precision}, {scale}) without rounding."
        f" (Requires {len(digits)},{-int(exponent)})"
    )


def to_time(millis: int) -> int:
    """Check a time of day.

    Raises:
        ValueError: negative or more than a day.
    """
    if not 0 <= millis <= DAY_MS:
        raise ValueError(f"Time values must use number of milliseconds greater than 0 and less than {DAY_MS}.")
    return millis


def to_day(days: int) -> int:
    """Keep the low 32 bits, as a cast does."""
    return (days + (1 << 31) & 0xFFFFFFFF) - (1 << 31)


def _low_bits(value: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return value if -half <= value < half else (value + half & (1 << bits) - 1) - half


def _integer(bits: int, name: str, check: Callable[[int], int] | None = None) -> Coercion:
    def coerce(node: Any) -> int | None:
        kind = type(node)
        if kind is int:
            value = _low_bits(node, bits)
        elif node is None:
            return None
        elif kind is FloatText:
            value = decimal_to_integer(parse_decimal(node), bits)
        elif kind is str:
            try:
                value = parse_integer(node, bits)
            except ValueError:
                raise CoercionError(f"Can't coerce string to type. targetType: {name}") from None
        else:
            raise _mismatch(node, name)
        if check is None:
            return value
        try:
            return check(value)
        except ValueError as error:
            raise CoercionError(str(error)) from None

    return coerce


def _boolean(node: Any) -> bool | None:
    if node is True or node is False or node is None:
        return node
    raise _mismatch(node, "BOOLEAN")


def _double(node: Any) -> float | None:
    kind = type(node)
    if kind is FloatText:
        # A BigDecimal has no negative zero, but a value that underflows keeps its sign.
        value = float(node)
        return value if value or parse_decimal(node) else 0.0
    if kind is int:
        try:
            return float(node)
        except OverflowError:
            return math.inf if node > 0 else -math.inf
    if node is None:
        return None
    if kind is str:
        try:
            return parse_double(node)
        except ValueError:
            raise CoercionError("Can't coerce string to type. targetType: DOUBLE") from None
    raise _mismatch(node, "DOUBLE")


def _decimal(data_type: t.Decimal) -> Coercion:
    def coerce(node: Any) -> Decimal | None:
        if node is None:
            return None
        kind = type(node)
        try:
            if kind is int:
                return fit_decimal(_int_to_decimal(node), data_type)
            if kind is str or kind is FloatText:
                return fit_decimal(parse_decimal(node), data_type)
        except ValueError as error:
            raise CoercionError(str(error)) from None
        raise _mismatch(node, data_type)

    return coerce


def _int_to_decimal(value: int) -> Decimal:
    with localcontext() as context:
        context.prec = MAX_DECIMAL_DIGITS
        return Decimal(value)


MAX_DECIMAL_DIGITS = 4300


def text_of(node: Any) -> str | None:
    """Return the text that a STRING column gets of any node."""
    kind = type(node)
    if kind is str or node is None:
        return node
    if kind is FloatText:
        return decimal_text(parse_decimal(node))
    if kind is dict:
        return node_text(node)
    if kind is list:
        return _list_text(node)
    return "" if node is MISSING else str(node).lower() if kind is bool else str(node)


def _list_text(node: list[Any]) -> str:
    """Elements as their own texts, so that strings in lists have no quotes."""
    out: list[str] = []
    stack: list[Any] = [iter(node)]
    out.append("[")
    fresh = True
    while stack:
        for item in stack[-1]:
            if not fresh:
                out.append(", ")
            if type(item) is list:
                out.append("[")
                stack.append(iter(item))
                fresh = True
                break
            text = text_of(item)
            out.append("null" if text is None else text)
            fresh = False
        else:
            stack.pop()
            out.append("]")
            fresh = False
    return "".join(out)


def _bytes(node: Any) -> bytes | None:
    if node is None:
        return None
    if type(node) is not str:
        raise _mismatch(node, "BYTES")
    if _BASE64.fullmatch(node) is None:
        raise CoercionError(f"Value is not a valid Base64 encoded string: {node}")
    plain = _BLANK.sub("", node)
    if "=" not in plain[:-2]:
        return base64.b64decode(plain)
    return b"".join(base64.b64decode(plain[i : i + 4]) for i in range(0, len(plain), 4))


def _array(data_type: t.Array) -> Coercion:
    element = coercion(data_type.element)

    def coerce(node: Any) -> list[Any] | None:
        if node is None:
            return None
        if type(node) is not list:
            raise _mismatch(node, data_type)
        out: list[Any] = []
        try:
            for item in node:
                out.append(element(item))
        except CoercionError as error:
            raise CoercionError(str(error), f"[{len(out)}]{error.path}") from None
        return out

    return coerce


def _map(data_type: t.Map) -> Coercion:
    value = coercion(data_type.value)

    def coerce(node: Any) -> dict[str, Any] | None:
        if node is None:
            return None
        if type(node) is not dict:
            raise _mismatch(node, data_type)
        name = ""
        out: dict[str, Any] = {}
        try:
            for name, item in node.items():
                out[name] = value(item)
        except CoercionError as error:
            raise CoercionError(str(error), f".{name}.value{error.path}") from None
        return out

    return coerce


def fields_coercion(fields: list[tuple[str, t.DataType]], required: object) -> Callable[[Any], list[Any] | None]:
    """Return a function from an object to the values of `fields`.

    A field takes the member of exactly its name, else the last member whose name in upper case is its name.
    """
    parts = [(name, coercion(data_type)) for name, data_type in fields]

    def coerce(node: Any) -> list[Any] | None:
        if node is None:
            return None
        if type(node) is not dict:
            raise _mismatch(node, required)
        upper: dict[str, Any] | None = None
        name = ""
        out: list[Any] = []
        try:
            for name, convert in parts:
                if name in node:
                    item = node[name]
                else:
                    if upper is None:
                        upper = {key.upper(): member for key, member in node.items()}
                    item = upper.get(name)
                out.append(convert(item))
        except CoercionError as error:
            raise CoercionError(str(error), f".{name}{error.path}") from None
        return out

    return coerce


def _struct(data_type: t.Struct) -> Coercion:
    names = [f.name for f in data_type.fields]
    values = fields_coercion([(f.name, f.type) for f in data_type.fields], data_type)

    def coerce(node: Any) -> dict[str, Any] | None:
        found = values(node)
        return None if found is None else dict(zip(names, found, strict=True))

    return coerce


def coercion(data_type: t.DataType) -> Coercion:
    """Return the function from a node to a value of `data_type`; it raises `CoercionError`."""
    match data_type:
        case t.Boolean():
            return _boolean
        case t.Integer():
            return _integer(32, "INTEGER")
        case t.BigInt():
            return _integer(64, "BIGINT")
        case t.Double():
            return _double
        case t.Decimal():
            return _decimal(data_type)
        case t.String():
            return text_of
        case t.Bytes():
            return _bytes
        case t.Time():
            return _integer(64, "TIME", to_time)
        case t.Date():
            return _integer(64, "DATE", to_day)
        case t.Timestamp():
            return _integer(64, "TIMESTAMP")
        case t.Array():
            return _array(data_type)
        case t.Map():
            return _map(data_type)
        case t.Struct():
            return _struct(data_type)
        case _:
            raise TypeError(f"Type is not supported: {data_type}")
