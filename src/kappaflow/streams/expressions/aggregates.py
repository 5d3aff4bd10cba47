"""Folds of expressions as the operators' aggregators: the aggregate is a row of named folds, or one fold.

The folds are those of the kernel (`kappaflow.kernel.fold_steps`), so a sum of whole numbers wraps around and texts are
ordered by UTF-16 units, as Java orders them.  A double of -0.0 counts as 0.0: state is kept as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.kernel.fold_columns import SUMMED_TYPES, TYPES
from kappaflow.kernel.fold_steps import start_of, step_of
from kappaflow.serde.shape import Shape, rows, whole
from kappaflow.serde.types import BIGINT, DOUBLE, DataType, Integer
from kappaflow.streams.batch import ArrowArray, Batch
from kappaflow.streams.expressions.binding import BoundConstant, BoundExpression, Inputs, Scope, bind
from kappaflow.streams.expressions.column_form import evaluate
from kappaflow.streams.expressions.nodes import Aggregate
from kappaflow.streams.expressions.operation import pc
from kappaflow.streams.expressions.row_form import compile_row
from kappaflow.streams.functions import Fold
from kappaflow.streams.record import Record

_NEVER_NULL = ("count", "sum")


class ExpressionAggregator:
    """Folds records.

    Args:
        given: one fold, or folds by name.

    Attributes:
        shape: of the aggregate.
        folds: one a column; None where a fold has no column form.
    """

    def __init__(
        self, given: Aggregate | Mapping[str, Aggregate], scope: Scope, *, merges: bool = False, undoes: bool = False
    ) -> None:
        named = given if isinstance(given, Mapping) else {"": given}
        self._names = list(named) if isinstance(given, Mapping) else None
        if not named:
            raise UsageError("An aggregate needs at least one fold, such as count() or col(..).sum().")
        inputs: list[BoundExpression] = []
        folds: list[Fold] = []
        for name, fold in named.items():
            folds.append(_fold(name, fold, scope, inputs))
        self._inputs = inputs
        self._folds = folds
        self._steps = [step_of(fold.kind, str(fold.type)) for fold in folds]
        self._starts = [start_of(fold.kind, str(fold.type)) for fold in folds]
        if merges and any(fold.kind not in ("count", "sum", "min", "max", "earliest", "latest") for fold in folds):
            raise UsageError("A fold of sessions has to be one that two sessions can be made one with.")
        if undoes and any(fold.kind not in _NEVER_NULL for fold in folds):
            raise UsageError("A fold of a table has to be one that takes rows back: a count or a sum.")
        types = [fold.type for fold in folds]
        self.shape: Shape = whole(types[0]) if self._names is None else rows(dict(zip(self._names, types, strict=True)))
        source = compile_row(inputs, ("record",), lambda s: f"({', '.join(s)},)" if s else "()", scope.variables)
        self._read = source if inputs else (lambda _record: ())

    @property
    def state_types(self) -> tuple[DataType, ...]:
        """The types of the folds."""
        return self.shape.types

    @property
    def folds(self) -> tuple[Fold, ...] | None:
        """One fold a column."""
        if self._names is None and self._folds[0].kind not in _NEVER_NULL:
            return None  # an aggregate that is null is deleted, which a column of states is not
        return tuple(self._folds)

    def _made(self, states: Sequence[Any]) -> Any:
        return states[0] if self._names is None else dict(zip(self._names, states, strict=True))

    def _states(self, state: Any) -> list[Any]:
        if self._names is None:
            return [state if state is not None else self._starts[0]]
        return list(self._starts) if state is None else [state[name] for name in self._names]

    def initial(self) -> Any:
        """Return the aggregate of no records."""
        return self._made(self._starts)

    def add(self, key: Any, record: Record, state: Any) -> Any:
        """Return the aggregate with one more record."""
        del key
        read = self._read(record)
        made: list[Any] = []
        for fold, step, before in zip(self._folds, self._steps, self._states(state), strict=True):
            if fold.kind == "count":
                made.append(step(before, fold.input is None or read[fold.input] is not None))
                continue
            value = read[fold.input] if fold.input is not None else None
            made.append(step(before, value + 0.0 if value is not None and fold.type == DOUBLE else value))
        return self._made(made)

    def undo(self, key: Any, record: Record, state: Any) -> Any:
        """Return the aggregate of a table without a row: counts and sums."""
        del key
        read = self._read(record)
        made: list[Any] = []
        for fold, before in zip(self._folds, self._states(state), strict=True):
            value = None if fold.input is None else read[fold.input]
            if fold.kind == "count":
                made.append(_wrapped(before - 1) if fold.input is None or value is not None else before)
            elif value is None:
                made.append(before)
            else:
                made.append(before - value if fold.type == DOUBLE else _wrapped(before - value))
        return self._made(made)

    def merge(self, key: Any, left: Any, right: Any) -> Any:
        """Return the aggregate of two sessions; `left` is the earlier."""
        del key
        made: list[Any] = []
        for fold, step, one, two in zip(self._folds, self._steps, self._states(left), self._states(right), strict=True):
            made.append(_wrapped(one + two) if fold.kind == "count" else step(one, two))
        return self._made(made)

    def result(self, state: Any) -> Any:
        """Return the aggregate."""
        return state

    def inputs(self, batch: Batch) -> Sequence[ArrowArray]:
        """Return the inputs of the folds as columns."""
        made: list[ArrowArray] = []
        for bound in self._inputs:
            column = evaluate(bound, Inputs(batch))
            made.append(pc.add(column, 0.0) if bound.type == DOUBLE else column)
        return made

    def results(self, state_columns: Sequence[ArrowArray]) -> list[ArrowArray]:
        """Return the columns of the aggregate."""
        return list(state_columns)


def _fold(name: str, fold: Any, scope: Scope, inputs: list[BoundExpression]) -> Fold:
    label = f"The aggregate {name}" if name else "The aggregate"
    if not isinstance(fold, Aggregate):
        raise UsageError(f"{label} is no fold: count(), or an expression's .sum(), .min(), .max(), .first(), .last().")
    if fold.of is None:
        return Fold("count", None, BIGINT)
    bound = bind(fold.of, scope)
    of = BIGINT if isinstance(bound.type, Integer) else bound.type
    if fold.kind != "count" and str(of) not in TYPES:
        raise UsageError(f"{label} folds {of}, but folds take plain values.")
    if fold.kind == "sum" and str(of) not in SUMMED_TYPES:
        raise UsageError(f"{label} is a sum of {of}, but sums take numbers.")
    if isinstance(bound, BoundConstant) and bound.value is None:
        raise UsageError(f"{label} folds nothing but None.")
    inputs.append(_long(bound) if isinstance(bound.type, Integer) else bound)
    return Fold(fold.kind, len(inputs) - 1, BIGINT if fold.kind == "count" else of)


def _long(bound: BoundExpression) -> BoundExpression:
    from kappaflow.streams.expressions.binding import BoundCall
    from kappaflow.streams.expressions.operation import Bound, as_long

    return BoundCall(Bound(BIGINT, "{0}", as_long), (bound,))


def _wrapped(number: int) -> int:
    from kappaflow.streams.expressions.operation import wrap

    return wrap(number)
