"""Arithmetic of DECIMALs: exact sums and products; quotients and remainders at the scale of their type."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from kappaflow.sql.ast.expressions import ArithmeticOperator
from kappaflow.sql.expressions.values import CONTEXT, quantum

Operation = Callable[[Decimal, Decimal], Decimal]
_EXACT: dict[ArithmeticOperator, Operation] = {
    ArithmeticOperator.ADD: CONTEXT.add,
    ArithmeticOperator.SUBTRACT: CONTEXT.subtract,
    ArithmeticOperator.MULTIPLY: CONTEXT.multiply,
}


def decimal_operation(operator: ArithmeticOperator, scale: int) -> Operation:
    """Return the function behind an operator whose result has a scale.

    ksqlDB gives NULL for a quotient that has no exact form; here it is rounded half up.
    """
    exact = _EXACT.get(operator)
    if exact is not None:
        return exact
    operate = CONTEXT.divide if operator is ArithmeticOperator.DIVIDE else CONTEXT.remainder
    unit = quantum(scale)
    return lambda left, right: CONTEXT.quantize(operate(left, right), unit)
