"""Compiled expressions as the user logic of operators (kappaflow.streams.functions).

    make_predicate(expression, scope)                                   WHERE, HAVING       -> SqlPredicate
    make_mapper([(name, expression), ..], scope)                        SELECT, PARTITION BY -> SqlMapper
    make_key_mapper([(name, expression), ..], scope)                    GROUP BY keys       -> SqlMapper, None for a
                                                                        row with a NULL among its keys
    make_flat_mapper([(name, expression), ..], scope)                   SELECT with table functions
    make_aggregator(calls, [(name, expression), ..], scope, settings=)  GROUP BY            -> SqlAggregator
    supports_undo(call, scope, registry), intermediate_type(call, scope, registry)          about one aggregate call
    evaluate_constant(expression, column type, column name, registry)   INSERT VALUES       -> the value

All take the same keywords: `on_error(expression name, error, record)`, told about every error of a row
(default: dropped), and `registry`, the functions in reach (default: the built-in ones).  All raise
`StatementError` while they are built, never for a row.  Types of the results: attribute `types`.

Records carry plain values here: operators on table edges hand over the new and the old value of a `Change`
as records of their own.  A null value reads as NULL columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from kappaflow.errors import StatementError
from kappaflow.serde.types import Boolean, DataType
from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.expressions.aggregator import (
    SqlAggregator,
    intermediate_type,
    make_aggregator,
    supports_undo,
)
from kappaflow.sql.expressions.column import ColumnProgram, compile_column
from kappaflow.sql.expressions.constants import evaluate_constant
from kappaflow.sql.expressions.flat_mapper import SqlFlatMapper, make_flat_mapper
from kappaflow.sql.expressions.row import OnError, RowFunction, RowProgram, compile_row, ignore_error
from kappaflow.sql.expressions.scope import Scope
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.types import type_text
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.record import Record

__all__ = [
    "SqlAggregator",
    "SqlFlatMapper",
    "SqlMapper",
    "SqlPredicate",
    "evaluate_constant",
    "intermediate_type",
    "make_aggregator",
    "make_flat_mapper",
    "make_key_mapper",
    "make_mapper",
    "make_predicate",
    "supports_undo",
]


class _TwoForms:
    """Expressions in their row form and their column form; each is compiled when it is first asked for."""

    def __init__(
        self,
        program: RowProgram,
        expressions: Sequence[tuple[str, Expression]],
        scope: Scope,
        on_error: OnError,
        registry: FunctionRegistry | None,
    ) -> None:
        self._program = program
        # What is compiled later calls the functions that there are now: a running query keeps its code.
        self._parts = expressions, scope, on_error, registry.fixed() if registry else None

    @cached_property
    def _function(self) -> RowFunction:
        return self._program.function

    @cached_property
    def _columns(self) -> ColumnProgram:
        return compile_column(*self._parts)

    @property
    def columnar(self) -> bool:
        """Whether the column form exists."""
        return self._columns.columnar

    @property
    def reason(self) -> str:
        """Why the column form does not exist; empty when it does."""
        return self._columns.reason

    @property
    def by_rows(self) -> tuple[str, ...]:
        """The expressions that are evaluated row by row within the column form, and why."""
        return self._columns.by_rows


class SqlPredicate(_TwoForms):
    """Keeps the records for which an expression is true; false, NULL and errors drop them."""

    def __init__(
        self,
        expression: Expression,
        scope: Scope,
        clause: str,
        on_error: OnError,
        registry: FunctionRegistry | None,
    ) -> None:
        program = _compile_predicate(expression, scope, clause, on_error, registry)
        super().__init__(program, [(clause, expression)], scope, on_error, registry)

    def row(self, record: Record) -> bool:
        """Tell whether the record is kept."""
        return self._function(record)[0] is True

    def column(self, batch: Batch) -> Mask:
        """Return a mask of the rows that are kept."""
        (kept,) = self._columns.evaluate(batch)
        return kept.fill_null(False).to_numpy(zero_copy_only=False)


def _compile_predicate(
    expression: Expression, scope: Scope, clause: str, on_error: OnError, registry: FunctionRegistry | None
) -> RowProgram:
    try:
        program = compile_row([(clause, expression)], scope, on_error, registry)
    except StatementError as error:
        text = str(error)
        if text.startswith(("column '", "Can't find any functions")):
            raise
        raise error.within(f"Error in {clause} expression: {error}") from None
    if not isinstance(program.types[0], Boolean):
        raise StatementError(
            f"Type error in {clause} expression: Should evaluate to boolean but is "
            f"{format_expression(expression)} ({type_text(program.types[0])}) instead."
        )
    return program


class SqlMapper(_TwoForms):
    """Makes a tuple of expressions from a record.

    Attributes:
        types: one per expression, None for a bare NULL.
    """

    def __init__(
        self,
        expressions: Sequence[tuple[str, Expression]],
        scope: Scope,
        null_row: bool,
        on_error: OnError,
        registry: FunctionRegistry | None,
    ) -> None:
        program = compile_row(expressions, scope, on_error, registry)
        super().__init__(program, expressions, scope, on_error, registry)
        self.types: tuple[DataType | None, ...] = program.types
        self._null_row = null_row

    def row(self, record: Record) -> tuple[Any, ...] | None:
        """Return the tuple; for keys None when any part is NULL."""
        result = self._function(record)
        if self._null_row and None in result:
            return None
        return result

    def column(self, batch: Batch) -> tuple[list[ArrowArray], Mask | None]:
        """Return the columns and the mask of rows that are not null as a whole."""
        columns = self._columns.evaluate(batch)
        if not self._null_row or all(column.null_count == 0 for column in columns):
            return columns, None
        valid = np.ones(len(batch), dtype=np.bool_)
        for column in columns:
            valid &= column.is_valid().to_numpy(zero_copy_only=False)
        return columns, valid


def make_predicate(
    expression: Expression,
    scope: Scope,
    clause: str = "WHERE",
    *,
    on_error: OnError = ignore_error,
    registry: FunctionRegistry | None = None,
) -> SqlPredicate:
    """Make the predicate of a clause.

    Raises:
        StatementError: the expression is wrong or not boolean; the message names the clause.
    """
    return SqlPredicate(expression, scope, clause, on_error, registry)


def make_mapper(
    expressions: Sequence[tuple[str, Expression]],
    scope: Scope,
    *,
    on_error: OnError = ignore_error,
    registry: FunctionRegistry | None = None,
) -> SqlMapper:
    """Make the mapper of a projection.

    Raises:
        StatementError: an expression is wrong.
    """
    return SqlMapper(expressions, scope, False, on_error, registry)


def make_key_mapper(
    expressions: Sequence[tuple[str, Expression]],
    scope: Scope,
    *,
    on_error: OnError = ignore_error,
    registry: FunctionRegistry | None = None,
) -> SqlMapper:
    """Make the mapper of grouping keys: None where any of them is NULL.

    Raises:
        StatementError: an expression is wrong.
    """
    return SqlMapper(expressions, scope, True, on_error, registry)
