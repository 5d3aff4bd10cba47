"""Arrays: search, order, sets, slices, series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.serde import types as t
from kappaflow.sql.expressions.java_text import order_key
from kappaflow.sql.expressions.values import text_of
from kappaflow.sql.functions.registry import scalar

_CATEGORY = "ARRAY"
_MAX_SERIES = 1_000_000
_JOINED = (t.Boolean, t.Integer, t.BigInt, t.Double, t.Decimal, t.String)


def same(left: Any, right: Any) -> bool:
    """Tell whether two values of one type are equal as Java's are: NaN equals NaN, -0.0 does not equal 0.0."""
    if isinstance(left, float) and isinstance(right, float):
        return order_key(left) == order_key(right)
    return left == right


def holds(elements: Sequence[Any], value: Any) -> bool:
    """Tell whether a value is among others of its type."""
    return any(same(element, value) for element in elements) if isinstance(value, float) else value in elements


def _distinct(array: Sequence[Any]) -> list[Any]:
    result: list[Any] = []
    seen: set[Any] = set()
    for element in array:
        mark = _mark(element)
        if mark not in seen:
            seen.add(mark)
            result.append(element)
    return result


def _mark(element: Any) -> Any:
    """Return a hashable stand-in for an element."""
    if isinstance(element, list):
        return ("[", *(_mark(item) for item in element))
    if isinstance(element, dict):
        return ("{", frozenset((key, _mark(value)) for key, value in element.items()))
    return ("#", order_key(element)) if isinstance(element, float) else element


_length = scalar("ARRAY_LENGTH", _CATEGORY, "The number of elements.", ("ARRAY_LENGTH(ARRAY[1, 2]) -> 2",))
_contains = scalar(
    "ARRAY_CONTAINS", _CATEGORY, "Whether an array has an element.", ("ARRAY_CONTAINS(ARRAY[1], 1) -> true",)
)
_distinct_of = scalar(
    "array_distinct",
    _CATEGORY,
    "The elements without repetitions, in order of first appearance.",
    ("ARRAY_DISTINCT(ARRAY[1, 2, 1])",),
)
_except = scalar(
    "array_except",
    _CATEGORY,
    "The distinct elements of the first array that the second has not.",
    ("ARRAY_EXCEPT(ARRAY[1, 2, 1], ARRAY[2])",),
)
_intersect = scalar(
    "array_intersect",
    _CATEGORY,
    "The distinct elements that both arrays have.",
    ("ARRAY_INTERSECT(ARRAY[1, 2], ARRAY[2, 3])",),
)
_union = scalar(
    "array_union", _CATEGORY, "The distinct elements of both arrays.", ("ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])",)
)
_concat = scalar(
    "array_concat",
    _CATEGORY,
    "The elements of the first array, then those of the second.",
    ("ARRAY_CONCAT(ARRAY[1, 2], ARRAY[2])",),
)
_remove = scalar(
    "array_remove", _CATEGORY, "The array without the elements equal to a value.", ("ARRAY_REMOVE(ARRAY[1, 2, 1], 1)",)
)


@_length("(array ARRAY<T>) -> INT", total=True)
def _count(array: list[Any]) -> int:
    return len(array)


@_contains("(array ARRAY<T>, val T) -> BOOLEAN", null_in=True, total=True)
def _has(array: list[Any] | None, value: Any) -> bool | None:
    return False if array is None else any(same(element, value) for element in array)


@_distinct_of("(array ARRAY<T>) -> ARRAY<T>", total=True)
def _unique(array: list[Any]) -> list[Any]:
    return _distinct(array)


@_except("(left ARRAY<T>, right ARRAY<T>) -> ARRAY<T>", total=True)
def _difference(left: list[Any], right: list[Any]) -> list[Any]:
    excluded = {_mark(element) for element in right}
    return [element for element in _distinct(left) if _mark(element) not in excluded]


@_intersect("(left ARRAY<T>, right ARRAY<T>) -> ARRAY<T>", total=True)
def _intersection(left: list[Any], right: list[Any]) -> list[Any]:
    kept = {_mark(element) for element in right}
    return [element for element in _distinct(left) if _mark(element) in kept]


@_union("(left ARRAY<T>, right ARRAY<T>) -> ARRAY<T>", total=True)
def _united(left: list[Any], right: list[Any]) -> list[Any]:
    return _distinct([*left, *right])


@_concat("(left ARRAY<T>, right ARRAY<T>) -> ARRAY<T>", null_in=True, total=True)
def _joined(left: list[Any] | None, right: list[Any] | None) -> list[Any] | None:
    if left is None:
        return right
    return left if right is None else [*left, *right]


