"""What EXPLAIN answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from kappaflow.sql.ast.statements import CreateAsSelect, InsertInto, Query, Statement
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.statements.planners import PLANNERS
from kappaflow.sql.statements.push import plan_push

SECTIONS = ("logical plan", "optimizer rules", "physical steps", "topology", "columns")


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a query runs.

    Attributes:
        query_id: None for a query that does not run.
        sections: text by section, in the order of `SECTIONS`.
    """

    statement: str
    query_id: str | None
    sections: dict[str, str]
    properties: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return "\n\n".join(f"{name.capitalize()}\n{text}" for name, text in self.sections.items())


def explain_statement(context: PlanningContext, statement: Statement) -> Explanation:
    """Plan a statement and return how its query would run.

    Raises:
        StatementError: the statement cannot be planned.
    """
    if isinstance(statement, Query) and statement.emit is not None:
        return Explanation(context.text, None, dict(plan_push(context, statement).explanation))
    planner = PLANNERS.get(type(statement)) if isinstance(statement, CreateAsSelect | InsertInto) else None
    if planner is None:
        return Explanation(context.text, None, {"logical plan": f"{type(statement).__name__}: runs no query"})
    plan = planner(context, statement)
    sections = dict(plan.query.explanation) if plan.query else {}
    return Explanation(context.text, plan.query.id if plan.query else None, sections)
