"""Where table functions may stand: in the SELECT of a query without aggregations, none within another."""

from __future__ import annotations

from collections.abc import Iterable

from kappaflow.errors import StatementError
from kappaflow.sql.ast.expressions import Expression, FunctionCall
from kappaflow.sql.ast.rewrite import children, walk
from kappaflow.sql.functions.registry import FunctionRegistry


def check_table_functions(
    selected: Iterable[Expression],
    elsewhere: Iterable[Expression],
    functions: FunctionRegistry,
    *,
    aggregates: bool,
) -> None:
    """Check all table functions of a query.

    Args:
        selected: what SELECT has.
        elsewhere: what the other clauses have.
        functions: in reach.
        aggregates: whether the query groups or aggregates.

    Raises:
        StatementError: a table function stands where it cannot.
    """
    for expression in selected:
        for call in _calls(expression, functions):
            if aggregates:
                raise StatementError("Table functions cannot be used with aggregations.", at=call.position)
            for child in children(call):
                for inner in _calls(child, functions):
                    raise StatementError(
                        f"Table functions cannot be nested: {call.name.upper()}({inner.name.upper()}())",
                        at=inner.position,
                    )
    for expression in elsewhere:
        for call in _calls(expression, functions):
            # Outside of SELECT only functions with one result are looked up.
            raise StatementError(
                f"Can't find any functions with the name '{call.name.upper()}' that give one value: it is a table "
                "function, and those can only be used in SELECT.",
                at=call.position,
            )


def _calls(expression: Expression, functions: FunctionRegistry) -> Iterable[FunctionCall]:
    for node in walk(expression):
        if isinstance(node, FunctionCall) and functions.is_table(node.name):
            yield node
