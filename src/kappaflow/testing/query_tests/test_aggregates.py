"""Aggregate functions that only query tests know: sums over several, variadic and literal arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.serde.types import BIGINT, DOUBLE, INTEGER, Array, DataType, Struct, StructField
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, State
from kappaflow.sql.functions.registry import FunctionRegistry, aggregate

Weigh = Callable[[tuple[Any, ...]], int]


def define_aggregates(registry: FunctionRegistry) -> None:
    """Add the aggregate functions of query tests."""
    _define_sums(registry)
    several = aggregate("MULTI_ARG", "Sums a number and lengths.", registry=registry)
    several("(first BIGINT, second STRING, init INT!, more STRING!...) -> BIGINT")(_seeded)
    four = aggregate("FOUR_ARG", "Sums a number and lengths.", registry=registry)
    four("(a BIGINT, b STRING, c STRING, d STRING, init INT!, more STRING!...) -> BIGINT")(_seeded)
    five = aggregate("FIVE_ARG", "Sums numbers and lengths.", registry=registry)
    five("(a BIGINT, b STRING, c STRING, d STRING, e INT, init INT!, more STRING!...) -> BIGINT")(_seeded)
    variadic = aggregate("VAR_ARG", "Sums a number and lengths.", registry=registry)
    variadic("(first BIGINT, more STRING...) -> BIGINT")(lambda call: _summed(0, _weigh))
    middle = aggregate("MID_VAR_ARG", "Sums a number, lengths and two literals.", registry=registry)
    middle("(first BIGINT, more STRING..., init INT!, extra INT!) -> BIGINT")(
        lambda call: _summed(sum(call.literals), _weigh)
    )
    generic = aggregate("GENERIC_VAR_ARG", "Collects the first of rows without NULL.", registry=registry)
    generic("(first A, second B, more C...) -> ARRAY<A>")(_collected)
    objects = aggregate("OBJ_COL_ARG", "Collects the first of rows without NULL.", registry=registry)
    objects("(first INT, more ANY...) -> ARRAY<INT>")(_collected)


def _define_sums(registry: FunctionRegistry) -> None:
    total = aggregate("TEST_UDAF", "Sums.", registry=registry)
    total("(val BIGINT) -> BIGINT")(lambda call: _plain_sum(BIGINT, 0))
    total("(val INT) -> BIGINT")(
        lambda call: _plain_sum(BIGINT, int(call.settings.get("ksql.functions.test_udaf.init", "0")))
    )
    total("(val DOUBLE) -> DOUBLE")(lambda call: _plain_sum(DOUBLE, 0.0))
    total("(val STRING, init STRING!) -> BIGINT")(lambda call: _summed(len(call.literals[0]), _weigh))
    total("(val STRUCT<A INT, B INT>) -> STRUCT<A INT, B INT>")(_struct_sum)


def _plain_sum(data_type: DataType, start: Any) -> Aggregation:
    return Aggregation(
        state_types=(data_type,),
        returns=data_type,
        initial=lambda: (start,),
        add=lambda values, state: state if values[0] is None else (state[0] + values[0],),
        undo=lambda values, state: state if values[0] is None else (state[0] - values[0],),
        merge=lambda left, right: (left[0] + right[0],),
        result=lambda state: state[0],
    )


def _weigh(values: tuple[Any, ...]) -> int:
    return sum(0 if v is None else len(v) if isinstance(v, str) else v for v in values)


def _seeded(call: AggregateCall) -> Aggregation:
    return _summed(call.literals[0] + sum(len(text) for text in call.literals[1:]), _weigh)


def _summed(start: int, weigh: Weigh) -> Aggregation:
    return Aggregation(
        state_types=(BIGINT,),
        returns=BIGINT,
        initial=lambda: (start,),
        add=lambda values, state: (state[0] + weigh(values),),
        merge=lambda left, right: (left[0] + right[0],),
        result=lambda state: state[0],
    )


def _struct_sum(call: AggregateCall) -> Aggregation:
    del call
    data_type = Struct((StructField("A", INTEGER), StructField("B", INTEGER)))

    def combine(sign: int) -> Callable[[dict[str, int] | None, State], State]:
        def apply(value: dict[str, int] | None, state: State) -> State:
            if value is None:
                return state
            return ({name: state[0][name] + sign * (value[name] or 0) for name in ("A", "B")},)

        return apply

    plus, minus = combine(1), combine(-1)
    return Aggregation(
        state_types=(data_type,),
        returns=data_type,
        initial=lambda: ({"A": 0, "B": 0},),
        add=lambda values, state: plus(values[0], state),
        undo=lambda values, state: minus(values[0], state),
        merge=lambda left, right: plus(left[0], right),
        result=lambda state: state[0],
    )


def _collected(call: AggregateCall) -> Aggregation:
    first = call.types[0]
    assert first is not None
    data_type = Array(first)

    def add(values: tuple[Any, ...], state: State) -> State:
        return state if any(value is None for value in values) else ([*state[0], values[0]],)

    return Aggregation(
        state_types=(data_type,),
        returns=data_type,
        initial=lambda: ([],),
        add=add,
        merge=lambda left, right: ([*left[0], *right[0]],),
        result=lambda state: state[0],
    )
