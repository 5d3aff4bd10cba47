"""COUNT."""

from __future__ import annotations

from typing import Any

from kappaflow.serde.types import BIGINT
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, State
from kappaflow.sql.functions.registry import aggregate

_count = aggregate("COUNT", "The number of rows, or of rows whose argument is not NULL.", ("COUNT(*)",))


def _merge(left: State, right: State) -> State:
    return (left[0] + right[0],)


@_count("() -> BIGINT")
def count_rows(call: AggregateCall) -> Aggregation:
    """COUNT(*)."""
    return Aggregation(
        state_types=(BIGINT,),
        returns=BIGINT,
        initial=lambda: (0,),
        add=lambda values, state: (state[0] + 1,),
        undo=lambda values, state: (state[0] - 1,),
        merge=_merge,
        result=lambda state: state[0],
        folds=("count",),
    )


@_count("(val ANY) -> BIGINT")
def count_values(call: AggregateCall) -> Aggregation:
    """COUNT(x)."""

    def add(values: tuple[Any, ...], state: State) -> State:
        return state if values[0] is None else (state[0] + 1,)

    def undo(values: tuple[Any, ...], state: State) -> State:
        return state if values[0] is None else (state[0] - 1,)

    return Aggregation(
        state_types=(BIGINT,),
        returns=BIGINT,
        initial=lambda: (0,),
        add=add,
        undo=undo,
        merge=_merge,
        result=lambda state: state[0],
        folds=("count",),
    )
