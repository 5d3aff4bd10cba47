"""LIST and SHOW."""

from __future__ import annotations

from collections.abc import Callable

from kappaflow.errors import StatementError
from kappaflow.server.control.entities import Entity, entity, query_row, source_row, type_schema
from kappaflow.server.control.state import ControlState
from kappaflow.server.control.statements.describe import describe_queries, describe_source
from kappaflow.server.control.statements.session import Session
from kappaflow.server.control.statements.states import restore_of, states_of
from kappaflow.sql.ast.statements import Show
from kappaflow.sql.settings import STREAMS_PREFIX
from kappaflow.sql.statements.control import NO_CONNECTORS

SERVERS_OWN = {"ksql.service.id", "ksql.streams.bootstrap.servers"}
DEFAULTS = {
    "ksql.assert.schema.default.timeout.ms": "1000",
    "ksql.assert.topic.default.timeout.ms": "1000",
    "ksql.insert.into.values.enabled": "true",
    "ksql.max.push.queries": "100",
    "ksql.pull.queries.enable": "true",
    "ksql.query.pull.limit.clause.enabled": "true",
    "ksql.query.pull.range.scan.enabled": "true",
    "ksql.query.pull.stream.enabled": "true",
    "ksql.query.pull.table.scan.enabled": "true",
    "ksql.query.push.v2.enabled": "false",
    "ksql.streams.auto.offset.reset": "latest",
    "ksql.streams.processing.guarantee": "at_least_once",
}
"""What holds where nothing else is said."""
INTERNAL_PREFIXES = ("_confluent", "__", "ksql__commands")


def execute_show(state: ControlState, statement: Show, text: str, session: Session) -> Entity:
    """Answer a SHOW statement.

    Raises:
        StatementError: connectors, which this server has none of.
    """
    handler = _SHOWS.get(statement.what)
    if handler is None:
        raise StatementError(NO_CONNECTORS, text)
    return handler(state, statement, text, session)


def _sources(kind: str) -> Callable[[ControlState, Show, str, Session], Entity]:
    def show(state: ControlState, statement: Show, text: str, _: Session) -> Entity:
        with state.commands.lock:
            sources = [s for s in state.engine.metastore.sources.values() if s.kind.value == kind]
        if statement.extended:
            descriptions = [describe_source(state, source, extended=True) for source in sources]
            return entity("source_descriptions", text, sourceDescriptions=descriptions)
        name = f"{kind.lower()}s"
        return entity(name, text, **{name: [source_row(s) for s in sorted(sources, key=lambda s: s.name)]})

    return show


def _queries(state: ControlState, statement: Show, text: str, _session: Session) -> Entity:
    if statement.extended:
        return entity("query_descriptions", text, queryDescriptions=describe_queries(state))
    with state.commands.lock:
        queries = list(state.engine.metastore.queries.values())
    rows = [query_row(query, states_of(state, query.id), restore_of(state, query.id)) for query in queries]
    for running in list(state.running.values()):
        rows.append(
            {
                "queryString": running.statement,
                "sinks": [],
                "sinkKafkaTopics": [],
                "id": running.id,
                "statusCount": {"RUNNING": 1},
                "queryType": "PUSH",
                "state": "RUNNING",
            }
        )
    return entity("queries", text, queries=rows)


def _topics(state: ControlState, statement: Show, text: str, _session: Session) -> Entity:
    topics = sorted(state.admin.describe_topics().items())
    rows = [
        {"name": name, "replicaInfo": [len(partition.replicas) for partition in topic.partitions]}
        for name, topic in topics
        if statement.all or not name.startswith(INTERNAL_PREFIXES)
    ]
    if statement.extended:
        consumers = _consumers(state)
        for row in rows:
            count, groups = consumers.get(str(row["name"]), (0, 0))
            row |= {"consumerCount": count, "consumerGroupCount": groups}
        return entity("kafka_topics_extended", text, topics=rows)
    return entity("kafka_topics", text, topics=rows)


def _consumers(state: ControlState) -> dict[str, tuple[int, int]]:
    """Count by topic the workers that read it for a query, and the queries: each is a group of its own."""
    members: dict[str, list[str]] = {}
    for worker in state.all_status:
        for query_id, figures in worker.get("queries", {}).items():
            for topic in {topic for topic, _ in figures.get("partitions", [])}:
                members.setdefault(topic, []).append(query_id)
    return {topic: (len(found), len(set(found))) for topic, found in members.items()}


def _functions(state: ControlState, _statement: Show, text: str, _session: Session) -> Entity:
    rows = [{"name": f.name.upper(), "type": f.kind.upper(), "category": f.category} for f in state.engine.functions]
    answer = entity("function_names", text, functions=rows)
    problems = state.functions.problems if state.functions is not None else ()
    answer["warnings"] = [{"message": problem} for problem in problems]
    return answer


def _types(state: ControlState, _statement: Show, text: str, _session: Session) -> Entity:
    with state.commands.lock:
        types = {name: type_schema(type_) for name, type_ in state.engine.metastore.types.items()}
    return entity("type_list", text, types=types)


def _variables(_state: ControlState, _statement: Show, text: str, session: Session) -> Entity:
    rows = [{"name": name, "value": value} for name, value in sorted(session.variables.items())]
    return entity("variables", text, variables=rows)


def _properties(state: ControlState, _statement: Show, text: str, session: Session) -> Entity:
    config = state.config
    defaults = DEFAULTS | {
        "ksql.service.id": config.service_id,
        "ksql.streams.bootstrap.servers": config.bootstrap_servers,
        "ksql.persistence.default.format.key": "KAFKA",
    }
    said = {**state.engine.config, **session.properties}
    names = {name.removeprefix(STREAMS_PREFIX) for name in said}
    defaults = {name: value for name, value in defaults.items() if name.removeprefix(STREAMS_PREFIX) not in names}
    merged = {**defaults, **said}
    rows = [
        {"name": name, "scope": "KSQL", "value": value, "editable": name not in SERVERS_OWN}
        for name, value in sorted(merged.items())
        if not any(word in name.lower() for word in ("password", "secret", "user.info"))
    ]
    return entity(
        "properties",
        text,
        properties=rows,
        overwrittenProperties=sorted(session.properties),
        defaultProperties=sorted(defaults),
    )


_SHOWS: dict[str, Callable[[ControlState, Show, str, Session], Entity]] = {
    "STREAMS": _sources("STREAM"),
    "TABLES": _sources("TABLE"),
    "QUERIES": _queries,
    "TOPICS": _topics,
    "FUNCTIONS": _functions,
    "TYPES": _types,
    "VARIABLES": _variables,
    "PROPERTIES": _properties,
}
