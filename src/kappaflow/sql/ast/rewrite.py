"""Walk and rebuild expressions without knowing each node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

from kappaflow.sql.ast.expressions import ColumnReference, Expression, Lambda, LambdaVariable, WhenClause


@cache
def _names_of_fields(kind: type[Expression]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def children(expression: Expression) -> Iterator[Expression]:
    """Yield the direct sub-expressions in written order."""
    for name in _names_of_fields(type(expression)):
        yield from _expressions_in(getattr(expression, name))


def _expressions_in(value: Any) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, WhenClause):
        yield value.condition
        yield value.result
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions_in(item)


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield the expression and everything below it, parents first."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def rewrite(expression: Expression, change: Callable[[Expression], Expression | None]) -> Expression:
    """Rebuild from the top: where `change` returns a node it takes the place of the whole sub-tree."""
    changed = change(expression)
    if changed is not None:
        return changed
    updates: dict[str, Any] = {}
    for name in _names_of_fields(type(expression)):
        old = getattr(expression, name)
        new = _rewrite_value(old, change)
        if new is not old:
            updates[name] = new
    return replace(expression, **updates) if updates else expression


def _rewrite_value(value: Any, change: Callable[[Expression], Expression | None]) -> Any:
    if isinstance(value, Expression):
        return rewrite(value, change)
    if isinstance(value, WhenClause):
        condition = rewrite(value.condition, change)
        result = rewrite(value.result, change)
        same = condition is value.condition and result is value.result
        return value if same else WhenClause(condition, result)
    if isinstance(value, tuple) and not is_dataclass(value):
        items = tuple(_rewrite_value(item, change) for item in value)
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value


def bind_lambda(parameters: tuple[str, ...], body: Expression) -> Expression:
    """Turn the names of `parameters` in `body` into lambda variables; inner lambdas hide outer names."""

    def change(node: Expression) -> Expression | None:
        if isinstance(node, ColumnReference) and node.source is None and node.name in parameters:
            return LambdaVariable(node.name, position=node.position)
        if isinstance(node, Lambda):
            free = tuple(name for name in parameters if name not in node.parameters)
            return replace(node, body=bind_lambda(free, node.body)) if free else node
        return None

    return rewrite(body, change)
