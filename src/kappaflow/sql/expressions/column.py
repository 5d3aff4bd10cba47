"""The column form: expressions over a `Batch`.

    compile_column([("A", expr), ..], scope, on_error) -> ColumnProgram    program.evaluate(batch) -> Arrow columns

    expression -> column_emitter: Arrow computations, and a mask of the rows that they leave undecided
               -> column_rows:    the row form, for those rows, and for expressions without computations

So every expression that reads only what batches carry has a column form, and its answers are the row form's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from kappaflow.errors import StatementError
from kappaflow.serde.arrow import values_to_array
from kappaflow.serde.types import Array as ArrayType
from kappaflow.serde.types import DataType, Decimal, Struct
from kappaflow.serde.types import Map as MapType
from kappaflow.sql.ast.expressions import Expression, FunctionCall
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.rewrite import walk
from kappaflow.sql.expressions.column_emitter import ColumnEmitter, Emitted, Unsupported
from kappaflow.sql.expressions.column_rows import NotInBatches, RowsOfBatch, rows_of
from kappaflow.sql.expressions.row import OnError, ignore_error
from kappaflow.sql.expressions.scope import Scope
from kappaflow.sql.expressions.typing import Typer
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.streams.batch import ArrowArray, Batch

_HANDS_ON = frozenset({"COALESCE", "GREATEST", "IFNULL", "LEAST"})


@dataclass(frozen=True, slots=True)
class _Computation:
    """One expression: its computations where it has some, and its row form."""

    columns: Emitted | None
    rows: RowsOfBatch

    def evaluate(self, batch: Batch) -> ArrowArray:
        """Return the expression as one Arrow column."""
        if self.columns is None:
            return self.rows.array(batch)
        result = self.columns.array(batch)
        mask = self.columns.undecided(batch)
        if mask is None:
            return result
        undecided = rows_of(mask)
        if not len(undecided):
            return result
        return _replaced(result, mask, self.rows, batch)


def _replaced(result: ArrowArray, mask: ArrowArray, rows: RowsOfBatch, batch: Batch) -> ArrowArray:
    data_type = rows.type
    assert data_type is not None
    undecided = rows_of(mask)
    replacements = rows.array(batch, undecided)
    if not _is_nested(data_type):
        arguments = [result, mask.fill_null(False), replacements.cast(result.type)]
        return pc.call_function("replace_with_mask", arguments)
    values = result.to_pylist()
    for position, value in zip(undecided.tolist(), replacements.to_pylist(), strict=True):
        values[position] = value
    return values_to_array(values, data_type)


def _is_nested(data_type: DataType) -> bool:
    return isinstance(data_type, ArrayType | MapType | Struct | Decimal)


@dataclass(frozen=True, slots=True)
class ColumnProgram:
    """Expressions that run over columns.

    Attributes:
        columnar: whether the column form exists.
        reason: why not, for EXPLAIN; empty when it does.
        by_rows: the expressions that are evaluated row by row within the column form, and why.
        computations: one per expression.
    """

    columnar: bool
    reason: str
    by_rows: tuple[str, ...] = ()
    computations: tuple[_Computation, ...] = ()

    def evaluate(self, batch: Batch) -> list[ArrowArray]:
        """Return one Arrow column per expression."""
        return [computation.evaluate(batch) for computation in self.computations]


def compile_column(
    expressions: Sequence[tuple[str, Expression]],
    scope: Scope,
    on_error: OnError = ignore_error,
    registry: FunctionRegistry | None = None,
) -> ColumnProgram:
    """Compile named expressions to their column form, where there is one."""
    typer = Typer(scope, registry)
    emitter = ColumnEmitter(typer)
    computations: list[_Computation] = []
    by_rows: list[str] = []
    for name, expression in expressions:
        if typer.type_of(expression) is None:
            return ColumnProgram(False, f"{format_expression(expression)} has no type")
        mixed = _mixed_scales(expression, typer)
        if mixed is not None:
            return ColumnProgram(False, f"{format_expression(mixed)} keeps the scale of the argument that it returns")
        try:
            rows = RowsOfBatch(name, expression, scope, on_error, registry)
        except NotInBatches as error:
            return ColumnProgram(False, str(error))
        columns: Emitted | None = None
        try:
            columns = emitter.column(expression)
        except (Unsupported, StatementError) as error:
            by_rows.append(f"{format_expression(expression)} ({error})")
        computations.append(_Computation(columns, rows))
    return ColumnProgram(True, "", tuple(by_rows), tuple(computations))


def _mixed_scales(expression: Expression, typer: Typer) -> FunctionCall | None:
    """Return a call that hands on, or may, one of several decimals as it is: a column has one scale for all rows."""
    for node in walk(expression):
        if isinstance(node, FunctionCall) and node.name.upper() in _HANDS_ON:
            try:
                types = {typer.type_of(argument) for argument in node.arguments} - {None}
            except StatementError:
                return node  # in a lambda, whose variables have no types here
            if len(types) > 1 and any(isinstance(type_, Decimal) for type_ in types):
                return node
    return None
