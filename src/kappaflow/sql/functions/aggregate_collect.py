"""COLLECT_LIST and COLLECT_SET."""

from __future__ import annotations

from typing import Any

from kappaflow.serde.types import Array
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, State
from kappaflow.sql.functions.arrays import holds, same
from kappaflow.sql.functions.math import first_type
from kappaflow.sql.functions.registry import aggregate
from kappaflow.sql.property_values import integer_of

_list = aggregate(
    "collect_list",
    "All values as an array, NULLs included; `ksql.functions.collect_list.limit` caps it.",
    ("COLLECT_LIST(name)",),
)
_set = aggregate(
    "collect_set",
    "The distinct values as an array; `ksql.functions.collect_set.limit` caps it.",
    ("COLLECT_SET(name)",),
)
_NO_LIMIT = 2**31 - 1


def _limit(call: AggregateCall, function: str) -> int:
    name = f"ksql.functions.{function}.limit"
    value = call.settings.get(name)
    limit = _NO_LIMIT if value is None or value == "" else integer_of(name, value)
    return _NO_LIMIT if limit < 0 else limit


@_list("(val T) -> ARRAY<T>")
def collect_list(call: AggregateCall) -> Aggregation:
    """COLLECT_LIST(x)."""
    data_type = Array(first_type(call.types))
    limit = _limit(call, "collect_list")

    def add(values: tuple[Any, ...], state: State) -> State:
        return state if len(state[0]) >= limit else ([*state[0], values[0]],)

    def undo(values: tuple[Any, ...], state: State) -> State:
        """Take the last equal element out."""
        elements: list[Any] = list(state[0])
        for index in range(len(elements) - 1, -1, -1):
            if same(elements[index], values[0]):
                del elements[index]
                break
        return (elements,)

    return Aggregation(
        state_types=(data_type,),
        returns=data_type,
        initial=lambda: ([],),
        add=add,
        undo=undo,
        merge=lambda left, right: ([*left[0], *right[0]][:limit],),
        result=lambda state: state[0],
    )


@_set("(val T) -> ARRAY<T>")
def collect_set(call: AggregateCall) -> Aggregation:
    """COLLECT_SET(x)."""
    data_type = Array(first_type(call.types))
    limit = _limit(call, "collect_set")

    def add(values: tuple[Any, ...], state: State) -> State:
        elements = state[0]
        return state if len(elements) >= limit or holds(elements, values[0]) else ([*elements, values[0]],)

    def merge(left: State, right: State) -> State:
        state = left
        for element in right[0]:
            state = add((element,), state)
        return state

    return Aggregation(
        state_types=(data_type,),
        returns=data_type,
        initial=lambda: ([],),
        add=add,
        merge=merge,
        result=lambda state: state[0],
    )
