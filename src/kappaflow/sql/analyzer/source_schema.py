"""Types of qualified expressions over the sources of a query."""

from __future__ import annotations

from kappaflow.serde.schema import Column, Namespace, Schema
from kappaflow.serde.types import DataType
from kappaflow.sql.analyzer.scope import PSEUDO_COLUMNS, WINDOW_BOUNDS, Scope
from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.expressions.scope import SchemaScope
from kappaflow.sql.expressions.typing import type_of
from kappaflow.sql.functions.registry import FunctionRegistry


def scope_schema(scope: Scope) -> Schema:
    """Return all columns of all sources, pseudo columns too, by their lowered names, as value columns."""
    columns: list[Column] = []
    for aliased in scope.sources:
        visible = {column.name: column.type for column in aliased.columns()} | PSEUDO_COLUMNS
        if aliased.source.is_windowed:
            visible |= WINDOW_BOUNDS
        columns.extend(
            Column(scope.lowered_name(aliased.alias, name), type_, Namespace.VALUE) for name, type_ in visible.items()
        )
    return Schema(tuple(columns))


def type_in_scope(expression: Expression, scope: Scope, functions: FunctionRegistry) -> DataType | None:
    """Return the type of a qualified expression, None for a bare NULL.

    Raises:
        StatementError: the expression is ill-typed.
    """
    return type_of(scope.lower(expression), SchemaScope(scope_schema(scope), pseudo_columns=False), functions)
