"""CREATE STREAM|TABLE .. AS SELECT."""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Column, Schema
from kappaflow.serde.types import BIGINT
from kappaflow.sql.analyzer.projection import Named
from kappaflow.sql.analyzer.query import Analysis, analyze
from kappaflow.sql.ast.places import place_of
from kappaflow.sql.ast.statements import CreateAsSelect
from kappaflow.sql.formats import (
    check_available,
    check_key,
    check_value,
    internal_format,
    require_format,
    with_wrapping,
)
from kappaflow.sql.logical.planner import plan_query
from kappaflow.sql.metastore import DataSource, FormatInfo, SourceKind
from kappaflow.sql.optimizer.optimizer import optimize
from kappaflow.sql.physical.persistent import SinkSpec, persistent_query
from kappaflow.sql.physical.upgrades import check_upgrade
from kappaflow.sql.planning import PlanningContext
from kappaflow.sql.properties import CREATE_AS_PROPERTIES, WithClause, given_format
from kappaflow.sql.queries import PersistentQuery, QueryKind
from kappaflow.sql.statement_plan import Plan, RegisterSource
from kappaflow.sql.statements.inference import check_schema_id
from kappaflow.sql.statements.naming import check_name_free, command_of
from kappaflow.sql.statements.replacing import check_schema_change
from kappaflow.sql.statements.switches import check_query, check_replace
from kappaflow.sql.statements.timestamps import check_timestamp_name, timestamp_column
from kappaflow.sql.statements.topics import sink_topic


def plan_create_as(context: PlanningContext, statement: CreateAsSelect) -> Plan:
    """Plan CREATE STREAM|TABLE .. AS SELECT.

    Raises:
        StatementError: the query or the properties are wrong.
    """
    kind = SourceKind.TABLE if statement.is_table else SourceKind.STREAM
    command = command_of("table" if statement.is_table else "stream", statement.name, "create")
    check_replace(statement.or_replace, context.settings)
    existing = context.metastore.source(statement.name)
    if existing is not None and statement.if_not_exists:
        old = existing.kind.value.lower()
        warning = f"Cannot add {kind.value.lower()} `{statement.name}`: A {old} with the same name already exists."
        return Plan(context.text, statement, command, warning=warning)
    clause = WithClause.of(statement.properties, CREATE_AS_PROPERTIES)
    analysis = analyze(statement.query, context.metastore, context.functions, persistent=True)
    if analysis.limit is not None:
        raise StatementError(f"CREATE {kind.value} AS SELECT statements don't support LIMIT clause.")
    check_query(statement.query, context.settings)
    _check_timestamp(clause, analysis)
    selected = context.settings.flag("ksql.new.query.planner.enabled", False)
    with place_of(statement.query):
        logical = plan_query(analysis, context.functions, statement.name, context.topics, keys_as_selected=selected)
    _check_kind(kind, logical.root.is_table)
    optimized = optimize(logical.root, context.functions)
    schema = optimized.root.schema
    key_format, value_format = _formats(clause, analysis, schema.key, context)
    key_format = _named_key(key_format, statement.name)
    value_format = with_wrapping(value_format, schema.value, clause.flag("WRAP_SINGLE_VALUE"), context.settings)
    check_key(key_format, schema.key)
    check_value(value_format, schema.value)
    check_available(key_format, value_format)
    topic = clause.text("KAFKA_TOPIC") or context.settings.get("ksql.output.topic.name.prefix") + statement.name
    check_schema_id(context, topic, key_format, schema.key, is_key=True)
    check_schema_id(context, topic, value_format, schema.value, is_key=False)
    query_id = _query_id(context, kind, statement.name, existing)
    source = DataSource(
        name=statement.name,
        kind=kind,
        schema=schema,
        topic=topic,
        key_format=key_format,
        value_format=value_format,
        window=optimized.root.window,
        timestamp=timestamp_column(clause, schema),
        created_by=query_id,
        statement=context.text,
        made_from=_source_names(analysis),
    )
    check_name_free(context.metastore, source, statement.or_replace)
    if existing is not None:
        _check_result(context, existing, source)
    query = persistent_query(
        context,
        optimized,
        SinkSpec(source, source.timestamp),
        query_id,
        QueryKind.CREATE_TABLE_AS if statement.is_table else QueryKind.CREATE_STREAM_AS,
        source.made_from,
    )
    if existing is not None:
        _check_steps(context, query)
    return Plan(
        context.text,
        statement,
        command,
        ddl=RegisterSource(source),
        topic_actions=sink_topic(context, clause, analysis.scope.sources[0].source, source, analysis.window),
        query=query,
        message=f"Created query with ID {query_id}",
        properties=dict(context.settings.overrides),
        query_number=context.query_number,
        topics=context.topics.facts,
        schemas=context.schemas.facts,
    )


