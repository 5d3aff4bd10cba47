"""Numbers: absolute value, rounding, powers, logarithms, distance on the globe."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.serde import types as t
from kappaflow.sql.expressions.values import BLANKS, CONTEXT, double_to_decimal, quantum
from kappaflow.sql.functions.registry import scalar

_CATEGORY = "MATHEMATICAL"
_INT_LIMIT, _LONG_LIMIT = 2**31, 2**63
# Radii of the earth, as ksqlDB has them, by the names of their units.
_EARTH_RADII = {
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 6371.0),
    **dict.fromkeys(("mi", "mile", "miles"), 3959.0),
}


def first_type(types: tuple[t.DataType | None, ...]) -> t.DataType:
    """Return the type of the first argument."""
    assert types[0] is not None
    return types[0]


_abs = scalar("Abs", _CATEGORY, "The absolute value of a number.", ("ABS(-1.5) -> 1.5",))


@_abs("(val INT) -> INT", total=True)
def _absolute_int(value: int) -> int:
    return value if value == -_INT_LIMIT else abs(value)


@_abs("(val BIGINT) -> BIGINT", total=True)
def _absolute_long(value: int) -> int:
    return value if value == -_LONG_LIMIT else abs(value)


@_abs("(val DOUBLE) -> DOUBLE", total=True)
def _absolute_double(value: float) -> float:
    return abs(value)


@_abs("(val DECIMAL) -> DECIMAL", returns=first_type, total=True)
def _absolute_decimal(value: Decimal) -> Decimal:
    return value.copy_abs()


_ceil = scalar("Ceil", _CATEGORY, "The smallest whole number that is not below the argument.", ("CEIL(1.2)",))
_floor = scalar("Floor", _CATEGORY, "The largest whole number that is not above it.", ("FLOOR(1.7)",))


@_ceil("(val INT) -> INT", total=True)
@_ceil("(val BIGINT) -> BIGINT", total=True)
@_floor("(val INT) -> INT", total=True)
@_floor("(val BIGINT) -> BIGINT", total=True)
def _whole(value: int) -> int:
    return value


@_ceil("(val DOUBLE) -> DOUBLE", total=True)
def _ceil_double(value: float) -> float:
    return math.copysign(float(math.ceil(value)), value) if abs(value) < 2**52 else value


@_floor("(val DOUBLE) -> DOUBLE", total=True)
def _floor_double(value: float) -> float:
    return math.copysign(float(math.floor(value)), value) if abs(value) < 2**52 else value


@_ceil("(val DECIMAL) -> DECIMAL", returns=first_type, total=True)
def _ceil_decimal(value: Decimal) -> Decimal:
    return _at_scale(value.to_integral_value(ROUND_CEILING), value)


@_floor("(val DECIMAL) -> DECIMAL", returns=first_type, total=True)
def _floor_decimal(value: Decimal) -> Decimal:
    return _at_scale(value.to_integral_value(ROUND_FLOOR), value)


def _at_scale(value: Decimal, like: Decimal) -> Decimal:
    return CONTEXT.quantize(value, quantum(-int(like.as_tuple().exponent)))


_round = scalar(
    "Round",
    _CATEGORY,
    "Round to the nearest number with `scale` decimals; ties go up. Without a scale the result is whole.",
    ("ROUND(2.5) -> 3", "ROUND(-2.5) -> -2", "ROUND(1.2345, 2) -> 1.2300"),
)


@_round("(val INT) -> BIGINT", total=True)
@_round("(val BIGINT) -> BIGINT", total=True)
def _round_whole(value: int) -> int:
    return value


@_round("(val DOUBLE) -> BIGINT", total=True)
def _round_double(value: float) -> int:
    if value != value:  # noqa: PLR0124
        return 0
    if abs(value) >= _LONG_LIMIT:
        return _LONG_LIMIT - 1 if value > 0 else -_LONG_LIMIT
    return math.floor(Decimal(value) + Decimal("0.5"))


@_round("(val DECIMAL) -> DECIMAL", returns=lambda types: _whole_decimal(first_type(types)), total=True)
def _round_decimal(value: Decimal) -> Decimal:
    return _half_up(value, 0)


@_round("(val INT, decimalPlaces INT) -> INT", total=True)
@_round("(val BIGINT, decimalPlaces INT) -> BIGINT", total=True)
def _round_whole_to(value: int, scale: int) -> int:
    return int(_half_up(Decimal(value), scale)) if scale < 0 else value


@_round("(val DOUBLE, decimalPlaces INT) -> DOUBLE")
def _round_double_to(value: float, scale: int) -> float:
    return float(_half_up(double_to_decimal(value), scale)) or 0.0  # a decimal has no negative zero


@_round("(val DECIMAL, decimalPlaces INT) -> DECIMAL", returns=first_type, total=True)
def _round_decimal_to(value: Decimal, scale: int) -> Decimal:
    return _at_scale(_half_up(value, scale), value)


def _whole_decimal(data_type: t.DataType) -> t.DataType:
    assert isinstance(data_type, t.Decimal)
    return t.Decimal(max(data_type.precision - data_type.scale, 1), 0)


def _without_rounding(value: Decimal, scale: int) -> Decimal | None:
    """Return a value that has no more decimals than `scale`, or 0 for one far below its unit; None for others."""
    if -scale <= int(value.as_tuple().exponent):
        return value
    return Decimal(0) if -scale - 1 > value.adjusted() else None


def _cut(value: Decimal, scale: int) -> Decimal:
    exact = _without_rounding(value, scale)
    return value.quantize(quantum(scale), ROUND_DOWN, CONTEXT) if exact is None else exact


def _half_up(value: Decimal, scale: int) -> Decimal:
    """Round with ties toward positive infinity."""
    exact = _without_rounding(value, scale)
    if exact is not None:
        return exact
    half = Decimal(5).scaleb(-scale - 1)
    return CONTEXT.add(value, half).quantize(quantum(scale), ROUND_FLOOR, CONTEXT)


_trunc = scalar("trunc", _CATEGORY, "Cut a number to `scale` decimals, toward zero.", ("TRUNC(1.79, 1) -> 1.70",))


@_trunc("(val INT) -> BIGINT", total=True)
@_trunc("(val BIGINT) -> BIGINT", total=True)
def _trunc_whole(value: int) -> int:
    return value


@_trunc("(val DOUBLE) -> BIGINT", total=True)
def _trunc_double(value: float) -> int:
    if value != value:  # noqa: PLR0124
        return 0
    return (
        max(-_LONG_LIMIT, min(_LONG_LIMIT - 1, int(value)))
        if abs(value) < 1e300
        else (_LONG_LIMIT - 1 if value > 0 else -_LONG_LIMIT)
    )


@_trunc("(val DECIMAL) -> DECIMAL", returns=lambda types: _whole_decimal(first_type(types)), total=True)
def _trunc_decimal(value: Decimal) -> Decimal:
    return value.quantize(quantum(0), ROUND_DOWN, CONTEXT)


@_trunc("(val INT, decimalPlaces INT) -> INT", total=True)
@_trunc("(val BIGINT, decimalPlaces INT) -> BIGINT", total=True)
def _trunc_whole_to(value: int, scale: int) -> int:
    return int(_cut(Decimal(value), scale)) if scale < 0 else value


@_trunc("(val DOUBLE, decimalPlaces INT) -> DOUBLE")
def _trunc_double_to(value: float, scale: int) -> float:
    return float(_cut(double_to_decimal(value), scale)) or 0.0


@_trunc("(val DECIMAL, decimalPlaces INT) -> DECIMAL", returns=first_type, total=True)
def _trunc_decimal_to(value: Decimal, scale: int) -> Decimal:
    return _at_scale(_cut(value, scale), value)


_sign = scalar("sign", _CATEGORY, "-1, 0 or 1: the sign of a number.", ("SIGN(-3) -> -1",))


@_sign("(val INT) -> INT", total=True)
@_sign("(val BIGINT) -> INT", total=True)
@_sign("(val DOUBLE) -> INT", total=True)
@_sign("(val DECIMAL) -> INT", total=True)
def _sign_of(value: Any) -> int:
    return (value > 0) - (value < 0)


def _double_function(
    name: str, description: str, function: Callable[[float], float], examples: tuple[str, ...] = ()
) -> None:
    """Define a function of INT, BIGINT and DOUBLE that computes in DOUBLE."""
    define = scalar(name, _CATEGORY, description, examples)

    def compute(value: float) -> float:
        return function(float(value))

    for data_type in ("INT", "BIGINT", "DOUBLE"):
        define(f"(value {data_type}) -> DOUBLE", total=True)(compute)


def _cube_root(value: float) -> float:
    """Return the nearest double; the C library's may be the one beside it."""
    root = math.cbrt(value)
    if not math.isfinite(root) or root == 0.0:
        return root
    exact = Fraction(value)
    near = (root, math.nextafter(root, math.inf), math.nextafter(root, -math.inf))
    return min(near, key=lambda candidate: abs(Fraction(candidate) ** 3 - exact))


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def logarithm(value: float) -> float:
    """Return the natural logarithm as IEEE 754 does: NaN below zero, -Infinity at zero."""
    if value > 0.0:
        return math.log(value)
    return -math.inf if value == 0.0 else math.nan


