"""Variance, standard deviation, correlation, and the number of distinct values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kappaflow.serde.types import BIGINT, DOUBLE, Array, DataType
from kappaflow.sql.expressions.values import divide_doubles
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, State
from kappaflow.sql.functions.arrays import holds
from kappaflow.sql.functions.registry import aggregate

_variance = aggregate("STDDEV_SAMP", "The sample variance of the values.", ("STDDEV_SAMP(amount)",))
_deviation = aggregate("STDDEV_SAMPLE", "The sample standard deviation of the values.", ("STDDEV_SAMPLE(amount)",))
_correlation = aggregate(
    "correlation", "Pearson's correlation of two columns; NaN below two rows.", ("CORRELATION(amount, price)",)
)
_distinct = aggregate("COUNT_DISTINCT", "The number of distinct values that are not NULL.", ("COUNT_DISTINCT(name)",))


def _spread(finish: Callable[[float], float]) -> Callable[[AggregateCall], Aggregation]:
    """Return the factory of an aggregate over count, sum and sum of squared deviations.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances".
    """

    def add(values: tuple[Any, ...], state: State) -> State:
        if values[0] is None:
            return state
        value = float(values[0])
        count, total, deviation = state[0] + 1, state[1] + value, state[2]
        if count > 1:
            deviation += (count * value - total) ** 2 / (count * (count - 1))
        return (count, total, deviation)

    def undo(values: tuple[Any, ...], state: State) -> State:
        if values[0] is None:
            return state
        value = float(values[0])
        count, total, deviation = state
        if count > 1:
            deviation -= (count * value - total) ** 2 / (count * (count - 1))
        return (count - 1, total - value, deviation)

    def merge(left: State, right: State) -> State:
        counts = (left[0], right[0])
        if not all(counts):
            return left if left[0] else right
        gap = right[0] * left[1] - left[0] * right[1]
        deviation = left[2] + right[2] + gap * gap / (left[0] * right[0] * sum(counts))
        return (sum(counts), left[1] + right[1], deviation)

    def result(state: State) -> float:
        return 0.0 if state[0] < 2 else finish(state[2] / (state[0] - 1))

    def factory(call: AggregateCall) -> Aggregation:
        return Aggregation(
            state_types=(BIGINT, DOUBLE, DOUBLE),
            returns=DOUBLE,
            initial=lambda: (0, 0.0, 0.0),
            add=add,
            undo=undo,
            merge=merge,
            result=result,
            state_names=("COUNT", "SUM", "M2"),
        )

    return factory


def _added(left: State, right: State) -> State:
    return tuple(a + b for a, b in zip(left, right, strict=True))


for _type in ("INT", "BIGINT", "DOUBLE"):
    _variance(f"(val {_type}) -> DOUBLE")(_spread(lambda variance: variance))
    _deviation(f"(val {_type}) -> DOUBLE")(_spread(lambda variance: math.sqrt(max(variance, 0.0))))


def correlation(call: AggregateCall) -> Aggregation:
    """CORRELATION(x, y)."""

    def change(sign: int) -> Callable[[tuple[Any, ...], State], State]:
        def fold(values: tuple[Any, ...], state: State) -> State:
            if values[0] is None or values[1] is None:
                return state
            x, y = float(values[0]), float(values[1])
            return _added(state, (sign, sign * x, sign * y, sign * x * x, sign * y * y, sign * x * y))

        return fold

    def result(state: State) -> float:
        count, x, y, xx, yy, xy = state
        if count < 2:
            return math.nan
        spread = (count * xx - x * x) * (count * yy - y * y)
        # Below 0 by rounding alone: a column that does not vary has no correlation.
        return divide_doubles(count * xy - x * y, math.sqrt(spread)) if spread > 0 else math.nan

    return Aggregation(
        state_types=(BIGINT, DOUBLE, DOUBLE, DOUBLE, DOUBLE, DOUBLE),
        returns=DOUBLE,
        initial=lambda: (0, 0.0, 0.0, 0.0, 0.0, 0.0),
        add=change(1),
        undo=change(-1),
        merge=_added,
        result=result,
        state_names=("COUNT", "SUM_X", "SUM_Y", "SUM_XX", "SUM_YY", "SUM_XY"),
    )


for _type in ("INT", "BIGINT", "DOUBLE"):
    _correlation(f"(x {_type}, y {_type}) -> DOUBLE")(correlation)


@_distinct("(val T) -> BIGINT")
def count_distinct(call: AggregateCall) -> Aggregation:
    """COUNT_DISTINCT(x): exact; the state is the set of values."""
    element: DataType | None = call.types[0]
    assert element is not None

    def add(values: tuple[Any, ...], state: State) -> State:
        return state if values[0] is None or holds(state[0], values[0]) else ([*state[0], values[0]],)

    def merge(left: State, right: State) -> State:
        state = left
        for value in right[0]:
            state = add((value,), state)
        return state

    return Aggregation(
        state_types=(Array(element),),
        returns=BIGINT,
        initial=lambda: ([],),
        add=add,
        merge=merge,
        result=lambda state: len(state[0]),
    )
