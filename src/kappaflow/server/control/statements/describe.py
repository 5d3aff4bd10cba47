"""DESCRIBE and EXPLAIN."""

from __future__ import annotations

from kappaflow.errors import KappaError, StatementError
from kappaflow.server.control.entities import Entity, entity, fields, query_row, source_description
from kappaflow.server.control.state import BrokerTopics, ControlState
from kappaflow.server.control.statements.offset_summaries import offset_summary
from kappaflow.server.control.statements.session import Session
from kappaflow.server.control.statements.states import errors_of, restore_of, states_of
from kappaflow.sql.ast import statements as s
from kappaflow.sql.explain import Explanation
from kappaflow.sql.functions.signature import written
from kappaflow.sql.functions.user.declarations import RecordedFunctions
from kappaflow.sql.grammar.parser import ParsedStatement
from kappaflow.sql.metastore import DataSource
from kappaflow.sql.queries import PersistentQuery, PullQuery, PushQuery


def describe_source(state: ControlState, source: DataSource, extended: bool) -> Entity:
    """Return the description of a stream or table."""
    with state.commands.lock:
        queries = list(state.engine.metastore.queries.values())
    readers = [_row(state, query) for query in queries if source.name in query.sources]
    writers = [_row(state, query) for query in queries if query.sink == source.name]
    info = BrokerTopics(state.admin).describe(source.topic)
    topic = (info.partitions, info.replicas) if info is not None else None
    description = source_description(source, readers, writers, topic, extended)
    if extended:
        reading = [query for query in queries if source.name in query.sources or query.sink == source.name]
        description["queryOffsetSummaries"] = [offset_summary(state, query) for query in reading]
    return description


def _row(state: ControlState, query: PersistentQuery) -> Entity:
    return query_row(query, states_of(state, query.id), restore_of(state, query.id))


def execute_describe(state: ControlState, statement: s.Describe, text: str) -> Entity:
    """Answer DESCRIBE name.

    Raises:
        StatementError: there is no such stream or table.
    """
    with state.commands.lock:
        source = state.engine.metastore.source(statement.name)
        hint = state.engine.metastore.hint(statement.name)
    if source is None:
        raise StatementError(f"Could not find STREAM/TABLE '{statement.name}' in the Metastore{hint}", text)
    description = describe_source(state, source, statement.extended)
    return entity("sourceDescription", text, sourceDescription=description)


def execute_describe_all(state: ControlState, statement: s.DescribeAll, text: str) -> Entity:
    """Answer DESCRIBE STREAMS and DESCRIBE TABLES."""
    wanted = statement.what.removesuffix("S")
    with state.commands.lock:
        sources = [source for source in state.engine.metastore.sources.values() if source.kind.value == wanted]
    descriptions = [describe_source(state, source, statement.extended) for source in sources]
    return entity("source_descriptions", text, sourceDescriptions=descriptions)


def execute_describe_function(state: ControlState, statement: s.DescribeFunction, text: str) -> Entity:
    """Answer DESCRIBE FUNCTION.

    Raises:
        StatementError: there is no such function.
    """
    function = RecordedFunctions(state.engine.functions).find(statement.name)
    overloads = [
        {
            "arguments": [
                {
                    "name": parameter.name,
                    "type": written(parameter.type),
                    "description": "",
                    "isVariadic": parameter.variadic,
                }
                for parameter in overload.signature.parameters
            ],
            "signature": f"{function.name.upper()}{overload.signature}",
            "returnType": written(overload.signature.returns),
            "description": overload.description or function.description,
        }
        for overload in function.overloads
    ]
    return entity(
        "describe_function",
        text,
        name=function.name.upper(),
        description=function.description,
        author=function.author,
        version=function.version,
        path=function.declaration.source if function.declaration is not None else "internal",
        type=function.kind.upper(),
        examples=list(function.examples),
        functions=overloads,
    )


def execute_explain(state: ControlState, parsed: ParsedStatement, session: Session) -> Entity:
    """Answer EXPLAIN.

    Raises:
        StatementError: the statement cannot be planned, or the query is unknown.
    """
    with state.commands.lock:
        explanation = state.engine.explain(parsed, session.properties)
        query = state.engine.query(explanation.query_id) if explanation.query_id else None
    return entity("queryDescription", parsed.text, queryDescription=_description(state, explanation, query))


def describe_queries(state: ControlState) -> list[Entity]:
    """Return what EXPLAIN says of each persistent query."""
    with state.commands.lock:
        queries = list(state.engine.metastore.queries.values())
    return [
        _description(state, Explanation(query.statement, query.id, _sections(query), query.properties, query), query)
        for query in queries
    ]


def _sections(query: PersistentQuery) -> dict[str, str]:
    """Return how a query runs, or why it cannot: the others are described all the same."""
    try:
        return dict(query.explanation)
    except KappaError as error:
        return {"logical plan": str(error)}


def _ends(query: PersistentQuery | PushQuery | PullQuery | None) -> tuple[list[str], list[str], str]:
    """Return what a query reads and writes, and its kind."""
    match query:
        case PersistentQuery():
            return list(query.sources), [query.sink] if query.sink else [], "PERSISTENT"
        case PushQuery():
            return list(query.sources), [], "PUSH"
        case PullQuery():
            return [query.source], [], "PULL"
        case None:
            return [], [], "UNKNOWN"


def _description(state: ControlState, explanation: Explanation, query: PersistentQuery | None) -> Entity:
    states = states_of(state, query.id) if query else {}
    explained = explanation.query
    sources, sinks, kind = _ends(explained)
    return {
        "id": explanation.query_id or "",
        "windowType": query.window.type.value if query and query.window else None,
        "statementText": explanation.statement,
        "fields": fields(explained.schema, is_table=False) if explained else [],
        "sources": sources,
        "sinks": sinks,
        "topology": explanation.sections.get("topology", ""),
        "executionPlan": str(explanation),
        "overriddenProperties": explanation.properties,
        "ksqlHostQueryStatus": states,
        "queryType": kind,
        "queryErrors": errors_of(state, query.id) if query else [],
        "tasksMetadata": [],
        "state": _row(state, query)["state"] if query else None,
        "restore": restore_of(state, query.id) if query else None,
    }
