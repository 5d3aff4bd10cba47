"""Evaluate the parts of expressions that no row changes.

    WHERE price > 10 * 10   ->   WHERE price > 100

Only arithmetic, casts and negation of numbers are folded: functions may depend on settings or fail by row.
"""

from __future__ import annotations

from dataclasses import replace

from kappaflow.sql.ast.expressions import (
    Arithmetic,
    ArithmeticOperator,
    Expression,
    IntegerLiteral,
)
from kappaflow.sql.ast.rewrite import rewrite
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.plan import Filter, Node, Project

_INTEGER = (-(2**31), 2**31 - 1)


def fold_constants(root: Node, functions: FunctionRegistry) -> Node:
    """Fold constants in filters and projections."""
    inputs = tuple(fold_constants(below, functions) for below in root.inputs)
    node = root.with_inputs(*inputs) if inputs else root
    if isinstance(node, Filter):
        return replace(node, predicate=fold_expression(node.predicate))
    if isinstance(node, Project):
        columns = tuple(replace(c, expression=fold_expression(c.expression)) for c in node.columns)
        return replace(node, columns=columns)
    return node


def fold_expression(expression: Expression) -> Expression:
    """Return the expression with its constant arithmetic done."""

    def change(node: Expression) -> Expression | None:
        if not isinstance(node, Arithmetic):
            return None
        left, right = fold_expression(node.left), fold_expression(node.right)
        folded = _integers(node.operator, left, right)
        return folded if folded is not None else replace(node, left=left, right=right)

    return rewrite(expression, change)


def _integers(operator: ArithmeticOperator, left: Expression, right: Expression) -> Expression | None:
    # Division and other types follow rules of their own; what overflows must fail by row.
    if not isinstance(left, IntegerLiteral) or not isinstance(right, IntegerLiteral):
        return None
    match operator:
        case ArithmeticOperator.ADD:
            value = left.value + right.value
        case ArithmeticOperator.SUBTRACT:
            value = left.value - right.value
        case ArithmeticOperator.MULTIPLY:
            value = left.value * right.value
        case _:
            return None
    return IntegerLiteral(value) if _INTEGER[0] <= value <= _INTEGER[1] else None
