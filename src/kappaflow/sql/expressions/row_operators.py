"""Python text of the operators: arithmetic, comparison, logic, IN and LIKE over operands that are already text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.serde.types import DOUBLE, Array, Bytes, DataType, Decimal, Double, Integer, String
from kappaflow.sql.ast.expressions import ArithmeticOperator, ComparisonOperator, LogicalOperator
from kappaflow.sql.expressions import values
from kappaflow.sql.expressions.decimal_arithmetic import decimal_operation
from kappaflow.sql.expressions.java_text import order_key
from kappaflow.sql.expressions.like import like_matcher
from kappaflow.sql.expressions.row_code import Code, FunctionText
from kappaflow.sql.types import arithmetic_type, as_decimal, comparison_type

Types = tuple[DataType | None, DataType | None]
"""Of the left and of the right operand."""

_ORDER = {
    ComparisonOperator.LESS_THAN: "<",
    ComparisonOperator.LESS_THAN_OR_EQUAL: "<=",
    ComparisonOperator.GREATER_THAN: ">",
    ComparisonOperator.GREATER_THAN_OR_EQUAL: ">=",
}
_QUOTIENTS = (ArithmeticOperator.DIVIDE, ArithmeticOperator.MODULUS)


def arithmetic(function: FunctionText, operator: ArithmeticOperator, operands: Sequence[Code], types: Types) -> Code:
    """Write ``left operator right`` of numbers, or the concatenation of strings."""
    result = arithmetic_type(operator, *types)
    if isinstance(result, String):
        return _concatenation(function, operands)
    if isinstance(result, Decimal):
        return _decimal_arithmetic(function, operator, operands, types, result)
    if isinstance(result, Double):
        return _double_arithmetic(function, operator, operands, types)
    return _integer_arithmetic(function, operator, operands, 32 if isinstance(result, Integer) else 64)


def _concatenation(function: FunctionText, operands: Sequence[Code]) -> Code:
    """Write ``left + right`` of strings, where NULL is the text ``null``."""
    parts: list[str] = []
    for operand in operands:
        if not operand.nullable:
            parts.append(operand.text)
            continue
        name = operand.text if operand.atom else function.temporary()
        test = name if operand.atom else f"({name} := {operand.text})"
        parts.append(f"('null' if {test} is None else {name})")
    return Code(f"({' + '.join(parts)})", False, any(operand.raises for operand in operands))


def _integer_arithmetic(
    function: FunctionText, operator: ArithmeticOperator, operands: Sequence[Code], bits: int
) -> Code:
    high = 2 ** (bits - 1) - 1
    wrap = function.constant(values.wrap_int if bits == 32 else values.wrap_long)
    if operator in _QUOTIENTS:
        divide = operator is ArithmeticOperator.DIVIDE
        name = function.constant(values.divide_integers if divide else values.remainder_integers)
        call = "{wrap}({name}({a}, {b}))" if divide else "{name}({a}, {b})"
        return function.computed(operands, lambda n: call.format(wrap=wrap, name=name, a=n[0], b=n[1]), raises=True)
    result = function.temporary()
    return function.computed(
        operands,
        lambda n: (
            f"{result} if {-high - 1} <= ({result} := {n[0]} {operator.value} {n[1]}) <= {high} else {wrap}({result})"
        ),
    )


def _double_arithmetic(
    function: FunctionText, operator: ArithmeticOperator, operands: Sequence[Code], types: Types
) -> Code:
    numbers = [function.converted(code, data_type, DOUBLE) for code, data_type in zip(operands, types, strict=True)]
    if operator in _QUOTIENTS:
        divide = operator is ArithmeticOperator.DIVIDE
        name = function.constant(values.divide_doubles if divide else values.remainder_doubles)
        return function.computed(numbers, lambda n: f"{name}({n[0]}, {n[1]})")
    return function.computed(numbers, lambda n: f"{n[0]} {operator.value} {n[1]}")


def _decimal_arithmetic(
    function: FunctionText, operator: ArithmeticOperator, operands: Sequence[Code], types: Types, result: Decimal
) -> Code:
    numbers = [
        function.converted(code, data_type, data_type and as_decimal(data_type))
        for code, data_type in zip(operands, types, strict=True)
    ]
    name = function.constant(decimal_operation(operator, result))
    return function.computed(numbers, lambda n: f"{name}({n[0]}, {n[1]})", raises=operator in _QUOTIENTS)


def negated(function: FunctionText, operand: Code, data_type: DataType | None) -> Code:
    """Write ``-operand``."""
    if isinstance(data_type, Double | Decimal):
        name = function.constant(values.CONTEXT.minus) if isinstance(data_type, Decimal) else "-"
        return function.computed([operand], lambda n: f"{name}({n[0]})")
    name = function.constant(values.wrap_int if isinstance(data_type, Integer) else values.wrap_long)
    return function.computed([operand], lambda n: f"{name}(-{n[0]})")


def comparison(function: FunctionText, operator: ComparisonOperator, operands: Sequence[Code], types: Types) -> Code:
    """Write a two-valued comparison: a NULL operand gives FALSE."""
    target = comparison_type(*types)
    of_decimals = any(isinstance(data_type, Decimal) for data_type in types)
    compared = [
        _exact(function, code, data_type) if of_decimals else function.converted(code, data_type, target)
        for code, data_type in zip(operands, types, strict=True)
    ]
    data_type = target or types[0] or types[1]
    if operator in (ComparisonOperator.IS_DISTINCT_FROM, ComparisonOperator.IS_NOT_DISTINCT_FROM):
        return _distinct(function, operator, compared, data_type)
    if operator is ComparisonOperator.EQUAL:
        return function.strict(compared, lambda n: f"{n[0]} == {n[1]}", when_null="False")
    if operator is ComparisonOperator.NOT_EQUAL:
        if isinstance(data_type, Double):
            name = function.constant(_doubles_differ)
            return function.strict(compared, lambda n: f"{name}({n[0]}, {n[1]})", when_null="False")
        return function.strict(compared, lambda n: f"{n[0]} != {n[1]}", when_null="False")
    sign = _ORDER[operator]
    if isinstance(data_type, String | Bytes):
        key = function.constant(order_key)
        return function.strict(compared, lambda n: f"{key}({n[0]}) {sign} {key}({n[1]})", when_null="False")
    return function.strict(compared, lambda n: f"{n[0]} {sign} {n[1]}", when_null="False")


def _exact(function: FunctionText, code: Code, data_type: DataType | None) -> Code:
    """Write a number for comparison with a DECIMAL: integers compare exactly as they are."""
    if not isinstance(data_type, Double):
        return code
    name = function.constant(values.double_to_decimal)
    return function.strict([code], lambda n: f"{name}({n[0]})", raises=True)


def _distinct(
    function: FunctionText, operator: ComparisonOperator, operands: Sequence[Code], data_type: DataType | None
) -> Code:
    first, second = operands
    is_distinct = operator is ComparisonOperator.IS_DISTINCT_FROM
    text = f"{first.text} {'!=' if is_distinct else '=='} {second.text}"
    if isinstance(data_type, Double):
        name = function.constant(_doubles_are_distinct)
        text = f"{'' if is_distinct else 'not '}{name}({first.text}, {second.text})"
    return Code(f"({text})", False, first.raises or second.raises)


def logical(function: FunctionText, operator: LogicalOperator, left: Code, right: Code) -> Code:
    """Write AND or OR; a NULL on the left gives NULL, whatever stands on the right."""
    word = "and" if operator is LogicalOperator.AND else "or"
    nullable = left.nullable or right.nullable
    raises = left.raises or right.raises
    if not left.nullable:
        return Code(f"({left.text} {word} {right.text})", nullable, raises)
    name = left.text if left.atom else function.temporary()
    test = f"{name} is None" if left.atom else f"({name} := {left.text}) is None"
    return Code(f"(None if {test} else {name} {word} {right.text})", True, raises)


def among(function: FunctionText, needle: Code, items: Sequence[Code], data_type: DataType | None) -> Code:
    """Write ``needle IN (items)``, all of one type; a NULL item is no item."""
    codes = [code for code in items if not code.is_null]
    if not codes:
        return Code("False", False, False, True, False)
    if all(code.is_constant for code in codes):
        members = [code.constant for code in codes]
        hashable = not isinstance(data_type, Array) and all(map(_is_hashable, members))
        name = function.constant(frozenset(members) if hashable else members)
        return function.strict([needle], lambda n: f"{n[0]} in {name}", when_null="False")
    listed = f"({', '.join(code.text for code in codes)},)"
    # `in` finds a NaN that is the same object; whether it is, is an accident.
    test = function.constant(values.is_among) if isinstance(data_type, Double) else ""
    return function.strict(
        [needle],
        lambda n: f"{test}({n[0]}, {listed})" if test else f"{n[0]} in {listed}",
        raises=any(code.raises for code in codes),
        when_null="False",
    )


def condition(function: FunctionText, code: Code) -> Code:
    """Write the condition of a CASE branch: NULL is an error."""
    if not code.nullable:
        return code
    name = function.constant(_met)
    return Code(f"{name}({code.text})", False, True)


def like(function: FunctionText, subject: Code, pattern: Code, escape: str | None) -> Code:
    """Write ``subject LIKE pattern``; a known pattern is compiled once."""
    if pattern.is_constant and isinstance(pattern.constant, str):
        name = function.constant(like_matcher(pattern.constant, escape))
        return function.strict([subject], lambda n: f"{name}({n[0]}) is not None")
    name = function.constant(lambda text, like: like_matcher(like, escape)(text) is not None)
    return function.strict([subject, pattern], lambda n: f"{name}({n[0]}, {n[1]})")


def _met(condition: bool | None) -> bool:
    if condition is None:
        raise FunctionError("a condition of CASE is NULL")
    return condition


def _doubles_differ(left: float, right: float) -> bool:
    return left < right or left > right


def _doubles_are_distinct(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is not right
    return _doubles_differ(left, right)


def _is_hashable(value: Any) -> bool:
    return not isinstance(value, list | dict)
