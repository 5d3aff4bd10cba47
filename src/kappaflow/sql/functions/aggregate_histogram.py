"""HISTOGRAM: how often each value came."""

from __future__ import annotations

from typing import Any

from kappaflow.serde.types import BIGINT, STRING, Map
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, State
from kappaflow.sql.functions.registry import aggregate

_histogram = aggregate(
    "histogram", "A map from each value to how often it came; at most 1000 values.", ("HISTOGRAM(name)",)
)
_MAX_VALUES = 1000
_TYPE = Map(STRING, BIGINT)


@_histogram("(val STRING) -> MAP<STRING, BIGINT>")
def histogram(call: AggregateCall) -> Aggregation:
    """HISTOGRAM(x)."""

    def add(values: tuple[Any, ...], state: State) -> State:
        counts, value = state[0], values[0]
        if value not in counts and len(counts) >= _MAX_VALUES:
            return state
        return ({**counts, value: counts.get(value, 0) + 1},)

    def undo(values: tuple[Any, ...], state: State) -> State:
        counts = dict(state[0])
        left = counts.pop(values[0], 0) - 1
        return ({**counts, values[0]: left} if left > 0 else counts,)

    def merge(left: State, right: State) -> State:
        counts = dict(left[0])
        for value, count in right[0].items():
            if value in counts or len(counts) < _MAX_VALUES:
                counts[value] = counts.get(value, 0) + count
        return (counts,)

    return Aggregation(
        state_types=(_TYPE,),
        returns=_TYPE,
        initial=lambda: ({},),
        add=add,
        undo=undo,
        merge=merge,
        result=lambda state: state[0],
    )
