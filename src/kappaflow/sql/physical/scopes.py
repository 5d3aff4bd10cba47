"""How the expressions of a step are read."""

from __future__ import annotations

from kappaflow.sql.ast.expressions import FunctionCall
from kappaflow.sql.expressions.scope import SchemaScope
from kappaflow.sql.physical import steps as s


def step_scope(step: s.Step) -> SchemaScope:
    """Return the scope of expressions over the rows that `step` gives."""
    return SchemaScope(step.schema, step.window is not None, step.pseudo_columns)


def aggregate_calls(
    step: s.StreamAggregate | s.TableAggregate | s.StreamWindowedAggregate,
) -> tuple[FunctionCall, ...]:
    """Return the aggregate calls of a step."""
    calls: list[FunctionCall] = []
    for named in step.calls:
        assert isinstance(named.expression, FunctionCall)
        calls.append(named.expression)
    return tuple(calls)
