"""DROP STREAM and DROP TABLE."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.sql.ast.statements import DropSource
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import QueryKind, QueryState
from kappaflow.sql.statement_plan import DeleteTopic, Plan, RemoveSource
from kappaflow.sql.statements.naming import command_of


def plan_drop(context: PlanningContext, statement: DropSource) -> Plan:
    """Plan DROP; the query that makes the dropped source ends with it.

    Raises:
        StatementError: there is no such source, it is of the other kind, or other queries use it.
    """
    kind = "Table" if statement.is_table else "Stream"
    command = command_of(kind.lower(), statement.name, "drop")
    source = context.metastore.source(statement.name)
    if source is None:
        message = f"{kind} {statement.name} does not exist"
        if statement.if_exists:
            return Plan(context.text, statement, command, warning=f"{kind} `{statement.name}` does not exist.")
        raise StatementError(f"{message}.{context.metastore.hint(statement.name)}")
    if source.is_table != statement.is_table:
        actual = source.kind.value
        raise StatementError(f"Incompatible data source type is {actual}, but statement was DROP {kind.upper()}")
    if statement.delete_topic and source.is_read_only:
        raise StatementError(f"Cannot delete topic for read-only source: {statement.name}")
    ended = _ended_queries(context, source)
    _check_unused(context, source, ended)
    return Plan(
        context.text,
        statement,
        command,
        ddl=RemoveSource(statement.name),
        topic_actions=(DeleteTopic(source.topic),) if statement.delete_topic else (),
        transitions=tuple((query_id, QueryState.TERMINATED) for query_id in ended),
        message=f"Source `{statement.name}` (topic: {source.topic}) was dropped.",
    )


def _ended_queries(context: PlanningContext, source: DataSource) -> tuple[str, ...]:
    creator = source.created_by
    ended = [creator] if creator is not None and creator in context.metastore.queries else []
    ended.extend(
        query.id
        for query in context.metastore.queries.values()
        if query.kind is QueryKind.CREATE_SOURCE_TABLE and query.sources == (source.name,)
    )
    return tuple(ended)


def _check_unused(context: PlanningContext, source: DataSource, ended: tuple[str, ...]) -> None:
    readers = [q.id for q in context.metastore.readers(source.name) if q.id not in ended]
    writers = [q.id for q in context.metastore.writers(source.name) if q.id not in ended]
    if not readers and not writers:
        return
    parts: list[str] = []
    if readers:
        parts.append(f"The following queries read from this source: [{', '.join(sorted(readers))}].")
    if writers:
        parts.append(f"The following queries write into this source: [{', '.join(sorted(writers))}].")
    raise StatementError(
        f"Cannot drop {source.name}.\n" + "\n".join(parts) + "\nYou need to terminate them before dropping "
        f"{source.name}."
    )