def _source_names(analysis: Analysis) -> tuple[str, ...]:
    return tuple(source.source.name for source in analysis.scope.sources)


def _check_timestamp(clause: WithClause, analysis: Analysis) -> None:
    """Refuse an unknown TIMESTAMP column before anything else that may be wrong with the projection."""
    if all(isinstance(item, Named) for item in analysis.items):
        named = Schema(tuple(Column(item.name, BIGINT) for item in analysis.items if isinstance(item, Named)))
        check_timestamp_name(clause, named)


def _check_kind(kind: SourceKind, gives_table: bool) -> None:
    if gives_table and kind is SourceKind.STREAM:
        raise StatementError(
            "Invalid result type. Your SELECT query produces a TABLE. Please use CREATE TABLE AS SELECT statement "
            "instead."
        )
    if not gives_table and kind is SourceKind.TABLE:
        raise StatementError(
            "Invalid result type. Your SELECT query produces a STREAM. Please use CREATE STREAM AS SELECT statement "
            "instead."
        )


def _formats(
    clause: WithClause, analysis: Analysis, keys: tuple[Column, ...], context: PlanningContext
) -> tuple[FormatInfo, FormatInfo]:
    left = analysis.scope.sources[0].source
    key_name = clause.key_format_name()
    if key_name is None:
        key_format = _default_key_format(
            left.key_format, keys, context, partitioned_by_null=analysis.partition_by == ()
        )
        key_format = _with_properties(key_format, clause.format_properties(is_key=True))
    else:
        key_format = given_format(clause, key_name, is_key=True)
    value_name = clause.value_format_name()
    if value_name is None or value_name == left.value_format.name:
        value_format = _with_properties(internal_format(left.value_format), clause.format_properties(is_key=False))
    else:
        value_format = given_format(clause, value_name, is_key=False)
    return key_format, value_format


def _default_key_format(
    inherited: FormatInfo, keys: tuple[Column, ...], context: PlanningContext, *, partitioned_by_null: bool
) -> FormatInfo:
    """Return the sink's key format when none was given: the left source's, where it can hold a key at all."""
    if partitioned_by_null:
        return require_format("NONE", {})
    if inherited.name == "NONE" and keys:
        return require_format(context.settings.get("ksql.persistence.default.format.key", "KAFKA").upper(), {})
    return internal_format(inherited)


def _with_properties(info: FormatInfo, properties: dict[str, str]) -> FormatInfo:
    return require_format(info.name, dict(info.properties) | properties)


def _named_key(info: FormatInfo, sink: str) -> FormatInfo:
    """Return the key format with a name for its record: Avro needs one, and a key's differs from the value's."""
    properties = dict(info.properties)
    if info.name != "AVRO" or "fullSchemaName" in properties or "schemaId" in properties:
        return info
    camel = "".join(part[:1].upper() + part[1:].lower() for part in sink.split("_"))
    return require_format(info.name, properties | {"fullSchemaName": f"io.confluent.ksql.avro_schemas.{camel}Key"})


def _query_id(context: PlanningContext, kind: SourceKind, name: str, existing: DataSource | None) -> str:
    if existing is not None and existing.created_by is not None:
        return existing.created_by
    prefix = QueryKind.CREATE_TABLE_AS if kind is SourceKind.TABLE else QueryKind.CREATE_STREAM_AS
    return f"{prefix.value}_{name.upper()}_{context.query_number}"


def _check_result(context: PlanningContext, old: DataSource, new: DataSource) -> None:
    if old.created_by is None:
        raise StatementError(f"Cannot upgrade data source: {old.name} was not created by a query.")
    writers = [query.id for query in context.metastore.queries.values() if query.sink == old.name]
    if len(writers) > 1:
        raise StatementError(
            f"REPLACE for sink {old.name} is not supported because there are multiple queries writing into it: "
            f"[{', '.join(writers)}]"
        )
    check_schema_change(old.schema.key, new.schema.key, old.schema.value, new.schema.value)


def _check_steps(context: PlanningContext, new: PersistentQuery) -> None:
    running = context.metastore.queries.get(new.id)
    if running is not None and running.steps is not None:
        check_upgrade(running.steps, new.steps)
