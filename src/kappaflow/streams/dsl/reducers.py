"""Reductions: values of a key folded into one of the same type, by a function, a known function or an expression.

reduce(lambda total, value: ..)                      a function: record by record
reduce({"n": col.left("n") + col.right("n")})         an expression: what there is on the left, the value on the right
reduce(max)                                           known for whole numbers, as are min and operator.add
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.kernel.fold_steps import step_of
from kappaflow.serde.shape import Shape
from kappaflow.serde.types import BIGINT
from kappaflow.streams.dsl.aggregators import ObjectAggregator
from kappaflow.streams.dsl.expression_folds import folding
from kappaflow.streams.dsl.expressions import Typed, value_serde_of
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.expressions.values import is_expression
from kappaflow.streams.functions import Fold
from kappaflow.streams.record import Record

Function = Callable[[Any, Any], Any]
Reducer = Function | Expression | Mapping[str, Any]
_KNOWN: tuple[tuple[Any, str], ...] = ((min, "min"), (max, "max"), (operator.add, "sum"))


def reducing(
    reducer: Reducer,
    subtractor: Reducer | None = None,
    *,
    of: Typed,
    whole_columns: bool = False,
) -> ObjectAggregator:
    """Return what folds values into one; the first value is the first aggregate.

    Args:
        subtractor: takes a row of a table back.
        of: the grouped stream or table.
        whole_columns: known functions fold whole columns; not in windows, which null values reach.

    Raises:
        UsageError: an expression makes other values than it reduces.
    """
    shape: Shape | None = getattr(value_serde_of(of), "shape", None)
    kind = next((kind for known, kind in _KNOWN if reducer is known), None)
    if kind is not None and subtractor is None and shape is not None and shape.is_whole and shape.types == (BIGINT,):
        return KnownReducer(kind, shape, whole_columns=whole_columns)
    functions = [_function(each, of) for each in (reducer, subtractor) if each is not None]
    made = ReducingAggregator(*functions)
    if all(is_expression(each) for each in (reducer, subtractor) if each is not None):
        made.shape = shape
    return made


class ReducingAggregator(ObjectAggregator):
    """Reduces by functions."""

    def __init__(self, reducer: Function, subtractor: Function | None = None) -> None:
        def add(_key: Any, value: Any, aggregate: Any) -> Any:
            return value if aggregate is None else reducer(aggregate, value)

        def subtract(_key: Any, value: Any, aggregate: Any) -> Any:
            assert subtractor is not None
            return subtractor(aggregate, value)

        def merge(key: Any, left: Any, right: Any) -> Any:
            return add(key, right, left)

        super().__init__(lambda: None, add, subtract if subtractor is not None else None, merge)


class KnownReducer(ReducingAggregator):
    """The least, the greatest or the sum of whole numbers; null values change nothing."""

    def __init__(self, kind: str, shape: Shape, *, whole_columns: bool) -> None:
        step = step_of(kind, str(BIGINT))
        super().__init__(lambda state, value: state if value is None else step(state, value))
        self.shape = shape
        self.folds = (Fold(kind, 0, BIGINT),) if whole_columns else None

    def inputs(self, batch: Any) -> Sequence[Any]:
        """Return the values."""
        return batch.value

    def results(self, state_columns: Sequence[Any]) -> list[Any]:
        """Return what was folded."""
        return list(state_columns)


def _function(given: Reducer, of: Typed) -> Function:
    if not is_expression(given):
        assert callable(given)
        return given
    serde = value_serde_of(of)
    if getattr(serde, "shape", None) is None or serde is None:
        raise UsageError(f"The values of {of.name} have no columns that expressions could reduce: name a serde.")
    function = folding(lambda: None, given, serde, of)
    return lambda left, right: function.add(None, Record(None, right, -1), left)