def _square_root(value: float) -> float:
    return math.nan if value < 0.0 else math.sqrt(value)


_double_function("exp", "e raised to a power.", _exp, ("EXP(0) -> 1.0",))
_double_function("sqrt", "The square root.", _square_root, ("SQRT(9) -> 3.0",))
_double_function("cbrt", "The cube root.", _cube_root, ("CBRT(27) -> 3.0",))
_double_function("ln", "The natural logarithm.", logarithm, ("LN(1) -> 0.0",))

_log = scalar(
    "log",
    _CATEGORY,
    "The natural logarithm, or the logarithm to a base.",
    ("LOG(1) -> 0.0", "LOG(2, 8) -> 3.0"),
)


@_log("(value INT) -> DOUBLE", total=True)
@_log("(value BIGINT) -> DOUBLE", total=True)
@_log("(value DOUBLE) -> DOUBLE", total=True)
def _natural(value: float) -> float:
    return logarithm(float(value))


@_log("(base INT, value INT) -> DOUBLE", total=True)
@_log("(base BIGINT, value BIGINT) -> DOUBLE", total=True)
@_log("(base DOUBLE, value DOUBLE) -> DOUBLE", total=True)
def _to_base(base: float, value: float) -> float:
    base = float(base)
    if base <= 0.0 or base == 1.0:
        return math.nan
    return logarithm(float(value)) / logarithm(base)


