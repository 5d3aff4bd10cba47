"""Which expressions have one value for all rows, so that they are evaluated once."""

from __future__ import annotations

from kappaflow.sql.ast.expressions import (
    ColumnReference,
    Expression,
    FunctionCall,
    IntervalUnit,
    Lambda,
    LambdaVariable,
)
from kappaflow.sql.ast.rewrite import walk
from kappaflow.sql.functions.registry import default_registry

_VARYING_NODES = (ColumnReference, LambdaVariable, Lambda, IntervalUnit)
_VARYING_FUNCTIONS = frozenset({"RANDOM", "UUID", "UNIX_DATE", "UNIX_TIMESTAMP"})


def is_constant(expression: Expression) -> bool:
    """Tell whether an expression has one value for all rows: no column, and no function that might vary.

    A function of a user might, so only those that ship with the product count.
    """
    for node in walk(expression):
        if isinstance(node, _VARYING_NODES):
            return False
        if isinstance(node, FunctionCall):
            name = node.name.upper()
            function = default_registry().get(name)
            if function is None or function.kind != "scalar" or name in _VARYING_FUNCTIONS:
                return False
    return True
