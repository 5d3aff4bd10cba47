"""Does an actual value match the JSON of a test file."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

TOLERANCE = 1e-6


def matches(expected: Any, actual: Any) -> bool:
    """Tell whether `actual` is what `expected` describes.

    Args:
        expected: JSON; numbers with a fraction are Decimal.
        actual: decoded: dict, list, str, bytes, bool, int, Decimal (compared with its scale), float (compared with
            a tolerance) or None.
    """
    match expected:
        case None:
            return actual is None
        case bool():
            return isinstance(actual, bool) and actual is expected
        case dict():
            return _matches_object(expected, actual)
        case list():
            return (
                isinstance(actual, list)
                and len(actual) == len(expected)
                and all(matches(e, a) for e, a in zip(expected, actual, strict=True))
            )
        case str():
            return _matches_text(expected, actual)
        case int() | Decimal():
            return _matches_number(expected, actual)
        case _:
            return False


def _matches_object(expected: dict[str, Any], actual: Any) -> bool:
    """Compare member by member; the keys of a map may be numbers, which JSON writes as text."""
    if not isinstance(actual, dict) or len(actual) != len(expected):
        return False
    named = {key if isinstance(key, str) else json.dumps(key): value for key, value in actual.items()}
    for name, value in expected.items():
        found = named.get(name, named.get(name.upper()))
        if not matches(value, found):
            return False
    return True


def _matches_text(expected: str, actual: Any) -> bool:
    if isinstance(actual, str):
        return actual == expected
    if isinstance(actual, Decimal):
        try:
            return _same_decimal(Decimal(expected), actual)
        except ArithmeticError:
            return False
    if isinstance(actual, bytes):
        return base64.b64encode(actual).decode("ascii") == expected
    return False


def _matches_number(expected: int | Decimal, actual: Any) -> bool:
    if isinstance(actual, bool):
        return False
    if isinstance(actual, int):
        return int(expected) == actual
    if isinstance(actual, float):
        return abs(float(expected) - actual) < TOLERANCE
    if isinstance(actual, Decimal):
        if isinstance(expected, int):
            return _scale(actual) <= 0 and actual == expected
        return _same_decimal(expected, actual)
    return False


def _same_decimal(left: Decimal, right: Decimal) -> bool:
    return left == right and _scale(left) == _scale(right)


def _scale(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
