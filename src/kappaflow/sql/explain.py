"""What EXPLAIN answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kappaflow.errors import StatementError
from kappaflow.sql.ast.statements import CreateAsSelect, InsertInto, Query, Statement
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import PersistentQuery, PullQuery, PushQuery
from kappaflow.sql.statements.planners import PLANNERS
from kappaflow.sql.statements.pull import plan_pull
from kappaflow.sql.statements.push import plan_push

_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(ANALYZE\s+)?", re.IGNORECASE)
SECTIONS = ("logical plan", "optimizer rules", "physical steps", "topology", "columns")


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a query runs.

    Attributes:
        statement: the text of the explained statement.
        query_id: None for a query that does not run.
        sections: text by section, in the order of `SECTIONS`.
        query: what is explained.
    """

    statement: str
    query_id: str | None
    sections: dict[str, str]
    properties: dict[str, str] = field(default_factory=dict[str, str])
    query: PersistentQuery | PushQuery | PullQuery | None = None

    def __str__(self) -> str:
        return "\n\n".join(f"{name.capitalize()}\n{text}" for name, text in self.sections.items())


def explain_statement(context: PlanningContext, statement: Statement) -> Explanation:
    """Plan a statement and return how its query would run.

    Raises:
        StatementError: the statement cannot be planned, or runs no query.
    """
    text = _EXPLAIN.sub("", context.text, count=1)
    match statement:
        case Query(emit=None):
            pull = plan_pull(context, statement)
            return Explanation(text, None, {"logical plan": _pull_text(pull)}, query=pull)
        case Query():
            push = plan_push(context, statement)
            return Explanation(text, None, dict(push.explanation), query=push)
        case CreateAsSelect() | InsertInto():
            query = PLANNERS[type(statement)](context, statement).query
            if query is not None:
                return Explanation(text, query.id, dict(query.explanation), query=query)
        case _:
            pass
    raise StatementError("The provided statement does not run a ksql query", context.text)


def _pull_text(pull: PullQuery) -> str:
    """Return how a pull query finds its rows."""
    if pull.store is None:
        return f"Read topic {pull.source_topic} from its beginning to its end (stream {pull.source})"
    place = f"the state of {pull.query_id}, table {pull.source}"
    if pull.keys is None:
        return f"Scan {place}"
    return f"Look up {len(pull.keys)} key{'' if len(pull.keys) == 1 else 's'} in {place}"