_power = scalar("power", _CATEGORY, "A number raised to a power.", ("POWER(2, 3) -> 8.0",))


@_power("(base INT, exponent INT) -> DOUBLE", total=True)
@_power("(base BIGINT, exponent BIGINT) -> DOUBLE", total=True)
@_power("(base DOUBLE, exponent DOUBLE) -> DOUBLE", total=True)
def _raise_to(base: float, exponent: float) -> float:
    base, exponent = float(base), float(exponent)
    if abs(base) == 1.0 and not math.isfinite(exponent):
        return math.nan
    try:
        result = base**exponent
    except ZeroDivisionError:
        odd = exponent % 2 == 1
        return math.copysign(math.inf, base) if odd else math.inf
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    return math.nan if isinstance(result, complex) else result


_pi = scalar("pi", _CATEGORY, "The ratio of a circle's circumference to its diameter.", ("PI() -> 3.141592653589793",))
_random = scalar("random", _CATEGORY, "A random number from 0.0 up to, not including, 1.0.", ("RANDOM() < 1.0",))


@_pi("() -> DOUBLE", total=True)
def _pi_value() -> float:
    return math.pi


@_random("() -> DOUBLE", total=True)
def _random_value() -> float:
    return random.random()


_geo = scalar(
    "geo_distance",
    _CATEGORY,
    "The great-circle distance between two points given in degrees, in 'KM' (default) or 'MI'.",
    ("GEO_DISTANCE(0.0, 0.0, 0.0, 1.0) -> 111.19492664455873",),
)


@_geo("(lat1 DOUBLE, lon1 DOUBLE, lat2 DOUBLE, lon2 DOUBLE) -> DOUBLE")
def _distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    return _distance(lat1, lon1, lat2, lon2, "KM")


@_geo("(lat1 DOUBLE, lon1 DOUBLE, lat2 DOUBLE, lon2 DOUBLE, units STRING) -> DOUBLE", null_in=True)
def _distance_in(
    lat1: float | None, lon1: float | None, lat2: float | None, lon2: float | None, unit: str | None
) -> float | None:
    if lat1 is None or lon1 is None or lat2 is None or lon2 is None:
        return None
    return _distance(lat1, lon1, lat2, lon2, unit or "KM")


def _distance(lat1: float, lon1: float, lat2: float, lon2: float, unit: str) -> float:
    for latitude in (lat1, lat2):
        if not -90 <= latitude <= 90:
            raise FunctionError(
                f"valid latitude values for GeoDistance function are in the range of -90 to 90. Got {latitude}."
            )
    for longitude in (lon1, lon2):
        if not -180 <= longitude <= 180:
            raise FunctionError(
                f"valid longitude values for GeoDistance function are in the range of -180 to 180. Got {longitude}."
            )
    radius = _earth_radius(unit)
    half_lat, half_lon = math.radians(lat2 - lat1) / 2, math.radians(lon2 - lon1) / 2
    across = math.sin(half_lon) * math.sin(half_lon) * math.cos(math.radians(lat1)) * math.cos(math.radians(lat2))
    return radius * 2 * math.asin(math.sqrt(math.sin(half_lat) * math.sin(half_lat) + across))


def _earth_radius(unit: str) -> float:
    radius = _EARTH_RADII.get(unit.strip(BLANKS).lower() or "km")
    if radius is None:
        raise FunctionError(
            f"GeoDistance function units parameter must be one of {', '.join(_EARTH_RADII)}. "
            f"Values are case-insensitive. Got '{unit}'."
        )
    return radius
