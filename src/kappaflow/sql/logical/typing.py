"""Types of expressions over plan nodes."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Column, Namespace
from kappaflow.serde.types import BOOLEAN, DataType
from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.expressions.scope import SchemaScope
from kappaflow.sql.expressions.typing import type_of
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.plan import NamedExpression, Node
from kappaflow.sql.types import type_text


def node_scope(node: Node) -> SchemaScope:
    """Return the scope in which expressions over the rows of `node` are read."""
    return SchemaScope(node.schema, node.window is not None, node.pseudo_columns)


def named(
    name: str,
    expression: Expression,
    node: Node,
    functions: FunctionRegistry,
    namespace: Namespace = Namespace.VALUE,
) -> NamedExpression:
    """Type an expression over the rows of `node` and make it a column.

    Raises:
        StatementError: it is ill-typed, or its type cannot be told.
    """
    data_type = type_of(expression, node_scope(node), functions)
    if data_type is None:
        raise StatementError(
            "Can't infer a type of null. Please explicitly cast it to a required type, e.g. CAST(null AS VARCHAR).",
            at=expression.position,
        )
    return NamedExpression(name, expression, Column(name, data_type, namespace))


def select_column(name: str, expression: Expression, node: Node, functions: FunctionRegistry) -> NamedExpression:
    """Type an item of SELECT.

    Raises:
        StatementError: it is ill-typed.
    """
    try:
        return named(name, expression, node, functions)
    except StatementError as error:
        raise error.within(f"Invalid Select: {error}") from None


def check_predicate(predicate: Expression, node: Node, functions: FunctionRegistry, clause: str) -> None:
    """Check that a predicate is a BOOLEAN.

    Raises:
        StatementError: it is ill-typed, or of another type.
    """
    try:
        data_type: DataType | None = type_of(predicate, node_scope(node), functions)
    except StatementError as error:
        text = str(error)
        if text.startswith(("Cannot compare", "Comparison with NULL", "Invalid expression")):
            raise error.within(f"Error in {clause} expression: {text}") from None
        raise error.within(f"Invalid Predicate: {text}") from None
    if data_type != BOOLEAN:
        raise StatementError(
            f"Type error in {clause} expression: Should evaluate to boolean but is "
            f"{format_expression(predicate)} ({type_text(data_type)}) instead.",
            at=predicate.position,
        )
