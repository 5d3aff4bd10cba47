"""The column form: expressions over a `Batch`.

compile_column([("A", expr), ..], scope, on_error) -> ColumnProgram    program.evaluate(batch) -> Arrow columns
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.expressions.row import OnError, ignore_error
from kappaflow.sql.expressions.scope import Scope
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.streams.batch import ArrowArray, Batch


@dataclass(frozen=True, slots=True)
class ColumnProgram:
    """Expressions that run over columns.

    Attributes:
        columnar: whether the column form exists.
        reason: why not, for EXPLAIN; empty when it does.
    """

    columnar: bool
    reason: str

    def evaluate(self, batch: Batch) -> list[ArrowArray]:
        """Return one Arrow column per expression."""
        raise TypeError(f"no column form: {self.reason}")


def compile_column(
    expressions: Sequence[tuple[str, Expression]],
    scope: Scope,
    on_error: OnError = ignore_error,
    registry: FunctionRegistry | None = None,
) -> ColumnProgram:
    """Compile named expressions to their column form, where there is one."""
    return ColumnProgram(False, "not yet compiled to columns")
