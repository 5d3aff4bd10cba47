"""Expressions as the operators' predicates, mappers, flat mappers, joiners and time extractors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kappaflow.errors import UsageError
from kappaflow.serde.shape import Shape, rows, whole
from kappaflow.serde.types import BIGINT, BOOLEAN, STRING, Array
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.columns.batches import both, plain
from kappaflow.streams.expressions.binding import Inputs, Scope, bind
from kappaflow.streams.expressions.column_form import evaluate, truth
from kappaflow.streams.expressions.nodes import Aggregate, Expression, lit
from kappaflow.streams.expressions.operation import NULL
from kappaflow.streams.expressions.row_form import compile_row
from kappaflow.streams.functions import ExtractedTimes
from kappaflow.streams.record import Record

Given = Expression | Mapping[str, Any]


def is_expression(given: Any) -> bool:
    """Tell whether something is made of expressions, not a function."""
    return isinstance(given, Expression | Mapping | Aggregate)


class _Made:
    """What expressions make: a plain value, or a row of named columns.

    Attributes:
        shape: of what they make.
    """

    def __init__(self, given: Given, scope: Scope, what: str) -> None:
        named = given if isinstance(given, Mapping) else {"": given}
        self.bound = [bind(lit(each), scope) for each in named.values()]
        types = dict(zip(named, (each.type for each in self.bound), strict=True))
        for name, data_type in types.items():
            if data_type == NULL:
                raise UsageError(f"{what} {name} is always None; say of what type: lit(0).cast(..) or leave it out.")
        self.shape: Shape = rows(types) if isinstance(given, Mapping) else whole(types[""])
        if not self.shape.columns:
            raise UsageError(f"{what} has no columns.")
        self.is_row = isinstance(given, Mapping)

    def result(self, sources: Sequence[str]) -> str:
        """Return the source of the value."""
        if not self.is_row:
            return sources[0]
        return "{" + ", ".join(f"{n!r}: {s}" for n, s in zip(self.shape.names, sources, strict=True)) + "}"

    def columns(self, inputs: Inputs) -> tuple[list[ArrowArray], Mask | None]:
        """Return the columns, and where a plain value is there."""
        made = [evaluate(each, inputs) for each in self.bound]
        if self.is_row or not made[0].null_count:
            return made, None
        return made, made[0].is_valid().to_numpy(zero_copy_only=False)


class ExpressionPredicate:
    """Keeps records for which a condition is true; one that is null is not."""

    columnar = True

    def __init__(self, condition: Expression, scope: Scope, *, negated: bool = False) -> None:
        self._bound = bind(condition, scope)
        if self._bound.type != BOOLEAN:
            raise UsageError(f"A condition is true or false; this one is {self._bound.type}.")
        wanted = "False" if negated else "True"
        self._negated = negated
        self.row = compile_row([self._bound], ("record",), lambda s: f"({s[0]}) is {wanted}", scope.variables)

    def column(self, batch: Batch) -> Mask:
        """Return a mask of the rows that are kept."""
        array = evaluate(self._bound, Inputs(batch))
        if self._negated:
            from kappaflow.streams.expressions.operation import pc

            array = pc.invert(array)
        return truth(array)


class ExpressionMapper:
    """Makes values of records: a plain one, or a row of columns.

    Args:
        keeps_null: a null value stays null, as `map_values` has it; keys are made of null values as well.

    Attributes:
        shape: of what it makes.
    """

    columnar = True

    def __init__(self, given: Given, scope: Scope, what: str, *, keeps_null: bool) -> None:
        self._made = _Made(given, scope, what)
        self.shape = self._made.shape
        self._keeps_null = keeps_null
        guard = ("if record.value is None: return None",) if keeps_null else ()
        self.row = compile_row(self._made.bound, ("record",), self._made.result, (*guard, *scope.variables))

    def column(self, batch: Batch) -> tuple[list[ArrowArray], Mask | None]:
        """Return the new columns and the mask of rows that are there."""
        columns, valid = self._made.columns(Inputs(batch))
        return columns, both(valid, batch.value_valid if self._keeps_null else None)


class ExpressionTopic:
    """Chooses the topic of each record; null is none."""

    def __init__(self, given: Expression, scope: Scope) -> None:
        self._bound = bind(given, scope)
        if self._bound.type != STRING:
            raise UsageError(f"A topic's name is a text, such as col('kind') + '-events'; this is {self._bound.type}.")
        self._row = compile_row([self._bound], ("record",), lambda sources: sources[0], scope.variables)

    def __call__(self, record: Record) -> str | None:
        """Return the topic of a record."""
        return self._row(record)

    def column(self, batch: Batch) -> ArrowArray:
        """Return the topics of rows, null where a row has none."""
        return plain(evaluate(self._bound, Inputs(batch)))


class ExpressionFlatMapper:
    """Makes any number of values of records: the elements of a list; null and an empty list give none."""

    columnar = True

    def __init__(self, given: Expression, scope: Scope) -> None:
        self._bound = bind(given, scope)
        of = self._bound.type
        if not isinstance(of, Array):
            raise UsageError(f"flat_map_values takes a list, such as col.value.split(); this is {of}.")
        self.shape = whole(of.element)
        self.row = compile_row([self._bound], ("record",), lambda s: f"({s[0]}) or []", scope.variables)

    def lists(self, batch: Batch) -> ArrowArray:
        """Return a list a row."""
        return evaluate(self._bound, Inputs(batch))


class ExpressionJoiner:
    """Makes the values of joined records.

    Attributes:
        shape: of what it makes.
    """

    columnar = True

    def __init__(self, given: Given, scope: Scope, what: str) -> None:
        self._made = _Made(given, scope, what)
        self.shape = self._made.shape
        self.row = compile_row(self._made.bound, ("k", "l", "r"), self._made.result)

    def column(
        self, batch: Batch, right: Sequence[ArrowArray], right_valid: Mask | None
    ) -> tuple[list[ArrowArray], Mask | None]:
        """Return the joined columns and the mask of rows that are there."""
        return self._made.columns(Inputs(batch, list(right), right_valid))


class ExpressionTime:
    """Takes the time of records from a column; null drops the record, as a negative time does."""

    columnar = True

    def __init__(self, given: Expression, scope: Scope) -> None:
        self._bound = bind(given, scope)
        if self._bound.type != BIGINT:
            raise UsageError(f"A time is a whole number of milliseconds; this is {self._bound.type}.")
        self._row = compile_row([self._bound], ("record",), None, scope.variables)

    def extract(self, record: Record, partition_time: int) -> int:
        """Return the time of a record."""
        del partition_time
        found = self._row(record)
        return -1 if found is None else found

    def column(self, batch: Batch) -> ExtractedTimes:
        """Return the times of rows."""
        array = evaluate(self._bound, Inputs(batch)).fill_null(-1)
        return ExtractedTimes(np.array(array.to_numpy(zero_copy_only=False), np.int64), {})
