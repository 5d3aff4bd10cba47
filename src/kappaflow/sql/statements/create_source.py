"""CREATE STREAM and CREATE TABLE over a topic."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.serde.formats import FORMATS
from kappaflow.serde.schema import Column, Namespace, Schema
from kappaflow.serde.types import BYTES, DataType
from kappaflow.sql.analyzer.custom_types import resolve_type
from kappaflow.sql.ast.statements import ColumnDefinition, CreateSource
from kappaflow.sql.expressions.scope import HEADERS_TYPE
from kappaflow.sql.formats import check_available, check_key, check_value, traits_of, with_wrapping
from kappaflow.sql.metastore import DataSource, SourceKind
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.properties import CREATE_PROPERTIES, WithClause, format_names, source_formats
from kappaflow.sql.queries import PersistentQuery
from kappaflow.sql.settings import Settings
from kappaflow.sql.statement_plan import Plan, RegisterSource
from kappaflow.sql.statements.inference import inferred_schema
from kappaflow.sql.statements.naming import check_column_names, check_name_free, command_of
from kappaflow.sql.statements.replacing import check_replacement
from kappaflow.sql.statements.source_table import source_table_query
from kappaflow.sql.statements.switches import check_headers, check_replace, check_source_table
from kappaflow.sql.statements.timestamps import timestamp_column
from kappaflow.sql.statements.topics import source_topic


def plan_create_source(context: PlanningContext, statement: CreateSource) -> Plan:
    """Plan CREATE STREAM|TABLE.

    Raises:
        StatementError: columns, properties or formats do not fit.
    """
    clause = WithClause.of(statement.properties, CREATE_PROPERTIES, required=("KAFKA_TOPIC",))
    kind = SourceKind.TABLE if statement.is_table else SourceKind.STREAM
    command = command_of("table" if statement.is_table else "stream", statement.name, "create")
    _check_schema_ids(clause, statement, context.settings)
    key_format, value_format = source_formats(clause, context.settings)
    schema = inferred_schema(context, clause, _schema(context, statement), key_format, value_format)
    if statement.is_table and not schema.key:
        raise StatementError("Tables require a PRIMARY KEY. Please define the PRIMARY KEY.")
    if not schema.columns and not traits_of(value_format).infers_schema:
        raise StatementError("No columns supplied.")
    existing = context.metastore.source(statement.name)
    if existing is not None and statement.if_not_exists:
        old = existing.kind.value.lower()
        warning = f"Cannot add {kind.value.lower()} `{statement.name}`: A {old} with the same name already exists."
        return Plan(context.text, statement, command, warning=warning)
    value_format = with_wrapping(value_format, schema.value, clause.flag("WRAP_SINGLE_VALUE"), context.settings)
    check_key(key_format, schema.key)
    check_value(value_format, schema.value)
    check_available(key_format, value_format)
    if clause.window() is not None and not schema.key:
        raise StatementError("Windowed sources require a key column.")
    topic = clause.text("KAFKA_TOPIC") or ""
    source = DataSource(
        name=statement.name,
        kind=kind,
        schema=schema,
        topic=topic,
        key_format=key_format,
        value_format=value_format,
        window=clause.window(),
        timestamp=timestamp_column(clause, schema),
        is_read_only=statement.is_source,
        statement=context.text,
    )
    check_replace(statement.or_replace, context.settings)
    check_name_free(context.metastore, source, statement.or_replace)
    if existing is not None:
        check_replacement(existing, source)
    actions = source_topic(context, clause, source)
    query: PersistentQuery | None = None
    message = f"{kind.value.capitalize()} created"
    check_headers(kind.value.lower(), schema, context.settings)
    if statement.is_source and statement.is_table:
        check_source_table(context.settings)
        query = source_table_query(context, source)
        message = f"Created query with ID {query.id}"
    return Plan(
        context.text,
        statement,
        command,
        ddl=RegisterSource(source),
        topic_actions=actions,
        query=query,
        message=message,
        properties=dict(context.settings.overrides),
        query_number=context.query_number,
        topics=context.topics.facts,
        schemas=context.schemas.facts,
    )


def _schema(context: PlanningContext, statement: CreateSource) -> Schema:
    keys: list[Column] = []
    others: list[Column] = []
    check_column_names([definition.name for definition in statement.columns])
    for definition in statement.columns:
        column = _column(context, definition)
        (keys if column.namespace is Namespace.KEY else others).append(column)
    _check_headers([column for column in others if column.namespace is Namespace.HEADERS])
    return Schema((*keys, *others))


def _check_headers(columns: list[Column]) -> None:
    """Check that there is one column of all headers, or several of a header each."""
    seen: list[str | None] = []
    for column in columns:
        clashes = bool(seen) if column.header_key is None else column.header_key in seen or None in seen
        if clashes:
            shown = "HEADERS" if column.header_key is None or None in seen else f"HEADER('{column.header_key}')"
            raise StatementError(f"Schema already contains a {shown} column.")
        seen.append(column.header_key)


def _column(context: PlanningContext, definition: ColumnDefinition) -> Column:
    name = definition.name
    data_type = resolve_type(definition.type, context.metastore)
    match definition.constraint:
        case "KEY" | "PRIMARY KEY":
            return Column(name, data_type, Namespace.KEY)
        case "HEADERS" | "HEADER":
            return _header(name, data_type, definition.header_key)
        case _:
            return Column(name, data_type, Namespace.VALUE)


def _header(name: str, data_type: DataType, header_key: str | None) -> Column:
    wanted = HEADERS_TYPE if header_key is None else BYTES
    if data_type != wanted:
        shown = "HEADERS" if header_key is None else f"HEADER('{header_key}')"
        raise StatementError(f"Invalid type for {shown} column: expected {wanted}, got {data_type}")
    return Column(name, data_type, Namespace.HEADERS, header_key)


def _check_schema_ids(clause: WithClause, statement: CreateSource, settings: Settings) -> None:
    key_name, value_name = format_names(clause, settings)
    has_key = any(c.constraint in {"KEY", "PRIMARY KEY"} for c in statement.columns)
    has_value = any(not c.constraint for c in statement.columns)
    for part, name, declared in (("KEY", key_name, has_key), ("VALUE", value_name, has_value)):
        if clause.text(f"{part}_SCHEMA_ID") is None:
            continue
        if name in FORMATS and not FORMATS[name].infers_schema:
            raise StatementError(
                f"{part}_FORMAT should support schema inference when {part}_SCHEMA_ID is provided. "
                f"Current format is {name}."
            )
        if declared:
            raise StatementError(f"Table elements and {part}_SCHEMA_ID cannot both exist for create statement.")
