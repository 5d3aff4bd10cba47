"""LATEST_BY_OFFSET and EARLIEST_BY_OFFSET: by order of arrival."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.serde.types import BOOLEAN, Array
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, State
from kappaflow.sql.functions.math import first_type
from kappaflow.sql.functions.registry import aggregate

_latest = aggregate(
    "LATEST_BY_OFFSET",
    "The last value, or the last n values; NULLs are left out unless `ignoreNulls` is false.",
    ("LATEST_BY_OFFSET(amount)", "LATEST_BY_OFFSET(amount, 2)"),
)
_earliest = aggregate(
    "EARLIEST_BY_OFFSET",
    "The first value, or the first n values; NULLs are left out unless `ignoreNulls` is false.",
    ("EARLIEST_BY_OFFSET(amount)", "EARLIEST_BY_OFFSET(amount, 2)"),
)


@_latest("(val T) -> T")
def latest(call: AggregateCall) -> Aggregation:
    """LATEST_BY_OFFSET(x)."""
    return _one(
        call,
        lambda old, new: old if new is None else new,
        lambda left, right: left if right is None else right,
        "latest",
    )


@_earliest("(val T) -> T")
def earliest(call: AggregateCall) -> Aggregation:
    """EARLIEST_BY_OFFSET(x)."""
    return _one(
        call,
        lambda old, new: new if old is None else old,
        lambda left, right: right if left is None else left,
        "earliest",
    )


def _one(
    call: AggregateCall, add: Callable[[Any, Any], Any], merge: Callable[[Any, Any], Any], fold: str
) -> Aggregation:
    data_type = first_type(call.types)
    return Aggregation(
        state_types=(data_type,),
        returns=data_type,
        initial=lambda: (None,),
        add=lambda values, state: (add(state[0], values[0]),),
        merge=lambda left, right: (merge(left[0], right[0]),),
        result=lambda state: state[0],
        folds=(fold,),
    )


@_latest("(val T, ignoreNulls BOOLEAN!) -> T")
def latest_nulls(call: AggregateCall) -> Aggregation:
    """LATEST_BY_OFFSET(x, ignoreNulls)."""
    if call.ignores_nulls(0):
        return latest(call)
    return _with_nulls(call, lambda old, new: new)


@_earliest("(val T, ignoreNulls BOOLEAN!) -> T")
def earliest_nulls(call: AggregateCall) -> Aggregation:
    """EARLIEST_BY_OFFSET(x, ignoreNulls)."""
    if call.ignores_nulls(0):
        return earliest(call)
    return _with_nulls(call, lambda old, new: old)


def _with_nulls(call: AggregateCall, choose: Callable[[State, State], State]) -> Aggregation:
    """The state is (value, whether there was any row)."""
    data_type = first_type(call.types)

    def merge(left: State, right: State) -> State:
        if not left[1]:
            return right
        return choose(left, right) if right[1] else left

    return Aggregation(
        state_types=(data_type, BOOLEAN),
        returns=data_type,
        initial=lambda: (None, False),
        add=lambda values, state: merge(state, (values[0], True)),
        merge=merge,
        result=lambda state: state[0],
        state_names=("VAL", "SEEN"),
    )


@_latest("(val T, n INT!) -> ARRAY<T>")
@_latest("(val T, n INT!, ignoreNulls BOOLEAN!) -> ARRAY<T>")
def latest_n(call: AggregateCall) -> Aggregation:
    """LATEST_BY_OFFSET(x, n[, ignoreNulls])."""
    return _several(call, lambda values, n: values[-n:])


@_earliest("(val T, n INT!) -> ARRAY<T>")
@_earliest("(val T, n INT!, ignoreNulls BOOLEAN!) -> ARRAY<T>")
def earliest_n(call: AggregateCall) -> Aggregation:
    """EARLIEST_BY_OFFSET(x, n[, ignoreNulls])."""
    return _several(call, lambda values, n: values[:n])


def _several(call: AggregateCall, cut: Callable[[list[Any], int], list[Any]]) -> Aggregation:
    data_type = Array(first_type(call.types))
    n = call.at_least_one(0, "earliestN and latestN")
    ignore_nulls = call.ignores_nulls(1)

    def add(values: tuple[Any, ...], state: State) -> State:
        if values[0] is None and ignore_nulls:
            return state
        return (cut([*state[0], values[0]], n),)

    return Aggregation(
        state_types=(data_type,),
        returns=data_type,
        initial=lambda: ([],),
        add=add,
        merge=lambda left, right: (cut([*left[0], *right[0]], n),),
        result=lambda state: state[0],
    )
