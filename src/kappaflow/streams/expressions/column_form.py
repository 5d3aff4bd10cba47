"""The column form: expressions as Arrow computations over batches."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from kappaflow.serde.arrow import arrow_type, values_to_array
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.expressions.binding import BoundColumn, BoundConstant, BoundExpression, Inputs
from kappaflow.streams.expressions.operation import NULL, pc


def evaluate(expression: BoundExpression, inputs: Inputs) -> ArrowArray:
    """Return an expression as one Arrow array, a value a row."""
    count = len(inputs.batch)
    if isinstance(expression, BoundConstant):
        if expression.type == NULL:
            return pa.nulls(count)
        return values_to_array([expression.value] * count, expression.type)
    made = _evaluate(expression, inputs)
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _evaluate(expression: BoundExpression, inputs: Inputs) -> Any:
    if isinstance(expression, BoundColumn):
        return expression.column(inputs)
    if isinstance(expression, BoundConstant):
        if expression.type == NULL:
            return pa.scalar(None)
        return pa.scalar(expression.value, arrow_type(expression.type))
    arguments = [_evaluate(each, inputs) for each in expression.arguments]
    if expression.bound.strict and any(isinstance(a, pa.Scalar) and not a.is_valid for a in arguments):
        return pa.nulls(len(inputs.batch), arrow_type(expression.type))
    return expression.bound.column(*arguments)


def truth(array: ArrowArray) -> Any:
    """Return a mask of the rows for which a condition is true."""
    return pc.fill_null(array, False).to_numpy(zero_copy_only=False)
