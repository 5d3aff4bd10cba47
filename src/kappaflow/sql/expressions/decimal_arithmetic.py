"""Arithmetic of DECIMALs: exact, or an error.

A quotient has at most as many digits as its type, and no more decimals; one that would have to be rounded, as of
1.0 / 3, has no value.  Source: java.math.BigDecimal with RoundingMode.UNNECESSARY.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal as PyDecimal

from kappaflow.errors import FunctionError
from kappaflow.serde.types import Decimal
from kappaflow.sql.ast.expressions import ArithmeticOperator
from kappaflow.sql.expressions.values import CONTEXT, quantum

Operation = Callable[[PyDecimal, PyDecimal], PyDecimal]
_EXACT: dict[ArithmeticOperator, Operation] = {
    ArithmeticOperator.ADD: CONTEXT.add,
    ArithmeticOperator.SUBTRACT: CONTEXT.subtract,
    ArithmeticOperator.MULTIPLY: CONTEXT.multiply,
}
_TRAPS = [decimal.Inexact, decimal.DivisionByZero, decimal.InvalidOperation, decimal.Overflow]
_UNROUNDED = decimal.Context(prec=CONTEXT.prec, Emax=CONTEXT.Emax, Emin=CONTEXT.Emin, traps=_TRAPS)


def decimal_operation(operator: ArithmeticOperator, result: Decimal) -> Operation:
    """Return the function behind an operator whose result is of a type."""
    exact = _EXACT.get(operator)
    if exact is not None:
        return exact
    return _division(result) if operator is ArithmeticOperator.DIVIDE else _remainder(result)


def _division(result: Decimal) -> Operation:
    context = decimal.Context(prec=result.precision, Emax=CONTEXT.Emax, Emin=CONTEXT.Emin, traps=_TRAPS)
    unit = quantum(result.scale)

    def divide(left: PyDecimal, right: PyDecimal) -> PyDecimal:
        try:
            return _UNROUNDED.quantize(context.divide(left, right), unit)
        except decimal.Inexact:
            raise FunctionError(f"Rounding necessary: {left} / {right} has no exact value in {result}") from None
        except ArithmeticError:
            raise FunctionError(f"Division by zero: {left} / {right}") from None

    return divide


def _remainder(result: Decimal) -> Operation:
    unit = quantum(result.scale)

    def remainder(left: PyDecimal, right: PyDecimal) -> PyDecimal:
        if not right:
            raise FunctionError(f"Division by zero: {left} % {right}")
        quotient = int(CONTEXT.divide_int(left, right))
        # Only as many leading digits of the quotient are found as the type has.
        excess = len(str(abs(quotient))) - result.precision
        if excess > 0 and quotient % 10**excess:
            raise FunctionError(f"Division impossible: {left} / {right} has more than {result.precision} digits")
        return CONTEXT.quantize(CONTEXT.remainder(left, right), unit)

    return remainder
