"""SUM, SUM_LIST and AVG."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as PyDecimal
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.serde.types import BIGINT, DOUBLE, Array, DataType, Decimal, Double, Integer
from kappaflow.sql.expressions.values import CONTEXT, divide_doubles, quantum, wrap_int, wrap_long
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, State
from kappaflow.sql.functions.math import first_type
from kappaflow.sql.functions.registry import aggregate

_sum = aggregate("SUM", "The sum of the values; 0 for none.", ("SUM(amount)",))
_avg = aggregate("avg", "The arithmetic mean of the values.", ("AVG(amount)",))
_sum_list = aggregate("sum_list", "The sum of all elements of all arrays.", ("SUM_LIST(tags)",))

Add = Callable[[Any, Any], Any]


def _adder(data_type: DataType) -> tuple[Any, Add, Add]:
    """Return zero, plus and minus of a numeric type."""
    match data_type:
        case Decimal():
            return PyDecimal(0), _checked(CONTEXT.add, data_type), _checked(CONTEXT.subtract, data_type)
        case Double():
            return 0.0, lambda a, b: a + b, lambda a, b: a - b
        case Integer():
            return 0, lambda a, b: wrap_int(a + b), lambda a, b: wrap_int(a - b)
        case _:
            return 0, lambda a, b: wrap_long(a + b), lambda a, b: wrap_long(a - b)


def _checked(operate: Add, data_type: Decimal) -> Add:
    digits = data_type.precision - data_type.scale
    unit = quantum(data_type.scale)

    def checked(left: Any, right: Any) -> Any:
        total = CONTEXT.quantize(operate(left, right), unit)
        if total and total.adjusted() >= digits:
            raise FunctionError("Numeric field overflow")
        return total

    return checked


@_sum("(val INT) -> INT")
@_sum("(val BIGINT) -> BIGINT")
@_sum("(val DOUBLE) -> DOUBLE")
@_sum("(val DECIMAL) -> DECIMAL", returns=first_type)
def sum_values(call: AggregateCall) -> Aggregation:
    """SUM(x)."""
    data_type = first_type(call.types)
    zero, plus, minus = _adder(data_type)
    if isinstance(data_type, Decimal):
        zero = CONTEXT.quantize(zero, quantum(data_type.scale))

    def add(values: tuple[Any, ...], state: State) -> State:
        return state if values[0] is None else (plus(state[0], values[0]),)

    def undo(values: tuple[Any, ...], state: State) -> State:
        return state if values[0] is None else (minus(state[0], values[0]),)

    return Aggregation(
        state_types=(data_type,),
        returns=data_type,
        initial=lambda: (zero,),
        add=add,
        undo=undo,
        merge=lambda left, right: (plus(left[0], right[0]),),
        result=lambda state: state[0],
        folds=None if isinstance(data_type, Decimal) else ("sum",),
    )


@_avg("(val INT) -> DOUBLE")
@_avg("(val BIGINT) -> DOUBLE")
@_avg("(val DOUBLE) -> DOUBLE")
def average(call: AggregateCall) -> Aggregation:
    """AVG(x)."""
    data_type = first_type(call.types)
    total_type = BIGINT if isinstance(data_type, Integer) else data_type
    zero, plus, minus = _adder(total_type)

    def add(values: tuple[Any, ...], state: State) -> State:
        return state if values[0] is None else (plus(state[0], values[0]), state[1] + 1)

    def undo(values: tuple[Any, ...], state: State) -> State:
        return state if values[0] is None else (minus(state[0], values[0]), state[1] - 1)

    def result(state: State) -> float:
        return divide_doubles(float(state[0]), float(state[1])) if state[1] else 0.0

    return Aggregation(
        state_types=(total_type, BIGINT),
        returns=DOUBLE,
        initial=lambda: (zero, 0),
        add=add,
        undo=undo,
        merge=lambda left, right: (plus(left[0], right[0]), left[1] + right[1]),
        result=result,
        folds=("sum", "count"),
        state_names=("SUM", "COUNT"),
    )


@_sum_list("(val ARRAY<INT>) -> INT")
@_sum_list("(val ARRAY<BIGINT>) -> BIGINT")
@_sum_list("(val ARRAY<DOUBLE>) -> DOUBLE")
def sum_elements(call: AggregateCall) -> Aggregation:
    """SUM_LIST(array)."""
    array = first_type(call.types)
    assert isinstance(array, Array)
    zero, plus, minus = _adder(array.element)

    def over(operate: Add) -> Callable[[tuple[Any, ...], State], State]:
        def fold(values: tuple[Any, ...], state: State) -> State:
            total = state[0]
            for element in values[0] or ():
                if element is not None:
                    total = operate(total, element)
            return (total,)

        return fold

    return Aggregation(
        state_types=(array.element,),
        returns=array.element,
        initial=lambda: (zero,),
        add=over(plus),
        undo=over(minus),
        merge=lambda left, right: (plus(left[0], right[0]),),
        result=lambda state: state[0],
    )
