"""Comparisons of row times and window bounds with text.

WHERE ROWTIME >= '2020-01-01T00:00:00'   ->   WHERE ROWTIME >= 1577836800000
"""

from __future__ import annotations

from dataclasses import replace

from kappaflow.errors import FunctionError, StatementError
from kappaflow.sql.analyzer.scope import WINDOW_BOUNDS
from kappaflow.sql.ast.expressions import (
    Between,
    ColumnReference,
    Comparison,
    Expression,
    LongLiteral,
    StringLiteral,
)
from kappaflow.sql.ast.rewrite import rewrite
from kappaflow.sql.expressions.times import millis_of

_TIMES = frozenset({"ROWTIME", *WINDOW_BOUNDS})


def convert_timestamps(expression: Expression) -> Expression:
    """Replace the texts that row times and window bounds are compared with by milliseconds.

    Raises:
        StatementError: a text is no time.
    """

    def change(node: Expression) -> Expression | None:
        if isinstance(node, Comparison) and (_is_time(node.left) or _is_time(node.right)):
            return replace(node, left=_convert(node.left), right=_convert(node.right))
        if isinstance(node, Between) and _is_time(node.operand):
            return replace(node, low=_convert(node.low), high=_convert(node.high))
        return None

    return rewrite(expression, change)


def _is_time(expression: Expression) -> bool:
    return isinstance(expression, ColumnReference) and expression.name in _TIMES


def _convert(expression: Expression) -> Expression:
    if not isinstance(expression, StringLiteral):
        return expression
    try:
        return LongLiteral(millis_of(expression.value), position=expression.position)
    except FunctionError as error:
        raise StatementError(str(error), at=expression.position) from None
