"""TERMINATE, PAUSE and RESUME."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.sql.ast.statements import AlterSystem, Pause, Resume, Terminate
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import PersistentQuery, QueryKind, QueryState
from kappaflow.sql.statement_plan import Plan

NO_CONNECTORS = "This server runs no connectors. Write to a topic with any Kafka client, or with INSERT INTO."


def plan_terminate(context: PlanningContext, statement: Terminate) -> Plan:
    """Plan TERMINATE.

    Raises:
        StatementError: there is no such query, or it belongs to a source table.
    """
    queries = _queries(context, statement.query_id)
    for query in queries:
        if query.kind is QueryKind.CREATE_SOURCE_TABLE and statement.query_id is not None:
            raise StatementError(
                f"Cannot terminate query '{query.id}' as it is linked to a source table. Use DROP TABLE instead."
            )
    queries = [q for q in queries if q.kind is not QueryKind.CREATE_SOURCE_TABLE]
    return _transition(context, statement, "terminate", queries, QueryState.TERMINATED, "Query terminated.")


def plan_pause(context: PlanningContext, statement: Pause) -> Plan:
    """Plan PAUSE.

    Raises:
        StatementError: there is no such query.
    """
    queries = _queries(context, statement.query_id)
    return _transition(context, statement, "pause", queries, QueryState.PAUSED, "Query paused.")


def plan_resume(context: PlanningContext, statement: Resume) -> Plan:
    """Plan RESUME.

    Raises:
        StatementError: there is no such query.
    """
    queries = _queries(context, statement.query_id)
    return _transition(context, statement, "resume", queries, QueryState.RUNNING, "Query resumed.")


def _queries(context: PlanningContext, query_id: str | None) -> list[PersistentQuery]:
    known = context.metastore.queries
    if query_id is None:
        return list(known.values())
    found = [query for name, query in known.items() if name.upper() == query_id.upper()]
    if not found:
        raise StatementError(f"Unknown queryId: {query_id}. Use SHOW QUERIES to see the running queries.")
    return found


def _transition(
    context: PlanningContext,
    statement: Terminate | Pause | Resume,
    action: str,
    queries: list[PersistentQuery],
    state: QueryState,
    message: str,
) -> Plan:
    entity = statement.query_id.upper() if statement.query_id else "ALL"
    return Plan(
        context.text,
        statement,
        (action, entity, "execute"),
        transitions=tuple((query.id, state) for query in queries),
        message=message,
    )


def plan_alter_system(context: PlanningContext, statement: AlterSystem) -> Plan:
    """Refuse ALTER SYSTEM: what a server runs with is said when it starts.

    Raises:
        StatementError: always.
    """
    raise no_alter_system(statement, context.text)


def no_alter_system(statement: AlterSystem, text: str) -> StatementError:
    """Return why ALTER SYSTEM is refused."""
    return StatementError(
        f"ALTER SYSTEM is not available on this server: '{statement.name}' is set for the statements of a session with"
        " SET, and for all of them with --property when the server starts.",
        text,
    )
