"""Aggregate calls of one GROUP BY as an Aggregator of kappaflow.streams.

The state row of a group, and the value that is forwarded for it:

    state    column 1 .. column n | state columns of call 1 | state columns of call 2 | ..
    result   column 1 .. column n | result of call 1        | result of call 2        | ..

The columns are the non-aggregate expressions: they keep what the last record said, NULL included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kappaflow.errors import StatementError
from kappaflow.serde.types import DataType
from kappaflow.sql.ast.expressions import Expression, FunctionCall
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.expressions.column import ColumnProgram, compile_column
from kappaflow.sql.expressions.constants import fold_constant
from kappaflow.sql.expressions.row import OnError, RowFunction, compile_row, ignore_error
from kappaflow.sql.expressions.scope import Scope
from kappaflow.sql.expressions.typing import Typer
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, State
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.streams.batch import ArrowArray, Batch
from kappaflow.streams.functions import Fold
from kappaflow.streams.record import Record


@dataclass(frozen=True, slots=True)
class BoundAggregate:
    """An aggregate call with its steps, and the arguments that are evaluated for each record."""

    aggregation: Aggregation
    arguments: tuple[Expression, ...]


def bind_aggregate(
    call: FunctionCall,
    scope: Scope,
    registry: FunctionRegistry | None = None,
    settings: Mapping[str, str] | None = None,
) -> BoundAggregate:
    """Resolve an aggregate call: overload, literal arguments, coerced column arguments.

    Raises:
        StatementError: the call does not fit, or a literal argument is not one.
    """
    from kappaflow.sql.ast.expressions import Cast

    typer = Typer(scope, registry)
    resolved = typer.call(call)
    parameters = resolved.overload.signature.expand(len(call.arguments))
    assert parameters is not None
    literals: list[Any] = []
    arguments: list[Expression] = []
    for index, (parameter, argument) in enumerate(zip(parameters, call.arguments, strict=True)):
        wanted = resolved.types[index]
        if parameter.literal:
            try:
                literals.append(fold_constant(argument, wanted))
            except StatementError:
                raise StatementError(
                    f"Parameter {index + 1} passed to function {resolved.function.name} must be a literal "
                    f"constant, but was expression: '{format_expression(argument)}'",
                    at=argument.position,
                ) from None
            continue
        if wanted is not None and typer.type_of(argument) != wanted:
            argument = Cast(argument, wanted)
        arguments.append(argument)
    factory = resolved.overload.implementation
    bound = factory(AggregateCall(resolved.types, tuple(literals), dict(settings or {})))
    return BoundAggregate(bound, tuple(arguments))


class SqlAggregator:
    """Folds the records of a key.

    Attributes:
        types: types of the result: the columns, then one per call.
        intermediate_types: what the value format has to hold between records, one per call.
        can_undo: whether rows of a table can be taken back.
    """

    def __init__(
        self,
        calls: Sequence[FunctionCall],
        columns: Sequence[tuple[str, Expression]],
        scope: Scope,
        settings: Mapping[str, str] | None,
        on_error: OnError,
        registry: FunctionRegistry | None,
    ) -> None:
        bound = [bind_aggregate(call, scope, registry, settings) for call in calls]
        inputs: list[tuple[str, Expression]] = list(columns)
        self._aggregations: list[tuple[Aggregation, slice, slice]] = []
        state_start = len(columns)
        for call, item in zip(calls, bound, strict=True):
            name = format_expression(call)
            values = slice(len(inputs), len(inputs) + len(item.arguments))
            inputs += [(name, argument) for argument in item.arguments]
            state = slice(state_start, state_start + len(item.aggregation.state_types))
            state_start = state.stop
            self._aggregations.append((item.aggregation, values, state))
        self._width = len(columns)
        program = compile_row(inputs, scope, on_error, registry)
        self._program = program
        column_types = tuple(
            _known(data_type, name) for data_type, (name, _) in zip(program.types, columns, strict=False)
        )
        self._set_types(column_types)
        self._calls = calls
        # What is compiled later calls the functions that there are now: a running query keeps its code.
        self._parts = inputs, scope, on_error, registry.fixed() if registry else None

    @cached_property
    def _inputs(self) -> RowFunction:
        return self._program.function

    @cached_property
    def _columns(self) -> ColumnProgram:
        return compile_column(*self._parts)

    @property
    def folds(self) -> tuple[Fold, ...] | None:
        """One fold per state column, or None when only the row form can do it."""
        return self._columnar_folds

    @cached_property
    def _columnar_folds(self) -> tuple[Fold, ...] | None:
        folds = self._make_folds()
        return folds if folds is not None and self._columns.columnar else None

    @property
    def reason(self) -> str:
        """Why there is no column form, empty when there is one."""
        return self._without_fold() or self._columns.reason

    @property
    def by_rows(self) -> tuple[str, ...]:
        """The expressions that are evaluated row by row within the column form, and why."""
        return () if self._without_fold() else self._columns.by_rows

    def _without_fold(self) -> str:
        names = [
            format_expression(call)
            for call, (aggregation, _, _) in zip(self._calls, self._aggregations, strict=True)
            if aggregation.folds is None
        ]
        if not names:
            return ""
        return f"{' and '.join(names)} has no fold" if len(names) == 1 else f"{' and '.join(names)} have no fold"

    def _set_types(self, column_types: tuple[DataType, ...]) -> None:
        parts = [aggregation for aggregation, _, _ in self._aggregations]
        self._state_types = column_types + tuple(t for part in parts for t in part.state_types)
        self.types: tuple[DataType, ...] = column_types + tuple(part.returns for part in parts)
        self._initial: State = (None,) * self._width + tuple(v for part in parts for v in part.initial())

    def _make_folds(self) -> tuple[Fold, ...] | None:
        folds = [Fold("last", index, self._state_types[index]) for index in range(self._width)]
        for aggregation, values, _ in self._aggregations:
            if aggregation.folds is None:
                return None
            source = values.start if values.stop > values.start else None
            for kind, data_type in zip(aggregation.folds, aggregation.state_types, strict=True):
                folds.append(Fold(kind, source, data_type))
        return tuple(folds)

    @property
    def state_types(self) -> tuple[DataType, ...]:
        """The types of the state row."""
        return self._state_types

    def initial(self) -> State:
        """Return the state row of a key without records."""
        return self._initial

    def add(self, key: Any, record: Record, state: State) -> State:
        """Return the state after one more record.

        Raises:
            FunctionError: an aggregate cannot hold the result (a DECIMAL sum overflows).
        """
        values = self._inputs(record)
        result = values[: self._width]
        for aggregation, arguments, part in self._aggregations:
            result += aggregation.add(values[arguments], state[part])
        return result

    def undo(self, key: Any, record: Record, state: State) -> State:
        """Return the state after a record of a table was taken back."""
        values = self._inputs(record)
        result = values[: self._width]
        for aggregation, arguments, part in self._aggregations:
            assert aggregation.undo is not None, "the planner refuses such aggregates on tables"
            result += aggregation.undo(values[arguments], state[part])
        return result

    def merge(self, key: Any, left: State, right: State) -> State:
        """Return the state of two sessions that became one; columns are those of `right`."""
        result = right[: self._width]
        for aggregation, _, part in self._aggregations:
            result += aggregation.merge(left[part], right[part])
        return result

    def result(self, state: State) -> State:
        """Return the columns and the results of the calls."""
        return state[: self._width] + tuple(
            aggregation.result(state[part]) for aggregation, _, part in self._aggregations
        )

    def inputs(self, batch: Batch) -> Sequence[ArrowArray]:
        """Return the inputs of the folds as columns."""
        return self._columns.evaluate(batch)

    def results(self, state_columns: Sequence[ArrowArray]) -> list[ArrowArray]:
        """Return the columns and the results of the calls, as columns."""
        from kappaflow.serde.arrow import values_to_array

        columns = list(state_columns[: self._width])
        for aggregation, _, part in self._aggregations:
            states = state_columns[part]
            if len(states) == 1:
                columns.append(states[0])
                continue
            rows = zip(*(column.to_pylist() for column in states), strict=True)
            columns.append(values_to_array([aggregation.result(row) for row in rows], aggregation.returns))
        return columns


def _known(data_type: DataType | None, name: str) -> DataType:
    if data_type is None:
        raise StatementError(f"Can't infer a type of null: {name}. Cast it to a type.")
    return data_type


def make_aggregator(
    calls: Sequence[FunctionCall],
    columns: Sequence[tuple[str, Expression]],
    scope: Scope,
    *,
    settings: Mapping[str, str] | None = None,
    on_error: OnError = ignore_error,
    registry: FunctionRegistry | None = None,
) -> SqlAggregator:
    """Make the aggregator of a GROUP BY.

    Args:
        calls: the aggregate calls, in order of their results.
        columns: the non-aggregate expressions that the result carries.
        scope: where the columns of the grouped records live.
        settings: session properties that configure functions.
        on_error: told about every error of an argument.
        registry: functions in reach.

    Raises:
        StatementError: a call or an expression is wrong.
    """
    return SqlAggregator(calls, columns, scope, settings, on_error, registry)


def supports_undo(call: FunctionCall, scope: Scope, registry: FunctionRegistry | None = None) -> bool:
    """Tell whether an aggregate call can take back the rows of a table.

    Raises:
        StatementError: the call is wrong.
    """
    return bind_aggregate(call, scope, registry).aggregation.undo is not None


def intermediate_type(call: FunctionCall, scope: Scope, registry: FunctionRegistry | None = None) -> DataType:
    """Return what the value format has to hold for a call between records.

    Raises:
        StatementError: the call is wrong.
    """
    return bind_aggregate(call, scope, registry).aggregation.intermediate_type
