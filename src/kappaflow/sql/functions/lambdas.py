"""Functions that take lambdas: TRANSFORM, FILTER, REDUCE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.sql.expressions.java_text import hash_order
from kappaflow.sql.functions.registry import scalar

_CATEGORY = "LAMBDA"

_transform = scalar(
    "transform",
    _CATEGORY,
    "Applies a lambda to each element, or two to the keys and the values of a map.",
    ("TRANSFORM(ARRAY[1, 2], x => x * 2) -> [2, 4]",),
)
_filter = scalar(
    "filter",
    _CATEGORY,
    "Keeps the elements or entries for which a lambda is true.",
    ("FILTER(ARRAY[1, 2], x => x > 1) -> [2]",),
)
_reduce = scalar(
    "reduce",
    _CATEGORY,
    "Folds elements or entries into a state, from an initial one.",
    ("REDUCE(ARRAY[1, 2], 0, (s, x) => s + x) -> 3",),
)


@_transform("(array ARRAY<T>, lambda LAMBDA<T, R>) -> ARRAY<R>")
def _transform_array(array: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    return [function(element) for element in array]


@_transform("(map MAP<K, V>, key LAMBDA<K, V, R>, value LAMBDA<K, V, T>) -> MAP<R, T>")
def _transform_map(
    mapping: dict[Any, Any], key: Callable[[Any, Any], Any], value: Callable[[Any, Any], Any]
) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for old_key, old_value in mapping.items():
        new_key = key(old_key, old_value)
        if new_key is None:
            raise ValueError("A key of a MAP cannot be NULL")
        if new_key in result:
            raise ValueError(f"Duplicate key {new_key}")
        result[new_key] = value(old_key, old_value)
    return result


@_filter("(array ARRAY<T>, lambda LAMBDA<T, BOOLEAN>) -> ARRAY<T>")
def _filter_array(array: list[Any], keep: Callable[[Any], Any]) -> list[Any]:
    return [element for element in array if _boolean(keep(element))]


@_filter("(map MAP<K, V>, lambda LAMBDA<K, V, BOOLEAN>) -> MAP<K, V>")
def _filter_map(mapping: dict[Any, Any], keep: Callable[[Any, Any], Any]) -> dict[Any, Any]:
    return {key: value for key, value in mapping.items() if _boolean(keep(key, value))}


def _boolean(value: Any) -> bool:
    if value is None:
        raise ValueError("the lambda gave NULL where a boolean is needed")
    return value


@_reduce("(list ARRAY<T>, initialState S, reduce LAMBDA<S, T, S>) -> S", null_in=True)
def _reduce_array(array: list[Any] | None, state: Any, function: Callable[[Any, Any], Any]) -> Any:
    if state is None or array is None:
        return state
    for element in array:
        state = function(state, element)
    return state


@_reduce("(map MAP<K, V>, initialState S, reduce LAMBDA<S, K, V, S>) -> S", null_in=True)
def _reduce_map(mapping: dict[Any, Any] | None, state: Any, function: Callable[..., Any]) -> Any:
    if state is None or mapping is None:
        return state
    for key in hash_order(mapping):
        state = function(state, key, mapping[key])
    return state