@_remove("(array ARRAY<T>, element T) -> ARRAY<T>", null_in=True, total=True)
def _without(array: list[Any] | None, value: Any) -> list[Any] | None:
    return None if array is None else [element for element in array if not same(element, value)]


_max = scalar("array_max", _CATEGORY, "The largest element that is not NULL.", ("ARRAY_MAX(ARRAY[1, 3]) -> 3",))
_min = scalar("array_min", _CATEGORY, "The smallest element that is not NULL.", ("ARRAY_MIN(ARRAY[1, 3]) -> 1",))
_sort = scalar(
    "array_sort",
    _CATEGORY,
    "The elements in order, 'ASCENDING' (default) or 'DESCENDING'; NULLs come last.",
    ("ARRAY_SORT(ARRAY[2, 1]) -> [1, 2]",),
)


@_max("(array ARRAY<T>) -> T", total=True)
def _largest(array: list[Any]) -> Any:
    return max((element for element in array if element is not None), key=order_key, default=None)


@_min("(array ARRAY<T>) -> T", total=True)
def _smallest(array: list[Any]) -> Any:
    return min((element for element in array if element is not None), key=order_key, default=None)


@_sort("(array ARRAY<T>) -> ARRAY<T>", total=True)
def _sorted(array: list[Any]) -> list[Any] | None:
    return _in_order(array, "ASC")


@_sort("(array ARRAY<T>, direction STRING) -> ARRAY<T>", total=True)
def _in_order(array: list[Any], direction: str) -> list[Any] | None:
    word = direction.upper()
    if word not in ("ASC", "ASCEND", "ASCENDING", "DESC", "DESCEND", "DESCENDING"):
        return None
    elements = (element for element in array if element is not None)
    present = sorted(elements, key=order_key, reverse=word.startswith("DESC"))
    return [*present, *[None] * (len(array) - len(present))]


_join = scalar(
    "ARRAY_JOIN",
    _CATEGORY,
    "The elements as one string, between them a delimiter (default ',').",
    ("ARRAY_JOIN(ARRAY[1, 2], '-') -> '1-2'",),
)


def _joiner(types: tuple[t.DataType | None, ...], returns: t.DataType | None) -> Callable[..., str]:
    array = types[0]
    element_type = array.element if isinstance(array, t.Array) else t.STRING
    text = str if isinstance(element_type, t.Decimal) else text_of(element_type)

    def join(elements: list[Any] | None, delimiter: str | None = ",") -> str | None:
        if elements is None:
            return None
        if not isinstance(element_type, _JOINED) and any(element is not None for element in elements):
            raise FunctionError(f"ARRAY_JOIN takes numbers, booleans and strings, no {element_type}")
        parts = ["null" if element is None else text(element) for element in elements]
        return (delimiter or "").join(parts)

    return join  # pyright: ignore[reportReturnType]


_join("(array ARRAY<T>) -> STRING", typed=True, null_in=True)(_joiner)
_join("(array ARRAY<T>, delimiter STRING) -> STRING", typed=True, null_in=True)(_joiner)

_slice = scalar(
    "slice",
    _CATEGORY,
    "The elements from one 1-based position to another, both included.",
    ("SLICE(ARRAY[1, 2, 3], 2, 3) -> [2, 3]",),
)


@_slice("(in ARRAY<T>, from INT, to INT) -> ARRAY<T>", null_in=True, total=True)
def _sliced(array: list[Any] | None, first: int | None, last: int | None) -> list[Any] | None:
    if array is None:
        return None
    start = 0 if first is None else first - 1
    end = len(array) if last is None else last
    if start < 0 or end > len(array) or start > end:
        return None
    return array[start:end]


_series = scalar(
    "GENERATE_SERIES",
    _CATEGORY,
    "The numbers from a start to an end, both included, with a step (default 1 or -1).",
    ("GENERATE_SERIES(1, 3) -> [1, 2, 3]",),
)


@_series("(start INT, end INT) -> ARRAY<INT>")
@_series("(start BIGINT, end BIGINT) -> ARRAY<BIGINT>")
def _numbers(start: int, end: int) -> list[int]:
    return _numbers_by(start, end, 1 if end > start else -1)


@_series("(start INT, end INT, step INT) -> ARRAY<INT>")
@_series("(start BIGINT, end BIGINT, step INT) -> ARRAY<BIGINT>")
def _numbers_by(start: int, end: int, step: int) -> list[int]:
    if step == 0:
        raise FunctionError("GENERATE_SERIES step cannot be zero")
    if (end - start) * step < 0:
        raise FunctionError("GENERATE_SERIES step has wrong sign")
    if abs(end - start) // abs(step) >= _MAX_SERIES:
        raise FunctionError(f"GENERATE_SERIES gives at most {_MAX_SERIES} numbers")
    return list(range(start, end + (1 if step > 0 else -1), step))
