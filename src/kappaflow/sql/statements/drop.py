"""DROP STREAM and DROP TABLE."""

from __future__ import annotations

from collections.abc import Iterable

from kappaflow.errors import StatementError
from kappaflow.serde.schema_registry import subject_of
from kappaflow.sql.ast.statements import DropSource
from kappaflow.sql.formats import traits_of
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.queries import PersistentQuery, QueryKind, QueryState
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
        raise StatementError(f"{message}.{context.metastore.hint(statement.name)}", at=statement.name_at)
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
        topic_actions=(_deleted_topic(source),) if statement.delete_topic else (),
        transitions=tuple((query_id, QueryState.TERMINATED) for query_id in ended),
        message=f"Source `{statement.name}` (topic: {source.topic}) was dropped.",
    )


def _deleted_topic(source: DataSource) -> DeleteTopic:
    parts = ((source.key_format, True), (source.value_format, False))
    subjects = [subject_of(source.topic, is_key=is_key) for info, is_key in parts if traits_of(info).infers_schema]
    return DeleteTopic(source.topic, tuple(subjects))


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
    """Refuse what is read or written by INSERT INTO, and what another stream or table was made from."""
    name = source.name
    readers = _inserts(context.metastore.readers(name), ended)
    writers = _inserts(context.metastore.writers(name), ended)
    if readers or writers:
        raise StatementError(
            f"Cannot drop {name}.\n"
            f"The following queries read from this source: [{', '.join(readers)}].\n"
            f"The following queries write into this source: [{', '.join(writers)}].\n"
            f"You need to terminate them before dropping {name}."
        )
    dependents = context.metastore.dependents(name)
    if dependents:
        raise StatementError(
            f"Cannot drop {name}.\n"
            f"The following streams and/or tables read from this source: [{', '.join(dependents)}].\n"
            f"You need to drop them before dropping {name}."
        )


def _inserts(queries: Iterable[PersistentQuery], ended: tuple[str, ...]) -> list[str]:
    return sorted(query.id for query in queries if query.kind is QueryKind.INSERT and query.id not in ended)
