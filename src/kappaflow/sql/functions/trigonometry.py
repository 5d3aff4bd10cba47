"""Trigonometric and hyperbolic functions, in radians."""

from __future__ import annotations

import math
from collections.abc import Callable

from kappaflow.sql.functions.registry import scalar

_CATEGORY = "MATHEMATICAL"


def _define(name: str, description: str, function: Callable[[float], float]) -> None:
    define = scalar(name, _CATEGORY, description, (f"{name.upper()}(1.0) -> {function(1.0)!r}",))

    def compute(value: float) -> float:
        return function(float(value))

    for data_type in ("INT", "BIGINT", "DOUBLE"):
        define(f"(value {data_type}) -> DOUBLE", total=True)(compute)


def _or_nan(function: Callable[[float], float]) -> Callable[[float], float]:
    def compute(value: float) -> float:
        try:
            return function(value)
        except ValueError:
            return math.nan

    return compute


def _or_infinity(function: Callable[[float], float], odd: bool) -> Callable[[float], float]:
    def compute(value: float) -> float:
        try:
            return function(value)
        except OverflowError:
            return math.copysign(math.inf, value) if odd else math.inf

    return compute


def _cotangent(value: float) -> float:
    tangent = _or_nan(math.tan)(value)
    return 1.0 / tangent if tangent else math.copysign(math.inf, tangent)


_define("acos", "The angle with this cosine.", _or_nan(math.acos))
_define("asin", "The angle with this sine.", _or_nan(math.asin))
_define("atan", "The angle with this tangent.", math.atan)
_define("cos", "The cosine.", _or_nan(math.cos))
_define("cosh", "The hyperbolic cosine.", _or_infinity(math.cosh, odd=False))
_define("cot", "The cotangent.", _cotangent)
_define("sin", "The sine.", _or_nan(math.sin))
_define("sinh", "The hyperbolic sine.", _or_infinity(math.sinh, odd=True))
_define("tan", "The tangent.", _or_nan(math.tan))
_define("tanh", "The hyperbolic tangent.", math.tanh)
_define("degrees", "Radians as degrees.", lambda value: value * (180.0 / math.pi))
_define("radians", "Degrees as radians.", lambda value: value * (math.pi / 180.0))

_atan2 = scalar("atan2", _CATEGORY, "The angle of the point (x, y).", ("ATAN2(1.0, 1.0) -> 0.7853981633974483",))


@_atan2("(y INT, x INT) -> DOUBLE", total=True)
@_atan2("(y BIGINT, x BIGINT) -> DOUBLE", total=True)
@_atan2("(y DOUBLE, x DOUBLE) -> DOUBLE", total=True)
def _angle(y: float, x: float) -> float:
    return math.atan2(float(y), float(x))
